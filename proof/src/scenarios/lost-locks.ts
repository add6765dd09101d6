/** Somebody deletes a lock file: whoever had the lock must find out before he writes. */
import type { Fs } from 'holdfast/os';
import { interceptFs } from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { atAnInstant, deferred, mustFail, mustHold, type NamedScenario } from './instant.js';

export function lostLockScenarios(api: HoldfastApi): readonly NamedScenario[] {
  /** Deletes the lock file that another process has locked, and so gets a lock of its own. */
  const updateWithoutLock = async (fs: Fs, path: string): Promise<void> => {
    await fs.unlink(`${path}.lock`);
    await api.updateJson<object>(path, () => ({ second: 2 }), { fs, initial: {} });
  };

  return [
    atAnInstant('withLock: its file is deleted while another waits', (root) => ({
      async run(world) {
        const path = `${root}/data`;
        const first = await api.acquireLock(path, { fs: world.fs });
        const [waits, wasRefused] = deferred();
        const [enters, entered] = deferred();
        const [reopens, reopened] = deferred();
        let opens = 0;
        const waiter = interceptFs(world.newProcess(), {
          after(call) {
            if (call.name === 'tryLock') wasRefused();
            if (call.name !== 'open') return;
            opens += 1;
            if (opens > 1) reopened();
          },
        });
        const second = api.withLock(path, async () => entered(), { fs: waiter });
        await waits;
        await world.fs.unlink(`${path}.lock`);
        const third = await api.acquireLock(path, { fs: world.newProcess() });
        await first.release();
        const isFree = await Promise.race([enters.then(() => true), reopens.then(() => false)]);
        await third.release();
        await second;
        if (isFree) throw new Error('two processes had the lock at once');
      },
      check: async () => undefined,
    })),

    atAnInstant('updateJson: the lock file is deleted', (root) => ({
      async run(world) {
        const path = `${root}/state.json`;
        const { updater, isInside, goOn } = heldUpdater();
        const first = api.updateJson<object>(path, updater, { fs: world.fs, initial: {} });
        await isInside;
        await updateWithoutLock(world.newProcess(), path);
        goOn();
        await mustFail(first, 'LOCK_LOST');
      },
      check: (fs) => mustHold(fs, `${root}/state.json`, 'second'),
    })),

    atAnInstant('transaction: a lock file is deleted', (root) => ({
      async run(world) {
        const path = `${root}/state.json`;
        const { updater, isInside, goOn } = heldUpdater();
        const first = api.transaction(
          root,
          (tx) => tx.updateJson<object>(path, updater, { initial: {} }),
          { fs: world.fs },
        );
        await isInside;
        await updateWithoutLock(world.newProcess(), path);
        goOn();
        await mustFail(first, 'LOCK_LOST');
      },
      check: (fs) => mustHold(fs, `${root}/state.json`, 'second'),
    })),
  ];
}

/** An updater that holds its locks until it is let go on. */
function heldUpdater(): {
  updater: () => Promise<object>;
  isInside: Promise<void>;
  goOn: () => void;
} {
  const [isInside, entered] = deferred();
  const [goesOn, goOn] = deferred();
  const updater = async (): Promise<object> => {
    entered();
    await goesOn;
    return { first: 1 };
  };
  return { updater, isInside, goOn };
}

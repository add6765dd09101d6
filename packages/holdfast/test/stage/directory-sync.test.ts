import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError, replaceFile } from 'holdfast';
import { nodeFileSystem, systemError, type Fs } from 'holdfast/os';

interface Gate {
  readonly fs: Fs;
  readonly begun: (() => void)[];
  readonly log: string[];
  readonly open: () => void;
}

/**
 * A filesystem whose directory syncs log what they began after, and the first of which waits for
 * the gate.
 */
function gatedSyncs(fails = false): Gate {
  const log: string[] = [];
  const begun: (() => void)[] = [];
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  let syncs = 0;
  const fs: Fs = {
    ...nodeFileSystem,
    async rename(from, to) {
      await nodeFileSystem.rename(from, to);
      log.push('rename');
    },
    async openDirectory(path) {
      const handle = await nodeFileSystem.openDirectory(path);
      handle.sync = async () => {
        log.push('sync');
        for (const notify of begun.splice(0)) notify();
        syncs += 1;
        if (syncs === 1) await gate;
        if (fails) throw systemError(5, 'fsync', path);
      };
      return handle;
    },
  };
  return { fs, begun, log, open };
}

test('renames that finish while a directory is being synced share the next sync, which begins after them', async (t) => {
  const directory = temporaryDirectory(t);
  const { fs, log, open } = gatedSyncs();
  const write = (name: string): Promise<void> => replaceFile(`${directory}/${name}`, name, { fs });
  const first = write('first');
  while (!log.includes('sync')) await new Promise(setImmediate);
  const others = ['b', 'c', 'd'].map(write);
  while (log.filter((step) => step === 'rename').length < 4) await new Promise(setImmediate);
  assert.deepEqual(log, ['rename', 'sync', 'rename', 'rename', 'rename']);
  open();
  await Promise.all([first, ...others]);
  assert.deepEqual(log, ['rename', 'sync', 'rename', 'rename', 'rename', 'sync']);
  assert.deepEqual(readdirSync(directory), ['b', 'c', 'd', 'first']);
});

test('when a directory sync fails, those whose renames were done before it ended fail too', async (t) => {
  const directory = temporaryDirectory(t);
  const { fs, log, open } = gatedSyncs(true);
  const write = (name: string): Promise<void> => replaceFile(`${directory}/${name}`, name, { fs });
  const first = write('first');
  while (!log.includes('sync')) await new Promise(setImmediate);
  const second = write('second');
  while (log.filter((step) => step === 'rename').length < 2) await new Promise(setImmediate);
  open();
  for (const result of await Promise.allSettled([first, second])) {
    assert.ok(result.status === 'rejected' && isHoldfastError(result.reason, 'SYNC_FAILED'));
    assert.equal(result.reason.outcome, 'unknown');
  }
  assert.deepEqual(log, ['rename', 'sync', 'rename']);
});

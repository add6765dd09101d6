import assert from 'node:assert/strict';
import { mkdirSync, renameSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { startScript, temporaryDirectory } from '@holdfast/tools/testing';
import { acquireLock, isHoldfastError, withLock, type Lock } from 'holdfast';
import { nodeFileSystem, systemError, type Fs, type FsFile } from 'holdfast/os';

const code = (name: Parameters<typeof isHoldfastError>[1]) => (error: unknown) =>
  isHoldfastError(error, name);

/**
 * A filesystem of its own has queues of its own, so two of them are to each other like two
 * processes.
 */
function otherProcess(): Fs {
  return { ...nodeFileSystem };
}

/** Whoever sleeps wakes up only when it is woken. */
function wakesOnlyWhenWoken(t: TestContext): void {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const alive = setInterval(() => undefined, 1000);
  t.after(() => clearInterval(alive));
}

/** Longer than a turn of a process. */
const TURN_MS = 25;

/** Tickets are numbers below it. */
const MAX_TICKET = 1n << 48n;

/** Whether a try that does not wait gets the lock, from another process's point of view. */
async function isFree(path: string, mode: 'shared' | 'exclusive' = 'exclusive'): Promise<boolean> {
  try {
    const lock = await acquireLock(path, { mode, timeoutMs: 0, fs: otherProcess() });
    await lock.release();
    return true;
  } catch (error) {
    if (!isHoldfastError(error, 'LOCK_TIMEOUT')) throw error;
    return false;
  }
}

test('a held lock excludes another process until it is released', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const lock = await acquireLock(path);
  assert.equal(lock.lockPath, `${path}.lock`);
  assert.equal(await isFree(path), false);
  await lock.release();
  assert.equal(await isFree(path), true);
  assert.equal(statSync(`${path}.lock`).size, 0);
});

test('readers share the lock and exclude a writer, and the other way round', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const first = await acquireLock(path, { mode: 'shared' });
  const second = await acquireLock(path, { mode: 'shared' });
  assert.equal(await isFree(path, 'shared'), true);
  assert.equal(await isFree(path, 'exclusive'), false);
  await first.release();
  assert.equal(await isFree(path, 'exclusive'), false);
  await second.release();
  await withLock(path, async () => assert.equal(await isFree(path, 'shared'), false));
});

test('calls of one process get the lock in the order in which they asked', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const order: number[] = [];
  const calls = Array.from({ length: 50 }, (_, index) =>
    withLock(path, async () => {
      await new Promise(setImmediate);
      order.push(index);
    }),
  );
  await Promise.all(calls);
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
  assert.equal(order.length, 50);
});

test('never two holders at once, with readers, writers and two processes mixed', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  let readers = 0;
  let writers = 0;
  const work = async (index: number, fs: Fs): Promise<void> => {
    const mode = index % 3 === 0 ? 'exclusive' : 'shared';
    await withLock(
      path,
      async () => {
        if (mode === 'exclusive') writers += 1;
        else readers += 1;
        assert.ok(writers === 0 || (writers === 1 && readers === 0), `${writers}, ${readers}`);
        await new Promise(setImmediate);
        if (mode === 'exclusive') writers -= 1;
        else readers -= 1;
      },
      { mode, fs },
    );
  };
  const processes = [otherProcess(), otherProcess()];
  await Promise.all(
    Array.from({ length: 60 }, (_, index) => work(index, processes[index % 2] as Fs)),
  );
});

test('every name of a file means one lock: a symlink, and a path that takes a detour', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(`${directory}/real`);
  writeFileSync(`${directory}/real/a.json`, '{}');
  symlinkSync('real/a.json', `${directory}/link.json`);
  await withLock(`${directory}/link.json`, async (lock) => {
    assert.equal(lock.lockPath, `${directory}/real/a.json.lock`);
    assert.equal(await isFree(`${directory}/real/../real/a.json`), false);
  });
});

test('lockPath names another lock file', async (t) => {
  const directory = temporaryDirectory(t);
  await withLock(
    `${directory}/a.json`,
    async (lock) => {
      assert.equal(lock.lockPath, `${directory}/shared.lock`);
      assert.equal(await isFree(`${directory}/a.json`), true);
    },
    { lockPath: `${directory}/shared.lock` },
  );
});

test('a wait ends at its time, in one process and between two, and what waits behind goes on', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const lock = await acquireLock(path);
  for (const fs of [nodeFileSystem, otherProcess()]) {
    const began = performance.now();
    await assert.rejects(acquireLock(path, { timeoutMs: 30, fs }), code('LOCK_TIMEOUT'));
    assert.ok(performance.now() - began >= 29);
    await assert.rejects(acquireLock(path, { timeoutMs: 0, fs }), code('LOCK_TIMEOUT'));
  }
  const late = acquireLock(path, { timeoutMs: 20 });
  const patient = acquireLock(path);
  await assert.rejects(late, code('LOCK_TIMEOUT'));
  await lock.release();
  await (await patient).release();
});

test("a caller's signal ends the wait with its reason as the cause", async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const lock = await acquireLock(path);
  const controller = new AbortController();
  const waiting = acquireLock(path, { signal: controller.signal, fs: otherProcess() });
  const rejected = assert.rejects(
    waiting,
    (error) => isHoldfastError(error, 'ABORTED') && error.cause === 'enough',
  );
  controller.abort('enough');
  await rejected;
  await assert.rejects(acquireLock(path, { signal: controller.signal }), code('ABORTED'));
  await lock.release();
});

test('a chain of calls that would wait for itself gets an error, also through a timer and an await', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  await withLock(path, async () => {
    await sleep(1);
    await assert.rejects(
      withLock(path, () => undefined),
      code('LOCK_NESTED'),
    );
    await assert.rejects(acquireLock(path, { mode: 'shared' }), code('LOCK_NESTED'));
    await withLock(`${path}.other`, () => undefined);
  });
});

test('a chain is told apart while others begin and end', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  await withLock(path, async () => {
    await withLock(`${path}.sync`, () => undefined);
    await withLock(`${path}.async`, () => Promise.resolve());
    await assert.rejects(
      withLock(`${path}.failing`, () => {
        throw new Error('mine');
      }),
      /mine/,
    );
    await assert.rejects(
      withLock(path, () => undefined),
      code('LOCK_NESTED'),
    );
  });
});

test('a reader inside a reader is let in, even when a writer waits between them', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  let nest = (): void => undefined;
  const mayNest = new Promise<void>((resolve) => (nest = resolve));
  const reader = withLock(
    path,
    async () => {
      await mayNest;
      await withLock(path, () => undefined, { mode: 'shared' });
    },
    { mode: 'shared' },
  );
  const writer = acquireLock(path, { signal: AbortSignal.timeout(5000) });
  nest();
  await reader;
  await (await writer).release();
});

test('work that a chain started and that asks after the release is not nested', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  let later: Promise<Lock> | undefined;
  await withLock(path, () => {
    later = sleep(5).then(() => acquireLock(path));
  });
  await (await later)?.release();
});

test('the lock is released when the function fails, and its error is passed on as it is', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const own = new Error('mine');
  await assert.rejects(
    withLock(path, () => {
      throw own;
    }),
    (error) => error === own,
  );
  assert.equal(await isFree(path), true);
});

test('a second release does nothing, also when someone else holds the lock by then', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const first = await acquireLock(path);
  await first.release();
  const second = await acquireLock(path);
  await first.release();
  await first[Symbol.asyncDispose]();
  assert.equal(await isFree(path), false);
  await assert.rejects(first.assertHeld(), code('LOCK_LOST'));
  await second.assertHeld();
  await second.release();
});

test('one who waits on a lock file that is deleted meanwhile ends up with the file at the path', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const first = await acquireLock(path);
  const waiting = acquireLock(path, { fs: otherProcess() });
  await sleep(5);
  unlinkSync(`${path}.lock`);
  await assert.rejects(first.assertHeld(), code('LOCK_LOST'));
  await first.release();
  const second = await waiting;
  await second.assertHeld();
  assert.equal(await isFree(path), false);
  await second.release();
});

test('a lock file that is replaced between open and flock is opened again', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  let replacements = 0;
  const fs: Fs = {
    ...nodeFileSystem,
    async open(name, flags, mode) {
      const file: FsFile = await nodeFileSystem.open(name, flags, mode);
      if (replacements < 3) {
        replacements += 1;
        writeFileSync(`${path}.new`, '');
        renameSync(`${path}.new`, `${path}.lock`);
      }
      return file;
    },
  };
  const lock = await acquireLock(path, { fs });
  assert.equal(replacements, 3);
  assert.equal(await isFree(path), false);
  await lock.release();
});

test('handing the lock over within a process never hands over a deleted lock file', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const first = await acquireLock(path);
  const waiting = acquireLock(path);
  await sleep(1);
  unlinkSync(`${path}.lock`);
  await first.release();
  const second = await waiting;
  assert.equal(await isFree(path), false);
  await second.release();
});

test('a process that takes the lock again and again lets another one in', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const [greedy, modest] = [otherProcess(), otherProcess()];
  const done = new AbortController();
  let rounds = 0;
  const loop = (async () => {
    for (; !done.signal.aborted && rounds < 400; rounds += 1) {
      await withLock(path, () => sleep(20), { fs: greedy });
    }
  })();
  await sleep(30);
  await withLock(path, () => undefined, { fs: modest });
  done.abort();
  await loop;
  assert.ok(rounds < 10, `the other one waited for ${rounds} rounds`);
});

test('a burst of calls in one process lets another process in after a turn, not at its end', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const [greedy, modest] = [otherProcess(), otherProcess()];
  let finished = 0;
  // A clock on which each call takes a millisecond, however busy the machine is.
  t.mock.method(performance, 'now', () => 1e6 + finished);
  const burst = Array.from({ length: 300 }, () =>
    withLock(path, () => sleep(1), { fs: greedy }).then(() => (finished += 1)),
  );
  await withLock(path, () => assert.ok(finished < 40, `${finished} went first`), { fs: modest });
  await Promise.all(burst);
});

test('processes that wait get their turns in the order in which they came', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const holder = await acquireLock(path, { fs: otherProcess() });
  const order: number[] = [];
  const waiters: Promise<void>[] = [];
  for (let index = 0; index < 6; index += 1) {
    waiters.push(withLock(path, () => void order.push(index), { fs: otherProcess() }));
    await sleep(3);
  }
  await holder.release();
  await Promise.all(waiters);
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5]);
});

test(
  'whoever frees the lock wakes the next in line, and each reader the next: nobody needs to look',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const path = `${temporaryDirectory(t)}/a.json`;
    const modes = ['exclusive', 'shared', 'shared', 'exclusive', 'shared'] as const;
    const holder = await acquireLock(path, { fs: otherProcess() });
    const looking = await nodeFileSystem.open(holder.lockPath, { access: 'read' });
    wakesOnlyWhenWoken(t);
    const waiters: Promise<Lock>[] = [];
    for (const mode of modes) {
      waiters.push(acquireLock(path, { mode, fs: otherProcess() }));
      while ((looking.tickets?.countBelow(MAX_TICKET, 9) ?? 0) < waiters.length) await turn();
    }
    await looking.close();
    await holder.release();
    const [writer, ...others] = waiters;
    await (await writer)?.release();
    const [reader, second, last, late] = others;
    const readers = [await reader, await second];
    for (const lock of readers) await lock?.release();
    await (await last)?.release();
    await (await late)?.release();
  },
);

test(
  'one that gives up when it is its turn wakes the next',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const path = `${temporaryDirectory(t)}/a.json`;
    const holder = await acquireLock(path, { fs: otherProcess() });
    const looking = await nodeFileSystem.open(holder.lockPath, { access: 'read' });
    wakesOnlyWhenWoken(t);
    const leaves = new AbortController();
    const impatient = acquireLock(path, { signal: leaves.signal, fs: otherProcess() });
    while (looking.tickets?.countBelow(MAX_TICKET, 9) !== 1) await turn();
    const patient = acquireLock(path, { fs: otherProcess() });
    while (looking.tickets?.countBelow(MAX_TICKET, 9) !== 2) await turn();
    await looking.close();
    const refused = assert.rejects(impatient, code('ABORTED'));
    await holder.release();
    leaves.abort();
    await refused;
    await (await patient).release();
  },
);

test(
  'one whose turn ends before it takes the lock again wakes the next in line',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const path = `${temporaryDirectory(t)}/a.json`;
    let gate = Promise.resolve();
    const slow: Fs = {
      ...nodeFileSystem,
      async open(...how) {
        await gate;
        return nodeFileSystem.open(...how);
      },
    };
    const holder = await acquireLock(path, { fs: slow });
    const looking = await nodeFileSystem.open(holder.lockPath, { access: 'read' });
    wakesOnlyWhenWoken(t);
    const waiter = acquireLock(path, { fs: otherProcess() });
    while (looking.tickets?.countBelow(MAX_TICKET, 9) !== 1) await turn();
    await looking.close();
    let open = (): void => undefined;
    gate = new Promise((resolve) => (open = resolve));
    await holder.release();
    const again = acquireLock(path, { fs: slow });
    for (let turns = 0; turns < 3; turns += 1) await turn();
    const over = performance.now() + TURN_MS;
    while (performance.now() < over);
    open();
    await (await waiter).release();
    await (await again).release();
  },
);

test(
  'a process that ends as soon as it has freed the lock wakes the next in line',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const path = `${temporaryDirectory(t)}/a.json`;
    const file = await nodeFileSystem.open(`${path}.lock`, {
      access: 'readWrite',
      create: 'ifMissing',
    });
    const woken = new Promise<void>((resolve) => file.tickets?.draw(1n, resolve));
    startScript(
      t,
      `import { acquireLock } from 'holdfast';
       const lock = await acquireLock(process.argv[1]);
       await lock.release();
       process.exit();`,
      [path],
    );
    await woken;
    await file.close();
  },
);

test('a lock file that goes away again and again is LOCK_LOST in the end, and each descriptor is closed once', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  let opened = 0;
  let closed = 0;
  let limit = Infinity;
  const fs: Fs = {
    ...nodeFileSystem,
    async open(name, flags, mode) {
      if (opened === limit) throw systemError(24, 'open', name);
      const file = await nodeFileSystem.open(name, flags, mode);
      unlinkSync(name);
      opened += 1;
      const close = file.close.bind(file);
      file.close = () => {
        closed += 1;
        return close();
      };
      return file;
    },
  };
  await assert.rejects(acquireLock(path, { fs }), code('LOCK_LOST'));
  assert.equal(closed, opened);
  limit = opened + 1;
  await assert.rejects(acquireLock(path, { fs }), code('IO'));
  assert.equal(closed, opened);
});

test('a missing directory, a bad option and an empty path are told apart', async (t) => {
  const path = `${temporaryDirectory(t)}/missing/a.json`;
  await assert.rejects(acquireLock(path), code('NOT_FOUND'));
  await assert.rejects(acquireLock(''), code('INVALID_ARGUMENT'));
  const misspelt = { timeout: 3 } as object;
  await assert.rejects(acquireLock(path, misspelt), /did you mean 'timeoutMs'/);
  await assert.rejects(acquireLock(path, { timeoutMs: -1 }), code('INVALID_ARGUMENT'));
  const badMode = { mode: 'write' } as object;
  await assert.rejects(acquireLock(path, badMode), code('INVALID_ARGUMENT'));
  for (const fileMode of [-1, 0o1000, 0.5])
    await assert.rejects(acquireLock(path, { fileMode }), code('INVALID_ARGUMENT'));
});

test('a filesystem without flock is a typed error that says so', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const fs: Fs = {
    ...nodeFileSystem,
    async open(name, flags, mode) {
      const file = await nodeFileSystem.open(name, flags, mode);
      file.tryLock = () => {
        throw Object.assign(new Error('EBADF: bad file descriptor'), { code: 'EBADF' });
      };
      return file;
    },
  };
  await assert.rejects(acquireLock(path, { fs }), code('UNSUPPORTED_PLATFORM'));
});

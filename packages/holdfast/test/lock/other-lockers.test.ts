/** The locks of other kinds of programs: the directory of proper-lockfile, and locks of bytes. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { startScript, temporaryDirectory } from '@holdfast/tools/testing';
import {
  acquireLock,
  appendRecords,
  compactRecords,
  publishDirectory,
  replaceFile,
  restorePrevious,
  transaction,
  updateFile,
  updateJson,
  withLock,
  type Guard,
  type Stage,
  type TransactionOptions,
} from 'holdfast';
import { nodeFileSystem, type Fs, type LockMode } from 'holdfast/os';

const guard = 'proper-lockfile';
const NOW = { guard, timeoutMs: 0 } as const;

/** As long ago as a dead program's. */
function age(path: string, seconds: number): void {
  const then = Date.now() / 1000 - seconds;
  utimesSync(path, then, then);
}

/** A filesystem that tells when a lock of another kind was first found to be taken. */
function telling(): { readonly fs: Fs; readonly refused: Promise<void> } {
  let tell = (): void => undefined;
  const refused = new Promise<void>((resolve) => (tell = resolve));
  const mkdir: Fs['mkdir'] = async (...args) => {
    try {
      return await nodeFileSystem.mkdir(...args);
    } catch (error) {
      tell();
      throw error;
    }
  };
  const open: Fs['open'] = async (...args) => {
    const handle = await nodeFileSystem.open(...args);
    const tryLockBytes = handle.tryLockBytes?.bind(handle);
    if (tryLockBytes === undefined) return handle;
    const tryAndTell = (mode: LockMode): boolean => {
      const isTaken = tryLockBytes(mode);
      if (!isTaken) tell();
      return isTaken;
    };
    return Object.defineProperty(handle, 'tryLockBytes', { value: tryAndTell });
  };
  return { fs: { ...nodeFileSystem, mkdir, open }, refused };
}

test('the guard is a directory at the name of the lock file while the lock is held, and no longer', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  await withLock(
    path,
    (lock) => {
      assert.equal(lock.lockPath, `${path}.flock`);
      assert.ok(statSync(`${path}.lock`).isDirectory());
      assert.ok(Math.abs(statSync(`${path}.lock`).mtimeMs - Date.now()) < 5000);
    },
    { guard },
  );
  assert.equal(existsSync(`${path}.lock`), false);
});

test('a directory of another program excludes every call that has the guard, until it goes', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  writeFileSync(path, '{"n":1}');
  await replaceFile(path, '{"n":2}', { keepPrevious: 2, guard });
  mkdirSync(`${path}.lock`);
  const log = `${path}l`;
  writeFileSync(log, '{"key":1}\n');
  mkdirSync(`${log}.lock`);
  const calls = {
    acquireLock: () => acquireLock(path, NOW),
    updateJson: () => updateJson(path, () => 1, NOW),
    updateFile: () => updateFile(path, () => 'x', NOW),
    replaceFile: () => replaceFile(path, 'x', { keepPrevious: 1, ...NOW }),
    restorePrevious: () => restorePrevious(path, NOW),
    appendRecords: () => appendRecords(log, [{ key: 2 }], NOW),
    compactRecords: () => compactRecords(log, { key: 'key', ...NOW }),
  };
  for (const [name, call] of Object.entries(calls)) {
    await assert.rejects(call(), { code: 'LOCK_TIMEOUT' }, name);
  }
  assert.equal(readFileSync(path, 'utf8'), '{"n":2}');
  const { fs, refused } = telling();
  const waiting = updateJson(path, () => ({ n: 3 }), { guard, fs });
  await refused;
  rmdirSync(`${path}.lock`);
  await waiting;
  assert.deepEqual(JSON.parse(readFileSync(path, 'utf8')), { n: 3 });
});

test('a wait for the guard ends with its time and its signal, and the lock file is free then', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  mkdirSync(`${path}.lock`);
  await assert.rejects(
    acquireLock(path, { guard, timeoutMs: 20 }),
    /proper-lockfile.*for 20 ms.*LOCK_TIMEOUT/u,
  );
  const controller = new AbortController();
  const { fs, refused } = telling();
  const waiting = acquireLock(path, { guard, signal: controller.signal, fs });
  await refused;
  controller.abort();
  await assert.rejects(waiting, { code: 'ABORTED' });
  const lockPath = `${path}.flock`;
  await (await acquireLock(path, { lockPath, timeoutMs: 0 })).release();
});

test('a directory that nobody has refreshed for longer than it may be is taken over', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const claude: Guard = { type: 'proper-lockfile', staleMs: 60_000, updateMs: 5000 };
  for (const [seconds, given, isTaken] of [
    [8, guard, false],
    [12, guard, true],
    [50, claude, false],
    [70, claude, true],
  ] as const) {
    mkdirSync(`${path}.lock`, { recursive: true });
    age(`${path}.lock`, seconds);
    const taking = acquireLock(path, { guard: given, timeoutMs: 0 });
    if (isTaken) await (await taking).release();
    else await assert.rejects(taking, { code: 'LOCK_TIMEOUT' });
    assert.equal(existsSync(`${path}.lock`), !isTaken);
  }
});

test('the guard is refreshed while the lock is held', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const often: Guard = { type: 'proper-lockfile', staleMs: 2000, updateMs: 1000 };
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.now() });
  await withLock(
    path,
    async (lock) => {
      const { mtimeMs } = statSync(`${path}.lock`);
      t.mock.timers.tick(1000);
      while (statSync(`${path}.lock`).mtimeMs === mtimeMs) await new Promise(setImmediate);
      await lock.assertHeld();
    },
    { guard: often },
  );
});

test('a guard that was taken away is LOCK_LOST, before the document is replaced', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  writeFileSync(path, '{}');
  const lose = (): void => {
    rmdirSync(`${path}.lock`);
    mkdirSync(`${path}.lock`);
    // Its time is all that tells it from ours where the inode's number is given again at once.
    age(`${path}.lock`, 1);
  };
  await assert.rejects(withLock(path, lose, { guard }), { code: 'LOCK_LOST' });
  assert.ok(existsSync(`${path}.lock`), 'it is another program that has it now');
  rmdirSync(`${path}.lock`);
  const losing = updateJson(
    path,
    () => {
      lose();
      return { lost: true };
    },
    { guard },
  );
  await assert.rejects(losing, { code: 'LOCK_LOST' });
  assert.equal(readFileSync(path, 'utf8'), '{}');
  rmdirSync(`${path}.lock`);
  const lock = await acquireLock(path, { guard });
  age(`${path}.lock`, 3);
  await assert.rejects(lock.assertHeld(), { code: 'LOCK_LOST' });
  await lock.release();
});

test('what is no lock of proper-lockfile is told, and left alone', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  writeFileSync(`${path}.lock`, '');
  await assert.rejects(acquireLock(path, { guard }), { code: 'NAME_TAKEN' });
  const other = `${path}.directory`;
  mkdirSync(`${path}.other`);
  writeFileSync(`${path}.other/file`, '');
  age(`${path}.other`, 3600);
  const elsewhere: Guard = { type: 'proper-lockfile', path: `${path}.other` };
  await assert.rejects(acquireLock(other, { guard: elsewhere }), { code: 'NAME_TAKEN' });
  assert.ok(existsSync(`${path}.other/file`));
});

test('a program that exits under the lock leaves no guard; one that is killed leaves one that gets old', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const hold = `
    import { acquireLock } from 'holdfast';
    await acquireLock(process.argv[1], { guard: 'proper-lockfile' });
    console.log('held');
    process.stdin.resume().on('end', () => process.exit());`;
  const polite = startScript(t, hold, [path]);
  assert.equal(await polite.nextLine(), 'held');
  polite.child.stdin?.end();
  await new Promise((resolve) => polite.child.once('exit', resolve));
  assert.equal(existsSync(`${path}.lock`), false);
  const killed = startScript(t, hold, [path]);
  assert.equal(await killed.nextLine(), 'held');
  await killed.kill();
  await assert.rejects(acquireLock(path, NOW), { code: 'LOCK_TIMEOUT' });
  age(`${path}.lock`, 12);
  await (await acquireLock(path, NOW)).release();
});

test('guards that cannot be are refused before anything is touched', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const wrong: readonly object[] = [
    { guard: 'lockfile' },
    { guard: { type: 'proper-lockfile', staleMs: 1000 } },
    { guard: { type: 'proper-lockfile', staleMs: 10_000, updateMs: 6000 } },
    { guard: null },
    { alsoFcntl: 'yes' },
    { guard: 'proper-lockfile', lockPath: `${path}.lock` },
  ];
  for (const options of wrong) {
    await assert.rejects(acquireLock(path, options), { code: 'INVALID_ARGUMENT' });
    await assert.rejects(
      updateJson(path, () => 1, options),
      { code: 'INVALID_ARGUMENT' },
    );
  }
  assert.equal(existsSync(path), false);
  await assert.rejects(replaceFile(path, '', { guard }), { code: 'INVALID_ARGUMENT' });
});

test(
  'a lock of bytes excludes others of the same file, and is excluded by them',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const path = `${temporaryDirectory(t)}/a.json`;
    const lock = await acquireLock(path, { alsoFcntl: true });
    const tryBytes = async (mode: 'shared' | 'exclusive'): Promise<boolean | undefined> => {
      const file = await nodeFileSystem.open(lock.lockPath, { access: 'readWrite' });
      try {
        return file.tryLockBytes?.(mode);
      } finally {
        await file.close();
      }
    };
    assert.equal(await tryBytes('exclusive'), false);
    assert.equal(await tryBytes('shared'), false);
    await lock.release();
    await withLock(
      path,
      async () => {
        assert.equal(await tryBytes('exclusive'), false);
        assert.equal(await tryBytes('shared'), true);
      },
      { alsoFcntl: true, mode: 'shared' },
    );
    const other = await nodeFileSystem.open(lock.lockPath, { access: 'readWrite' });
    assert.equal(other.tryLockBytes?.('exclusive'), true);
    await assert.rejects(acquireLock(path, { alsoFcntl: true, timeoutMs: 10 }), {
      code: 'LOCK_TIMEOUT',
    });
    await (await acquireLock(path, { timeoutMs: 0 })).release();
    const { fs, refused } = telling();
    const waiting = acquireLock(path, { alsoFcntl: true, fs });
    await refused;
    await other.close();
    await (await waiting).release();
  },
);

const fill = (stage: Stage): Promise<void> => stage.write('a', 'new');

test('a transaction takes the guard of each of its paths, and makes no change when one of them is taken', async (t) => {
  const root = temporaryDirectory(t);
  for (const name of ['a', 'b', 'c']) writeFileSync(`${root}/${name}`, '1');
  const change = (options: TransactionOptions): Promise<void> =>
    transaction(
      root,
      async (tx) => {
        await tx.replaceFile('a', '2');
        await tx.publishDirectory('tree', fill);
        await tx.rename('c', 'd');
        await tx.updateFile('b', (text) => {
          const guards = ['a', 'b', 'c', 'd', 'tree'].map((name) =>
            statSync(`${root}/${name}.lock`),
          );
          assert.ok(guards.every((guarding) => guarding.isDirectory()));
          return `${String(text)}2`;
        });
      },
      options,
    );
  for (const taken of ['a', 'd', 'tree']) {
    mkdirSync(`${root}/${taken}.lock`);
    await assert.rejects(change(NOW), { code: 'LOCK_TIMEOUT' });
    assert.deepEqual(
      readdirSync(root).filter((name) => !name.endsWith('lock')),
      ['a', 'b', 'c'],
    );
    rmdirSync(`${root}/${taken}.lock`);
  }
  assert.equal(readFileSync(`${root}/a`, 'utf8'), '1');
  await change({ guard });
  assert.equal(readFileSync(`${root}/b`, 'utf8'), '12');
  assert.equal(readFileSync(`${root}/tree/a`, 'utf8'), 'new');
  const left = readdirSync(root).filter((name) => name.endsWith('.lock'));
  assert.deepEqual(left, ['.holdfast-journal.lock']);
});

test('a transaction whose guard was taken away is LOCK_LOST, and changes nothing', async (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(`${root}/a`, '1');
  const losing = transaction(
    root,
    (tx) =>
      tx.updateFile('a', () => {
        rmdirSync(`${root}/a.lock`);
        return '2';
      }),
    { guard },
  );
  await assert.rejects(losing, { code: 'LOCK_LOST' });
  assert.equal(readFileSync(`${root}/a`, 'utf8'), '1');
});

test('a tree is published under the guard of its target, which is taken when it is filled', async (t) => {
  const path = `${temporaryDirectory(t)}/tree`;
  const isGuarded = (): boolean => existsSync(`${path}.lock`);
  const hasExchange = nodeFileSystem.hasExchange !== false;
  for (const ifExists of ['fail', 'replace'] as const) {
    mkdirSync(`${path}.lock`);
    await assert.rejects(publishDirectory(path, fill, { ifExists, ...NOW }), {
      code: 'LOCK_TIMEOUT',
      outcome: 'unchanged',
    });
    const { fs, refused } = telling();
    const waiting = publishDirectory(path, fill, { ifExists, guard, fs });
    await refused;
    rmdirSync(`${path}.lock`);
    await waiting;
    assert.equal(isGuarded(), false);
    const seen: boolean[] = [];
    const looking: Fs = {
      ...nodeFileSystem,
      exchange: async (...args) => {
        seen.push(isGuarded());
        return nodeFileSystem.exchange(...args);
      },
    };
    const fillUnguarded = async (stage: Stage): Promise<void> => {
      seen.push(isGuarded());
      await fill(stage);
    };
    await publishDirectory(path, fillUnguarded, { ifExists: 'replace', guard, fs: looking });
    // The first exchange is a trial.
    assert.deepEqual(seen, hasExchange ? [false, false, true] : [false]);
  }
  await withLock(path, () => publishDirectory(path, fill, { ifExists: 'replace', guard }), {
    guard,
  });
});

test('a tree whose guard was taken away is not published', async (t) => {
  const path = `${temporaryDirectory(t)}/tree`;
  const modifiedMs: Fs['modifiedMs'] = async (of) => {
    const ms = await nodeFileSystem.modifiedMs?.(of);
    // It is the last look of who takes the guard.
    if (existsSync(`${path}.lock`)) rmdirSync(`${path}.lock`);
    return ms ?? 0;
  };
  await assert.rejects(
    publishDirectory(path, fill, { guard, fs: { ...nodeFileSystem, modifiedMs } }),
    { code: 'LOCK_LOST' },
  );
  assert.equal(existsSync(path), false);
});

test('a guard that several paths cannot have, and a wait for no lock, are refused', async (t) => {
  const root = temporaryDirectory(t);
  const own: Guard = { type: 'proper-lockfile', path: `${root}/own` };
  const wrong = { code: 'INVALID_ARGUMENT' };
  await assert.rejects(
    transaction(root, () => undefined, { guard: own }),
    wrong,
  );
  await assert.rejects(publishDirectory(`${root}/tree`, fill, { guard: own }), wrong);
  await assert.rejects(publishDirectory(`${root}/tree`, fill, { timeoutMs: 1 }), wrong);
});

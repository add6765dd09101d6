/** The locks of other kinds of programs: the directory of proper-lockfile, and locks of bytes. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startScript, temporaryDirectory } from '@holdfast/tools/testing';
import {
  acquireLock,
  appendRecords,
  compactRecords,
  replaceFile,
  restorePrevious,
  updateFile,
  updateJson,
  withLock,
  type Guard,
} from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';

const guard = 'proper-lockfile';
const NOW = { guard, timeoutMs: 0 } as const;

/** As long ago as a dead program's. */
function age(path: string, seconds: number): void {
  const then = Date.now() / 1000 - seconds;
  utimesSync(path, then, then);
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
  const waiting = updateJson(path, () => ({ n: 3 }), { guard });
  await sleep(5);
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
  const waiting = acquireLock(path, { guard, signal: controller.signal });
  await sleep(5);
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
  await withLock(
    path,
    async (lock) => {
      const { mtimeMs } = statSync(`${path}.lock`);
      while (statSync(`${path}.lock`).mtimeMs === mtimeMs) await sleep(20);
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
    const waiting = acquireLock(path, { alsoFcntl: true });
    await sleep(5);
    await other.close();
    await (await waiting).release();
  },
);

/** The lock file itself: what may have its name, and who may open it. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { acquireLock, isHoldfastError, updateJson, withLock } from 'holdfast';

const isWindows = process.platform === 'win32';
const PATIENCE_MS = 300_000;

/** What has the name is told, not what a symlink leads to. */
const kindOf = (kind: string): string => (kind.includes('symlink') ? 'symlink' : kind);

const kinds: Readonly<Record<string, (path: string) => void>> = {
  'dangling symlink': (path) => symlinkSync('made', path),
  symlink: (path) => {
    writeFileSync(join(path, '../made'), 'mine');
    symlinkSync('made', path);
  },
  'symlink to a device': (path) => symlinkSync('/dev/null', path),
  FIFO: (path) => void execFileSync('mkfifo', [path]),
  directory: (path) => mkdirSync(path),
};

for (const [kind, make] of Object.entries(kinds)) {
  test(
    `a ${kind} that has the lock's name is told at once, with the way out, and left alone`,
    { skip: isWindows },
    (t) => {
      const directory = temporaryDirectory(t);
      const lockPath = `${directory}/a.json.lock`;
      make(lockPath);
      const { ino, mode } = lstatSync(lockPath);
      const script = `
      import { acquireLock, updateJson } from 'holdfast';
      for (const call of [acquireLock, (path) => updateJson(path, () => 1)]) {
        await call(process.argv[1]).catch(({ code, message }) => console.log(code, message));
      }`;
      const { stdout, signal } = spawnSync(
        process.execPath,
        ['--input-type=module', '--eval', script, `${directory}/a.json`],
        { cwd: import.meta.dirname, encoding: 'utf8', timeout: PATIENCE_MS, killSignal: 'SIGKILL' },
      );
      assert.equal(signal, null, 'the call waits');
      const lines = stdout.trim().split('\n');
      assert.equal(lines.length, 2);
      for (const line of lines) {
        assert.match(line, /^NAME_TAKEN The name of the lock file has a /);
        assert.match(
          line,
          new RegExp(kind === 'directory' ? 'proper-lockfile' : kindOf(kind), 'i'),
        );
        assert.match(line, /lockPath/);
      }
      assert.deepEqual(lstatSync(lockPath).ino, ino);
      assert.equal(lstatSync(lockPath).mode, mode);
      assert.equal(existsSync(`${directory}/made`), kind === 'symlink');
      if (kind === 'symlink') assert.equal(readFileSync(`${directory}/made`, 'utf8'), 'mine');
    },
  );
}

test('with another lockPath a call works beside a lock of proper-lockfile', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(`${directory}/a.json.lock`);
  await updateJson(`${directory}/a.json`, () => ({ n: 1 }), { lockPath: `${directory}/ours.lock` });
  assert.equal(readFileSync(`${directory}/a.json`, 'utf8').trim(), '{\n  "n": 1\n}');
});

test(
  'a lock file is never writable for group or others, unless that is asked for',
  { skip: isWindows },
  async (t) => {
    const directory = temporaryDirectory(t);
    const before = process.umask();
    t.after(() => process.umask(before));
    for (const [umask, mode] of [
      [0, 0o644],
      [0o002, 0o644],
      [0o022, 0o644],
      [0o027, 0o640],
      [0o077, 0o600],
    ] as const) {
      process.umask(umask);
      await (await acquireLock(`${directory}/${umask}`)).release();
      assert.equal(statSync(`${directory}/${umask}.lock`).mode & 0o777, mode);
    }
    await withLock(`${directory}/shared`, () => undefined, { fileMode: 0o664 });
    assert.equal(statSync(`${directory}/shared.lock`).mode & 0o777, 0o664);
  },
);

test('a lock file that is there keeps its mode', { skip: isWindows }, async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  writeFileSync(`${path}.lock`, '');
  chmodSync(`${path}.lock`, 0o660);
  await withLock(path, () => undefined, { fileMode: 0o600 });
  assert.equal(statSync(`${path}.lock`).mode & 0o777, 0o660);
  await assert.rejects(acquireLock(path, { fileMode: 0o1777 }), { code: 'INVALID_ARGUMENT' });
});

test(
  'a lock file whose name leads to the same file through a symlink is no longer current',
  { skip: isWindows },
  async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    const lock = await acquireLock(path);
    execFileSync('ln', [`${path}.lock`, `${path}.other`]);
    unlinkSync(`${path}.lock`);
    symlinkSync('a.other', `${path}.lock`);
    await assert.rejects(lock.assertHeld(), (error) => isHoldfastError(error, 'LOCK_LOST'));
    await lock.release();
  },
);

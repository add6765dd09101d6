import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { acquireLock, isHoldfastError, transaction, updateJson, withLock } from 'holdfast';
import { nodeFileSystem, type Fs } from 'holdfast/os';

/** Docker Desktop's bind mounts below a directory. */
function onTheMac(directory: string): Fs {
  return {
    ...nodeFileSystem,
    async statFilesystem(path) {
      const stat = await nodeFileSystem.statFilesystem(path);
      if (!path.startsWith(directory)) return stat;
      return { ...stat, mount: { type: 'fakeowner', options: [] } };
    },
  };
}

test('where flock excludes nobody no lock is taken, and the way out works', async (t) => {
  const bound = temporaryDirectory(t);
  const volume = temporaryDirectory(t);
  const path = `${bound}/state.json`;
  const isRefused = (error: unknown): boolean =>
    isHoldfastError(error, 'UNSUPPORTED_PLATFORM') &&
    error.outcome === 'unchanged' &&
    /lockPath.*HOLDFAST_LOCK_DIRECTORY/.test(error.message);
  const fs = onTheMac(bound);
  await assert.rejects(acquireLock(path, { fs }), isRefused);
  await assert.rejects(
    updateJson(path, () => ({}), { fs }),
    isRefused,
  );
  await assert.rejects(
    transaction(bound, (tx) => tx.replaceFile('a', 'A'), { fs }),
    isRefused,
  );
  assert.equal(existsSync(path), false);
  await updateJson(path, () => ({ a: 1 }), { fs, lockPath: `${volume}/state.lock` });
  assert.ok(existsSync(path));
});

test('HOLDFAST_LOCK_DIRECTORY moves the locks of a whole program, one for each file, whatever its name', async (t) => {
  const directory = temporaryDirectory(t);
  const locks = temporaryDirectory(t);
  t.after(() => delete process.env['HOLDFAST_LOCK_DIRECTORY']);
  process.env['HOLDFAST_LOCK_DIRECTORY'] = locks;
  mkdirSync(`${directory}/other`);
  symlinkSync(`${directory}/state.json`, `${directory}/other/link.json`);
  const fs = onTheMac(directory);
  await updateJson(`${directory}/state.json`, () => ({ a: 1 }), { fs });
  await transaction(directory, (tx) => tx.replaceFile('b', 'B'), { fs });
  assert.deepEqual(readdirSync(directory).toSorted(), ['b', 'other', 'state.json']);
  assert.ok(readdirSync(locks).every((name) => /^.+-[0-9a-f]{32}\.lock$/.test(name)));
  await withLock(
    `${directory}/state.json`,
    async () => {
      const again = acquireLock(`${directory}/other/link.json`, { timeoutMs: 0, fs });
      await assert.rejects(again, (error) => isHoldfastError(error, 'LOCK_NESTED'));
      await (await acquireLock(`${directory}/other/state.json`, { timeoutMs: 0, fs })).release();
    },
    { fs },
  );
  process.env['HOLDFAST_LOCK_DIRECTORY'] = 'relative';
  await assert.rejects(acquireLock(`${directory}/state.json`, { fs }), (error) =>
    isHoldfastError(error, 'INVALID_ARGUMENT'),
  );
});

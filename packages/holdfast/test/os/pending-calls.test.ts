import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';

/** Resolves later, and does not keep the process alive until then. */
const later = `const later = () => new Promise((resolve) => setTimeout(resolve, 50).unref());`;

/** Calls that wait for nothing that the event loop knows of. */
const pendingCalls: Readonly<Record<string, string>> = {
  'updateJson, its updater': `updateJson(path, async () => { await later(); return {}; })`,
  'withLock, its function': `withLock(path, later)`,
  'publishDirectory, its fill': `publishDirectory(path, later)`,
  'transaction, its function': `transaction(directory, later)`,
  'transaction, its updater': `transaction(directory, (tx) => tx.updateJson(path, async () => { await later(); return {}; }))`,
  'replaceFile, its stream': `replaceFile(path, (async function* () { await later(); })())`,
  'updateJson, a lock of this process': `(await acquireLock(path), updateJson(path, () => ({}), wait).catch(isAborted))`,
  'appendRecords, a lock of this process': `(await acquireLock(path), appendRecords(path, [{}], wait).catch(isAborted))`,
  'compactRecords, a lock of this process': `(await acquireLock(path), compactRecords(path, { key: 'a', ...wait }).catch(isAborted))`,
  'withLock, a lock of this process': `(await acquireLock(path), withLock(path, () => 1, wait).catch(isAborted))`,
  'acquireLock, a lock of this process': `(await acquireLock(path), acquireLock(path, wait).catch(isAborted))`,
  'transaction, a lock of this process': `(await acquireLock(path), transaction(directory, (tx) => tx.replaceFile(path, 'x'), wait).catch(isAborted))`,
};

for (const [name, call] of Object.entries(pendingCalls)) {
  test(`a pending call keeps its process alive until it settles: ${name}`, (t) => {
    const directory = temporaryDirectory(t);
    const script = `
      import * as holdfast from 'holdfast';
      const { acquireLock, appendRecords, compactRecords, publishDirectory, replaceFile, transaction, updateJson, withLock } = holdfast;
      ${later}
      const [, directory] = process.argv;
      const path = directory + '/a';
      const wait = { signal: AbortSignal.timeout(50) };
      const isAborted = (error) => { if (error.code !== 'ABORTED') throw error; };
      await ${call};
      console.log('settled');`;
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', script, directory],
      { cwd: import.meta.dirname, encoding: 'utf8' },
    );
    assert.deepEqual({ stdout, stderr, status }, { stdout: 'settled\n', stderr: '', status: 0 });
  });
}

test('a process ends when all calls have settled, also while it holds a lock', (t) => {
  const script = `
    import { acquireLock, updateJson } from 'holdfast';
    const [, directory] = process.argv;
    await acquireLock(directory + '/a');
    await Promise.all([updateJson(directory + '/b', () => ({})), updateJson(directory + '/b', () => ({}))]);
    console.log(process.getActiveResourcesInfo().includes('Timeout'));`;
  const { stdout, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', script, temporaryDirectory(t)],
    { cwd: import.meta.dirname, encoding: 'utf8' },
  );
  assert.deepEqual({ stdout, status }, { stdout: 'false\n', status: 0 });
});

/** What root makes by one call in a user's directory, when the call is told whose it is to be. */
import assert from 'node:assert/strict';
import { chownSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  acquireLock,
  appendRecords,
  publishDirectory,
  replaceFile,
  transaction,
  updateFile,
  updateJson,
  withLock,
  type Fs,
} from 'holdfast';
import { directoryOwnerFileSystem, nodeFileSystem } from 'holdfast/os';
import { temporaryDirectory } from '@holdfast/tools/testing';

const USER = 65534;

/** Each call makes something that is not there. */
const calls: Readonly<Record<string, (path: string, fs: Fs) => Promise<unknown>>> = {
  replaceFile: (path, fs) => replaceFile(path, 'x', { fs }),
  updateJson: (path, fs) => updateJson(`${path}/made/a.json`, () => ({}), { initial: {}, fs }),
  updateFile: (path, fs) => updateFile(path, () => 'x', { initial: Buffer.alloc(0), fs }),
  acquireLock: async (path, fs) => (await acquireLock(path, { fs })).release(),
  withLock: (path, fs) => withLock(path, () => undefined, { fs }),
  appendRecords: (path, fs) => appendRecords(`${path}.jsonl`, [{ a: 1 }], { fs }),
  publishDirectory: (path, fs) =>
    publishDirectory(path, (stage) => stage.write('in/a', 'x'), { fs }),
  transaction: (path, fs) =>
    transaction(join(path, '..'), (tx) => tx.replaceFile(path, 'x'), { fs }),
};

for (const [name, call] of Object.entries(calls)) {
  test(`${name}: what it makes is the directory owner's, or root's, as the call says`, async (t) => {
    for (const [fs, owner] of [
      [directoryOwnerFileSystem, USER],
      [nodeFileSystem, 0],
    ] as const) {
      const home = join(temporaryDirectory(t), 'home');
      mkdirSync(home);
      chownSync(home, USER, USER);
      await call(join(home, 'a'), fs);
      const names = readdirSync(home, { recursive: true, encoding: 'utf8' })
        // Root believes nobody else's journal.
        .filter((each) => !each.startsWith('.holdfast-journal'));
      assert.notEqual(names.length, 0);
      for (const each of names) assert.equal(lstatSync(join(home, each)).uid, owner, each);
    }
  });
}

test('a chain that holds a lock is told apart whichever of the two a call has', async (t) => {
  const path = join(temporaryDirectory(t), 'a.json');
  for (const [outer, inner] of [
    [nodeFileSystem, directoryOwnerFileSystem],
    [directoryOwnerFileSystem, nodeFileSystem],
  ] as const) {
    const nested = (): Promise<unknown> => updateJson(path, () => ({}), { fs: inner });
    await assert.rejects(withLock(path, nested, { fs: outer }), { code: 'LOCK_NESTED' });
    const shared = { mode: 'shared' } as const;
    const both = (): Promise<void> => withLock(path, () => undefined, { fs: inner, ...shared });
    await withLock(path, both, { fs: outer, ...shared });
  }
});

/**
 * A client of a network filesystem that remembers where a name led, until its directory is opened.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { acquireLock, appendRecords, readJson, readRecords, updateJson } from 'holdfast';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import { isCommitPending } from '#src/journal/pending.js';
import { followSymlinks } from '#src/os/follow-symlinks.js';

/** <linux/magic.h> */
const NFS_SUPER_MAGIC = 0x6969;

interface Client {
  readonly fs: Fs;
  readonly directory: string;
  /** From here on, names in the directory lead to what is now in `before`. */
  readonly forget: () => void;
}

/**
 * What the client remembers of `NAME` is a file `before-NAME`. Opening a lock file brings the
 * memory back: someone on this machine looked while the lock was waited for.
 */
function client(t: TestContext, name: string): Client {
  const directory = temporaryDirectory(t);
  let remembers = false;
  const seen = (path: string): string =>
    remembers && path === `${directory}/${name}` ? `${directory}/before-${name}` : path;
  const fs: Fs = {
    ...nodeFileSystem,
    async open(path, flags, mode) {
      const opened = seen(path);
      if (path.endsWith('.lock')) remembers = true;
      return nodeFileSystem.open(opened, flags, mode);
    },
    lstat: (path) => nodeFileSystem.lstat(seen(path)),
    stat: (path) => nodeFileSystem.stat(seen(path)),
    async openDirectory(path, options) {
      if (path === directory) remembers = false;
      return nodeFileSystem.openDirectory(path, options);
    },
    async statFilesystem(path) {
      const { freeBytes, totalBytes } = await nodeFileSystem.statFilesystem(path);
      return { type: NFS_SUPER_MAGIC, freeBytes, totalBytes };
    },
  };
  return { fs, directory, forget: () => void (remembers = true) };
}

test('an update reads the document as the last holder of the lock left it', async (t) => {
  const { fs, directory } = client(t, 'state.json');
  writeFileSync(`${directory}/before-state.json`, '{"first":1}');
  writeFileSync(`${directory}/state.json`, '{"first":1,"second":2}');
  await updateJson(`${directory}/state.json`, (state) => ({ ...state, third: 3 }), { fs });
  const text = readFileSync(`${directory}/state.json`, 'utf8');
  assert.deepEqual(JSON.parse(text), { first: 1, second: 2, third: 3 });
});

test('a document that was missing a moment ago is not begun anew', async (t) => {
  const { fs, directory } = client(t, 'state.json');
  writeFileSync(`${directory}/state.json`, '{"first":1}');
  await updateJson(`${directory}/state.json`, (state) => ({ ...state, second: 2 }), { fs });
  const text = readFileSync(`${directory}/state.json`, 'utf8');
  assert.deepEqual(JSON.parse(text), { first: 1, second: 2 });
});

test('an append finds the log that another machine has put in place of the old one', async (t) => {
  const { fs, directory } = client(t, 'log.jsonl');
  writeFileSync(`${directory}/before-log.jsonl`, '{"old":1}\n');
  writeFileSync(`${directory}/log.jsonl`, '{"compacted":1}\n');
  await appendRecords(`${directory}/log.jsonl`, [{ added: 1 }], { fs });
  const text = readFileSync(`${directory}/log.jsonl`, 'utf8');
  assert.equal(text, '{"compacted":1}\n{"added":1}\n');
});

test('a lock whose file was replaced by another machine is lost', async (t) => {
  const { fs, directory } = client(t, 'a.lock');
  const lock = await acquireLock(`${directory}/a`, { fs });
  const held = `${directory}/before-a.lock`;
  await nodeFileSystem.rename(`${directory}/a.lock`, held);
  writeFileSync(`${directory}/a.lock`, '');
  await assert.rejects(lock.assertHeld(), { code: 'LOCK_LOST' });
  await lock.release();
});

test('a reader without a lock reads what is there when it begins', async (t) => {
  for (const [name, read] of [
    ['state.json', (path: string, fs: Fs) => readJson(path, { fs })],
    ['log.jsonl', async (path: string, fs: Fs) => (await readAll(path, fs))[0]],
  ] as const) {
    const { fs, directory, forget } = client(t, name);
    writeFileSync(`${directory}/before-${name}`, '{"old":1}\n');
    writeFileSync(`${directory}/${name}`, '{"new":1}\n');
    forget();
    assert.deepEqual(await read(`${directory}/${name}`, fs), { new: 1 });
  }
});

test('a journal that another machine has left is found', async (t) => {
  const { fs, directory } = client(t, 'none');
  let isKnown = false;
  const late: Fs = {
    ...fs,
    exists: async (path) =>
      (isKnown || path !== `${directory}/.holdfast-journal`) && nodeFileSystem.exists(path),
    openDirectory(path, options) {
      isKnown ||= path === directory;
      return fs.openDirectory(path, options);
    },
  };
  writeFileSync(`${directory}/.holdfast-journal`, '', { mode: 0o600 });
  assert.equal(await isCommitPending(late, `${directory}/state.json`), true);
});

async function readAll(path: string, fs: Fs): Promise<object[]> {
  const records: object[] = [];
  for await (const record of readRecords(path, { fs })) records.push(record);
  return records;
}

test('every directory on the way is opened, from the top, before the way is resolved', async (t) => {
  const { fs, directory } = client(t, 'state.json');
  const calls: string[] = [];
  const told: Fs = {
    ...fs,
    openDirectory(path, options) {
      calls.push(path);
      return fs.openDirectory(path, options);
    },
    realpath(path) {
      calls.push('realpath');
      return fs.realpath(path);
    },
  };
  await followSymlinks(told, `${directory}/state.json`);
  const resolved = calls.indexOf('realpath');
  const way = directory
    .split('/')
    .map((_, index, parts) => parts.slice(0, index + 1).join('/') || '/');
  assert.deepEqual(calls.slice(Math.max(0, resolved - way.length), resolved), way);
});

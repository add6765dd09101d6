/** What synchronous calls sync before they return. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  appendRecordsSync,
  replaceFileSync,
  synchronousFileSystem,
  updateJsonSync,
  type SynchronousFs,
} from 'holdfast/sync';

/** The machine's filesystem, which notes what is synced and renamed. */
function noting(notes: string[]): SynchronousFs {
  return {
    ...synchronousFileSystem,
    open(path, flags, mode) {
      const file = synchronousFileSystem.open(path, flags, mode);
      const { sync, dataSync } = file;
      file.sync = () => {
        notes.push('file');
        sync.call(file);
      };
      file.dataSync = () => {
        notes.push('data');
        dataSync.call(file);
      };
      return file;
    },
    openDirectory(path, flags) {
      const directory = synchronousFileSystem.openDirectory(path, flags);
      const { sync } = directory;
      directory.sync = () => {
        notes.push('directory');
        sync.call(directory);
      };
      return directory;
    },
    rename(from, to) {
      notes.push('rename');
      synchronousFileSystem.rename(from, to);
    },
  };
}

const durably = ['file', 'rename', 'directory'];

test('a file is durable before its name, and its name before the call returns', (t) => {
  const at = temporaryDirectory(t);
  const notes: string[] = [];
  const fs = noting(notes);
  replaceFileSync(`${at}/a`, 'x', { fs });
  assert.deepEqual(notes.splice(0), durably);
  replaceFileSync(`${at}/a`, 'y', { fs, durability: 'atomic' });
  assert.deepEqual(notes.splice(0), ['rename']);
  updateJsonSync(`${at}/a.json`, () => ({ a: 1 }), { fs });
  assert.deepEqual(notes.splice(0), durably);
  // What another program has put there may not be on disk yet.
  updateJsonSync(`${at}/a.json`, () => undefined, { fs });
  assert.deepEqual(notes.splice(0), ['file', 'directory']);
});

test('a file that was cut to what it held, for want of room, is durable before the copy of it goes', (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  writeFileSync(path, 'old');
  const notes: string[] = [];
  const inner = noting(notes);
  const fs: SynchronousFs = {
    ...inner,
    open(at, flags, mode) {
      const file = inner.open(at, flags, mode);
      if (basename(at) !== 'a') return file;
      const { truncate } = file;
      file.truncate = (sizeBytes) => {
        notes.push(`cut to ${sizeBytes}`);
        truncate.call(file, sizeBytes);
      };
      file.write = () => {
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      };
      return file;
    },
    unlink(at) {
      notes.push('unlink');
      inner.unlink(at);
    },
  };
  assert.throws(() => replaceFileSync(path, 'longer', { fs, inPlace: 'always' }), {
    code: 'NO_SPACE',
    outcome: 'unchanged',
  });
  assert.equal(readFileSync(path, 'utf8'), 'old');
  const whenFull = notes.slice(notes.findIndex((note) => note.startsWith('cut')));
  assert.deepEqual(whenFull, ['cut to 3', 'file', 'unlink', 'directory']);
});

test('records are durable before the call returns, and so is the name of a new log', (t) => {
  const notes: string[] = [];
  const fs = noting(notes);
  const log = `${temporaryDirectory(t)}/log.jsonl`;
  appendRecordsSync(log, [{ n: 1 }], { fs });
  assert.deepEqual(notes.splice(0), ['data', 'directory']);
  appendRecordsSync(log, [{ n: 2 }], { fs });
  assert.deepEqual(notes.splice(0), ['data']);
});

import assert from 'node:assert/strict';
import { readdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { replaceFile } from 'holdfast';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import { followSymlinks } from '#src/lock/follow-symlinks.js';
import { isTemporaryName, newTemporaryName } from '#src/stage/names.js';
import { stageFile } from '#src/stage/staged-file.js';
import { sweepTemporaryFiles } from '#src/stage/sweep.js';

test('the first write of a process into a directory sweeps what dead ones left there, and nothing else', async (t) => {
  const directory = temporaryDirectory(t);
  const fs = { ...nodeFileSystem };
  writeFileSync(`${directory}/${newTemporaryName()}`, 'half');
  const others = ['.holdfast-notes.tmp', '.holdfast-0123.tmp', 'a.tmp', `x${newTemporaryName()}`];
  for (const name of others) writeFileSync(`${directory}/${name}`, '');
  await replaceFile(`${directory}/target`, 'new', { fs });
  assert.deepEqual(readdirSync(directory).toSorted(), [...others, 'target'].toSorted());
});

test('a later write of the same process does not list the directory again', async (t) => {
  const directory = temporaryDirectory(t);
  let listings = 0;
  const fs: Fs = {
    ...nodeFileSystem,
    readDirectory: (path) => {
      listings += 1;
      return nodeFileSystem.readDirectory(path);
    },
  };
  for (let count = 0; count < 3; count += 1) await replaceFile(`${directory}/a`, 'new', { fs });
  assert.equal(listings, 1);
});

test('a stage whose owner lives is never swept', async (t) => {
  const directory = temporaryDirectory(t);
  const target = await followSymlinks(nodeFileSystem, `${directory}/target`);
  const staged = await stageFile(nodeFileSystem, target, 'mine');
  assert.deepEqual(await sweepTemporaryFiles({ ...nodeFileSystem }, directory), []);
  await staged.publish();
  assert.deepEqual(readdirSync(directory), ['target']);
});

test('a sweeper that takes a stage in the instant before its lock costs a retry, never a lost write', async (t) => {
  const directory = temporaryDirectory(t);
  let taken = 0;
  const fs: Fs = {
    ...nodeFileSystem,
    async open(path, flags, mode) {
      const file = await nodeFileSystem.open(path, flags, mode);
      if (flags.create === 'exclusive' && taken < 2) {
        taken += 1;
        unlinkSync(path);
      }
      return file;
    },
  };
  await replaceFile(`${directory}/a`, 'new', { fs });
  assert.equal(taken, 2);
  assert.deepEqual(readdirSync(directory), ['a']);
});

test('a symlink with the name of an orphan is not followed', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/precious`, 'mine');
  symlinkSync('precious', `${directory}/${newTemporaryName()}`);
  assert.deepEqual(await sweepTemporaryFiles(nodeFileSystem, directory), []);
  assert.equal(readdirSync(directory).length, 2);
});

test('a directory that cannot be listed does not keep a write from succeeding', async (t) => {
  const directory = temporaryDirectory(t);
  const fs: Fs = {
    ...nodeFileSystem,
    readDirectory: async () => {
      throw new Error('unreadable');
    },
  };
  await replaceFile(`${directory}/a`, 'new', { fs });
  assert.deepEqual(readdirSync(directory), ['a']);
});

test('a name is recognised, differs each time, and has the same length for every target', () => {
  assert.ok(isTemporaryName(newTemporaryName()));
  assert.notEqual(newTemporaryName(), newTemporaryName());
  assert.equal(newTemporaryName().length, newTemporaryName().length);
});

test('on a filesystem that other machines may share, nothing is taken for an orphan', async (t) => {
  const directory = temporaryDirectory(t);
  const NFS = 0x6969;
  const fs: Fs = {
    ...nodeFileSystem,
    statFilesystem: async (path) => ({ ...(await nodeFileSystem.statFilesystem(path)), type: NFS }),
  };
  writeFileSync(`${directory}/${newTemporaryName()}`, 'half');
  assert.deepEqual(await sweepTemporaryFiles(fs, directory), []);
  assert.equal((await sweepTemporaryFiles(nodeFileSystem, directory)).length, 1);
});

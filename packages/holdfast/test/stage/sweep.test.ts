import assert from 'node:assert/strict';
import { existsSync, readdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { replaceFile } from 'holdfast';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import { followSymlinks } from '#src/os/follow-symlinks.js';
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

/**
 * The machine's filesystem, on which each look at the names of a directory is noted: how many it
 * gave.
 */
function counting(): Fs & { readonly looks: number[] } {
  const looks: number[] = [];
  return {
    ...nodeFileSystem,
    looks,
    async readDirectory(path) {
      const entries = await nodeFileSystem.readDirectory(path);
      looks.push(entries.length);
      return entries;
    },
    async openDirectory(path, flags) {
      const directory = await nodeFileSystem.openDirectory(path, flags);
      const { readSome } = directory;
      Object.defineProperty(directory, 'readSome', {
        value:
          readSome &&
          (async (place: bigint) => {
            const some = await readSome(place);
            looks.push(some.entries.length);
            return some;
          }),
      });
      return directory;
    },
  };
}

test('a later write of the same process does not list the directory again', async (t) => {
  const directory = temporaryDirectory(t);
  const fs = counting();
  for (let count = 0; count < 3; count += 1) await replaceFile(`${directory}/a`, 'new', { fs });
  assert.equal(fs.looks.length, 1);
});

test(
  'a write reads a few pieces of a large directory, and later ones the rest: all that dead processes left there goes',
  { skip: process.platform === 'linux' ? false : 'a directory can only be read whole elsewhere' },
  async (t) => {
    const directory = temporaryDirectory(t, existsSync('/dev/shm') ? '/dev/shm' : undefined);
    const others = Array.from({ length: 5000 }, (_, index) => `a file like many others ${index}`);
    for (const [index, name] of others.entries()) {
      writeFileSync(`${directory}/${name}`, '');
      if (index % 500 === 0) writeFileSync(`${directory}/${newTemporaryName()}`, 'half');
    }
    const fs = counting();
    const write = (): Promise<void> =>
      replaceFile(`${directory}/target`, 'new', { fs, durability: 'atomic' });
    await write();
    assert.ok(fs.looks.length <= 2, `${fs.looks.length} looks`);
    for (let count = 0; count < 50; count += 1) await write();
    assert.deepEqual(readdirSync(directory).toSorted(), [...others, 'target'].toSorted());
    assert.ok(Math.max(...fs.looks) < 1500, `${Math.max(...fs.looks)} names at a time`);
    const looks = fs.looks.length;
    await write();
    assert.equal(fs.looks.length, looks, 'all of it was read');
  },
);

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
    async openDirectory(path, flags) {
      const opened = await nodeFileSystem.openDirectory(path, flags);
      return Object.defineProperty(opened, 'readSome', { value: undefined });
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

test('a staged file that may be the only copy of its target stays', async (t) => {
  const directory = temporaryDirectory(t);
  const [lost, spare] = ['lost', 'there'].map((name) => newTemporaryName(name));
  for (const name of ['there', lost, spare]) writeFileSync(`${directory}/${name}`, 'whole');
  const removed = await sweepTemporaryFiles(nodeFileSystem, directory);
  assert.deepEqual(removed, [`${directory}/${spare}`]);
});

/**
 * What root makes in a user's directory, without being root: on a filesystem that says so, whose
 * descriptors note who gets what.
 */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { nodeFileSystem, type FileStat, type Fs, type FsDirectory } from 'holdfast/os';
import { giveDirectory, giveTo } from '#src/os/give.js';
import { isGiven } from '#src/os/owner.js';

const ROOT = 0;
const USER = 1234;

/**
 * Root's, whoever runs the test: every descriptor is of a thing of root's, and tells of it when it
 * is given away.
 */
function fileSystemOfRoot(given: string[]): Fs {
  const noted = <H extends FsDirectory>(handle: H): H => {
    const stat = handle.stat.bind(handle);
    handle.stat = async () => ({ ...(await stat()), uid: ROOT });
    handle.chown = async (uid, gid) => void given.push(`${handle.path} ${uid} ${gid}`);
    return handle;
  };
  return {
    ...nodeFileSystem,
    uid: ROOT,
    givesToDirectory: true,
    openDirectory: async (path, flags) => noted(await nodeFileSystem.openDirectory(path, flags)),
  };
}

const file: FileStat = {
  kind: 'file',
  dev: 1n,
  ino: 2n,
  sizeBytes: 0,
  mode: 0o644,
  uid: ROOT,
  gid: ROOT,
  linkCount: 1,
};
const directoryOfUser: FileStat = { ...file, kind: 'directory', uid: USER, gid: USER };

async function changesTo(stat: FileStat, owner = directoryOfUser, fs = {}): Promise<string[]> {
  const changes: string[] = [];
  const directory = await nodeFileSystem.openDirectory('/');
  directory.stat = async () => stat;
  directory.chown = async (uid, gid) => void changes.push(`chown ${uid} ${gid}`);
  directory.chmod = async (mode) => void changes.push(`chmod ${mode.toString(8)}`);
  await giveTo({ ...fileSystemOfRoot([]), ...fs }, owner, directory);
  await directory.close();
  return changes;
}

test("root's own file goes to the owner of its directory, with the bits that the kernel takes away", async () => {
  assert.deepEqual(await changesTo(file), [`chown ${USER} ${USER}`]);
  assert.deepEqual(await changesTo({ ...file, mode: 0o2755 }), [
    `chown ${USER} ${USER}`,
    'chmod 2755',
  ]);
});

test("nothing is given that is not root's, has a second name, or lies in a directory of root's", async () => {
  assert.deepEqual(await changesTo({ ...file, uid: USER + 1 }), []);
  assert.deepEqual(await changesTo({ ...file, linkCount: 2 }), []);
  assert.deepEqual(await changesTo(file, { ...directoryOfUser, uid: ROOT }), []);
  assert.deepEqual(await changesTo(file, directoryOfUser, { uid: USER }), []);
  assert.deepEqual(await changesTo(file, directoryOfUser, { givesToDirectory: false }), []);
});

test('a directory is given when it is empty, and not through a symlink that has taken its name', async (t) => {
  const path = temporaryDirectory(t);
  for (const name of ['empty', 'full', 'elsewhere']) mkdirSync(`${path}/${name}`);
  writeFileSync(`${path}/full/file`, '');
  symlinkSync('elsewhere', `${path}/link`);
  const given: string[] = [];
  const fs = fileSystemOfRoot(given);
  const parent = await nodeFileSystem.openDirectory(path);
  parent.stat = async () => directoryOfUser;
  await giveDirectory(fs, parent, 'empty');
  await giveDirectory(fs, parent, 'full');
  await assert.rejects(giveDirectory(fs, parent, 'link'));
  await parent.close();
  assert.deepEqual(given, [`${path}/empty ${USER} ${USER}`]);
});

test('root believes what it has given to the owner of a directory, and nothing of anybody else', async (t) => {
  const path = `${temporaryDirectory(t)}/file`;
  const fs = { ...fileSystemOfRoot([]), stat: async () => directoryOfUser };
  const ofUser = { ...file, uid: USER };
  assert.equal(await isGiven(fs, path, ofUser), true);
  assert.equal(await isGiven(fs, path, { ...file, uid: USER + 1 }), false);
  assert.equal(await isGiven({ ...fs, givesToDirectory: false }, path, ofUser), false);
  assert.equal(await isGiven({ ...fs, uid: USER + 1 }, path, ofUser), false);
});

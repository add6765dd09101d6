import assert from 'node:assert/strict';
import * as nodeFs from 'node:fs';
import { chmodSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { nodeFileSystem as fs, type FsFile } from 'holdfast/os';
import { native } from '#src/os/native/load.js';

const ignore = (): void => undefined;
const isUnix = process.platform !== 'win32';

async function opened(path: string, access: 'read' | 'readWrite' = 'readWrite'): Promise<FsFile> {
  return fs.open(path, { access, ...(access === 'readWrite' && { create: 'ifMissing' }) });
}

test('an exclusive lock excludes other open files, a shared one only exclusive ones, and close frees both', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  const [first, second] = [await opened(path), await opened(path)];
  assert.equal(first.tryLock('exclusive'), true);
  assert.equal(second.tryLock('shared'), false);
  first.unlock();
  assert.equal(second.tryLock('shared'), true);
  assert.equal(first.tryLock('shared'), true);
  assert.equal(first.tryLock('exclusive'), false);
  await second.close();
  assert.equal(first.tryLock('exclusive'), true);
  await first.close();
});

test('a file open for reading alone can be locked exclusively', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  writeFileSync(path, '');
  const reader = await opened(path, 'read');
  const other = await opened(path);
  assert.equal(reader.tryLock('exclusive'), true);
  assert.equal(other.tryLock('exclusive'), false);
  await Promise.all([reader.close(), other.close()]);
});

test('each open file sees the lowest ticket of the others, until it is dropped or its file is closed', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  const files = [await opened(path), await opened(path), await opened(path, 'read')] as const;
  const [first, second, third] = files;
  const lowest = (): (bigint | undefined)[] => files.map((file) => file.tickets?.lowestOfOthers());
  assert.deepEqual(lowest(), [undefined, undefined, undefined]);
  first.tickets?.draw(30n, ignore);
  second.tickets?.draw(10n, ignore);
  third.tickets?.draw(20n, ignore);
  assert.deepEqual(lowest(), [10n, 20n, 10n]);
  assert.equal(first.tickets?.countBelow(30n, 9), 2);
  assert.equal(first.tickets?.countBelow(30n, 1), 1);
  assert.equal(second.tickets?.countBelow(10n, 9), 0);
  second.tickets?.drop(10n);
  assert.deepEqual(lowest(), [20n, 20n, 30n]);
  await third.close();
  assert.deepEqual(
    [first, second].map((file) => file.tickets?.lowestOfOthers()),
    [undefined, 30n],
  );
  await Promise.all([first.close(), second.close()]);
});

test(
  'who shows a ticket is woken by it, and nobody else is',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    const [first, second, waker] = [await opened(path), await opened(path), await opened(path)];
    // What waits to be woken keeps no process alive.
    const alive = setInterval(() => undefined, 1000);
    t.after(() => clearInterval(alive));
    let wokenInVain = 0;
    first.tickets?.draw(1n, () => (wokenInVain += 1));
    const woken = new Promise<void>((resolve) => second.tickets?.draw(2n, resolve));
    waker.tickets?.wake(2n);
    await woken;
    first.tickets?.drop(1n);
    waker.tickets?.wake(1n);
    waker.tickets?.wake(3n);
    await setImmediate();
    assert.equal(wokenInVain, 0);
    await Promise.all([first.close(), second.close(), waker.close()]);
  },
);

test('tickets and flock do not know of each other', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  const [first, second] = [await opened(path), await opened(path)];
  assert.equal(first.tryLock('exclusive'), true);
  second.tickets?.draw(1n, ignore);
  assert.equal(first.tickets?.lowestOfOthers(), 1n);
  first.unlock();
  first.tickets?.draw(2n, ignore);
  assert.equal(second.tryLock('exclusive'), true);
  assert.equal(second.tickets?.lowestOfOthers(), 2n);
  await Promise.all([first.close(), second.close()]);
});

test('renameNoReplace refuses an existing name, exchange swaps two', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/a`, 'a');
  mkdirSync(`${directory}/b`);
  await assert.rejects(fs.renameNoReplace(`${directory}/a`, `${directory}/b`), { code: 'EEXIST' });
  await fs.exchange(`${directory}/a`, `${directory}/b`);
  assert.equal(readFileSync(`${directory}/b`, 'utf8'), 'a');
  await fs.renameNoReplace(`${directory}/b`, `${directory}/c`);
  assert.equal(readFileSync(`${directory}/c`, 'utf8'), 'a');
  await assert.rejects(fs.exchange(`${directory}/a`, `${directory}/none`), { code: 'ENOENT' });
});

test('syncFilesystem resolves, and names the error of a descriptor that is none', async (t) => {
  const directory = await fs.openDirectory(temporaryDirectory(t));
  await directory.syncFilesystem();
  await directory.close();
  await assert.rejects(directory.syncFilesystem(), { code: 'EBADF', syscall: 'syncfs' });
});

test('a stat without times says what the one of Node says, of every kind of file', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/a`;
  const made = await opened(path);
  // Loads the native layer, which is then asked.
  made.tryLock('shared');
  await made.truncate(isUnix ? 5_000_000_000 : 5);
  await made.close();
  linkSync(path, `${directory}/b`);
  chmodSync(path, 0o640);
  if (isUnix) symlinkSync('a', `${directory}/link`);
  const places = [path, directory, ...(isUnix ? [`${directory}/link`, '/dev/null', '/'] : [])];
  for (const place of places) {
    for (const call of ['stat', 'lstat'] as const) {
      const expected = nodeFs[`${call}Sync`](place, { bigint: true });
      const { kind, ...found } = await fs[call](place);
      assert.deepEqual(found, {
        dev: expected.dev,
        ino: expected.ino,
        sizeBytes: Number(expected.size),
        mode: Number(expected.mode & 0o7777n),
        uid: Number(expected.uid),
        gid: Number(expected.gid),
        linkCount: Number(expected.nlink),
      });
      const is = { file: 'isFile', directory: 'isDirectory', symlink: 'isSymbolicLink' } as const;
      const asks = kind === 'characterDevice' ? 'isCharacterDevice' : is[kind as keyof typeof is];
      assert.ok(expected[asks]());
    }
  }
  const file = await opened(path, 'read');
  assert.deepEqual(await file.stat(), await fs.stat(path));
  assert.equal(await file.modifiedMs(), Math.floor(nodeFs.statSync(path).mtimeMs));
  await file.close();
  await assert.rejects(file.stat(), { code: 'EBADF', syscall: 'fstat', path });
  await assert.rejects(fs.lstat(`${path}/x`), { code: 'ENOTDIR', syscall: 'lstat' });
  await assert.rejects(fs.stat(`${directory}/none`), { code: 'ENOENT', syscall: 'stat' });
  await assert.rejects(fs.stat(`${path}\0b`), { code: 'ERR_INVALID_ARG_VALUE' });
});

for (const [by, readRows] of [
  ['by the call of the platform', native().readRows],
  ["by Node's own", undefined],
] as const) {
  test(`rows of several pieces are read ${by}, and of a file that ends early as far as it goes`, async (t) => {
    const loaded = native() as { readRows?: typeof readRows };
    const before = loaded.readRows;
    t.after(() => Object.assign(loaded, { readRows: before }));
    loaded.readRows = readRows;
    const path = `${temporaryDirectory(t)}/a`;
    writeFileSync(path, 'abcdefghijklmnopqrstuvwxyz');
    const file = await opened(path, 'read');
    const [left, right] = [new Uint8Array(9), new Uint8Array(6).subarray(3)];
    assert.equal(await file.readStrided?.([left, right], 3, 1, 6), 12);
    assert.equal(Buffer.from(left).toString(), 'bcdhijnop');
    assert.equal(Buffer.from(right).toString(), 'ekq');
    assert.equal(await file.readStrided?.([left, right], 3, 13, 6), 4 + 4 + 1);
    assert.equal(Buffer.from(left).toString(), 'noptuvzop');
    await file.close();
  });
}

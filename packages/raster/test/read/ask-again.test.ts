import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError, type Fs } from 'holdfast';
import { nodeFileSystem, systemError } from 'holdfast/os';
import { openVrt, writeTiledVrt } from '#src/index.js';
import { fromArray } from '#src/source/from-array.js';

const ENOENT = 2;
const ESTALE = 116;

async function mosaicIn(t: TestContext): Promise<string> {
  const path = join(temporaryDirectory(t), 'out.vrt');
  const source = fromArray({ data: new Uint8Array(20 * 10).fill(7), width: 20, height: 10 });
  await writeTiledVrt(path, source, { threads: 0 });
  // Where there is a lock file, a reader looks once more under its lock.
  rmSync(`${path}.lock`, { force: true });
  return path;
}

/** This filesystem as FUSE, where the index cannot be opened as long as `isLost` says so. */
function losing(errno: number, type: string, isLost: (opened: string) => boolean): Fs {
  return {
    ...nodeFileSystem,
    async open(path, ...rest) {
      if (isLost(path)) throw systemError(errno, 'open', path);
      return nodeFileSystem.open(path, ...rest);
    },
    statFilesystem: async (path) => ({
      ...(await nodeFileSystem.statFilesystem(path)),
      mount: { type, options: [] },
    }),
  };
}

function losingTimes(errno: number, times: number, type = 'fuse.bindfs') {
  let looks = 0;
  const fs = losing(errno, type, (path) => {
    if (path.endsWith('.vrt')) looks += 1;
    return path.endsWith('.vrt') && looks <= times;
  });
  return { fs, looks: () => looks };
}

async function valueAt(path: string, fs: Fs): Promise<number | undefined> {
  const mosaic = await openVrt(path, { fs });
  const { data } = await mosaic.read();
  await mosaic.close();
  return (data as Uint8Array)[0];
}

for (const [name, errno] of [
  ['ENOENT', ENOENT],
  ['ESTALE', ESTALE],
] as const) {
  test(`where a name may lead nowhere for a moment, ${name} is no missing mosaic`, async (t) => {
    const path = await mosaicIn(t);
    for (const times of [1, 4]) {
      assert.equal(await valueAt(path, losingTimes(errno, times).fs), 7);
    }
  });
}

test('an index that is lost for longer is found under the lock of its writers', async (t) => {
  const path = await mosaicIn(t);
  writeFileSync(`${path}.lock`, '');
  let [isLocked, looks] = [false, 0];
  const fs = losing(ENOENT, 'fuse.sshfs', (opened) => {
    isLocked ||= opened.endsWith('.lock');
    if (!opened.endsWith('.vrt')) return false;
    // Not at once there either: the names that this mount has in mind may still be old.
    if (isLocked) looks += 1;
    return looks <= 2;
  });
  assert.equal(await valueAt(path, fs), 7);
});

test('a mosaic that is really missing is told after the last look', async (t) => {
  const path = await mosaicIn(t);
  const { fs } = losingTimes(ENOENT, Infinity);
  await assert.rejects(openVrt(path, { fs }), (error) => isHoldfastError(error, 'NOT_FOUND'));
});

test('on a local filesystem a missing mosaic is missing at the first look', async (t) => {
  const path = await mosaicIn(t);
  const { fs, looks } = losingTimes(ENOENT, 1, 'ext4');
  await assert.rejects(openVrt(path, { fs }), (error) => isHoldfastError(error, 'NOT_FOUND'));
  assert.equal(looks(), 1);
});

test('the directory is asked for its names before the index is looked for, and the index for its size', async (t) => {
  const path = await mosaicIn(t);
  let isAsked = false;
  const fs: Fs = {
    ...losing(ENOENT, 'nfs4', (opened) => opened.endsWith('.vrt') && !isAsked),
    async openDirectory(of, flags) {
      isAsked ||= of === dirname(path);
      return nodeFileSystem.openDirectory(of, flags);
    },
  };
  assert.equal(await valueAt(path, fs), 7);
  // What the kernel remembers is the size of a shorter one.
  const remembering: Fs = {
    ...nodeFileSystem,
    async open(...args) {
      const file = await nodeFileSystem.open(...args);
      const stat: typeof file.stat = async (freshness) => {
        const now = await file.stat(freshness);
        const isKnown = freshness === 'fresh' || !file.path.endsWith('.vrt');
        return isKnown ? now : { ...now, sizeBytes: Math.floor(now.sizeBytes / 2) };
      };
      return new Proxy(file, {
        get(target, name) {
          if (name === 'stat') return stat;
          const value: unknown = Reflect.get(target, name);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    },
  };
  assert.equal(await valueAt(path, remembering), 7);
});

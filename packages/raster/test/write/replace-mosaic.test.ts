import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import { type Fs, nodeFileSystem } from 'holdfast/os';
import { openVrt } from '#src/read/open-vrt.js';
import { fromArray } from '#src/source/from-array.js';
import type { RasterSource } from '#src/source/raster-source.js';
import { verifyVrt } from '#src/verify/verify-vrt.js';
import { writeTiledVrt, type WriteOptions } from '#src/index.js';

/** A raster that holds one value everywhere. */
const filled = (value: number): RasterSource =>
  fromArray({ data: new Uint8Array(40 * 30).fill(value), width: 40, height: 30 });
const replace: WriteOptions = { tileSizePx: 16, threads: 0, ifExists: 'replace' };

async function valuesAt(path: string): Promise<number[]> {
  const mosaic = await openVrt(path);
  const { data } = await mosaic.read();
  await mosaic.close();
  return [...new Set(data as Uint8Array)];
}

const directoriesIn = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);

test('a mosaic is replaced whole, and the tiles of the one before stay for its readers', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  for (const value of [1, 2, 3, 4]) {
    await writeTiledVrt(path, filled(value), replace);
    assert.deepEqual(await valuesAt(path), [value]);
  }
  assert.deepEqual(directoriesIn(directory), ['out_tiles.3', 'out_tiles.4']);
  assert.equal((await verifyVrt(path, { deep: true })).ok, true);
});

test('keepPrevious says how many old tiles directories stay', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  for (const value of [1, 2, 3])
    await writeTiledVrt(path, filled(value), { ...replace, keepPrevious: 2 });
  assert.equal(directoriesIn(directory).length, 3);
  await writeTiledVrt(path, filled(4), { ...replace, keepPrevious: 0 });
  assert.deepEqual(directoriesIn(directory), ['out_tiles.4']);
});

test('the same content again makes tiles of their own, and the old ones retire', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  for (let round = 0; round < 3; round += 1)
    await writeTiledVrt(path, filled(7), { ...replace, keepPrevious: 0 });
  assert.deepEqual(directoriesIn(directory), ['out_tiles.3']);
  assert.deepEqual(await valuesAt(path), [7]);
});

test('what an opened mosaic reads stays until it is closed, whatever is written meanwhile', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  await writeTiledVrt(path, filled(1), replace);
  const opened = await openVrt(path);
  for (const value of [2, 3, 4])
    await writeTiledVrt(path, filled(value), { ...replace, keepPrevious: 0 });
  assert.deepEqual([...new Set((await opened.read()).data as Uint8Array)], [1]);
  await opened.close();
  await writeTiledVrt(path, filled(5), { ...replace, keepPrevious: 0 });
  assert.deepEqual(directoriesIn(join(path, '..')), ['out_tiles.5']);
});

/**
 * As NFS has it: a lock on a directory is granted to each machine, and never told to the others.
 */
const withLocalDirectoryLocks: Fs = new Proxy(nodeFileSystem, {
  get(fs, name) {
    if (name !== 'openDirectory') return Reflect.get(fs, name) as unknown;
    return async (path: string) => {
      const directory = await fs.openDirectory(path);
      directory.tryLock = () => true;
      return directory;
    };
  },
});

test('what an opened mosaic reads stays also where locks on directories are not seen by other machines', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  const fs = withLocalDirectoryLocks;
  await writeTiledVrt(path, filled(1), { ...replace, fs });
  const opened = await openVrt(path, { fs });
  await writeTiledVrt(path, filled(2), { ...replace, keepPrevious: 0, fs });
  assert.deepEqual([...new Set((await opened.read()).data as Uint8Array)], [1]);
  await opened.close();
});

test('a mosaic whose manifest is gone is read without a lock', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  await writeTiledVrt(path, filled(1), replace);
  unlinkSync(join(path, '../out_tiles/holdfast-tiles.json'));
  assert.deepEqual(await valuesAt(path), [1]);
});

test('a replacement that fails leaves the old mosaic and nothing else', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  await writeTiledVrt(path, filled(1), replace);
  const before = readdirSync(directory);
  const failing: RasterSource = {
    ...filled(2),
    read: async () => {
      throw new Error('the source is gone');
    },
  };
  await assert.rejects(writeTiledVrt(path, failing, replace), /the source is gone/);
  assert.deepEqual(readdirSync(directory), before);
  assert.deepEqual(await valuesAt(path), [1]);
});

test('tiles that a killed replacement published are removed by the next, and foreign ones never', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  await writeTiledVrt(path, filled(1), replace);
  // What a run leaves that dies between its tiles and its index: tiles that no index names.
  await writeTiledVrt(join(directory, 'other.vrt'), filled(9), replace);
  renameSync(join(directory, 'other_tiles'), join(directory, 'out_tiles.2'));
  unlinkSync(join(directory, 'other.vrt'));
  mkdirSync(join(directory, 'out_tiles.7'));
  writeFileSync(join(directory, 'out_tiles.7', 'mine.txt'), 'not yours');
  await writeTiledVrt(path, filled(2), { ...replace, keepPrevious: 0 });
  assert.deepEqual(directoriesIn(directory), ['out_tiles.7', 'out_tiles.8']);
  assert.deepEqual(await valuesAt(path), [2]);
});

test('replacing is asked for by name, and misspelt wishes are refused before anything is touched', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  const wrong = [
    { ifExists: 'overwrite' },
    { keepPrevious: -1 },
    { keepForMs: -1 },
    { concurrency: 0 },
  ] as unknown as WriteOptions[];
  for (const options of wrong)
    await assert.rejects(writeTiledVrt(path, filled(1), options), (error) =>
      isHoldfastError(error, 'INVALID_ARGUMENT'),
    );
  assert.deepEqual(readdirSync(join(path, '..')), []);
});

/**
 * Mosaics are written while their stage, or the directory of the index, is exchanged for a symlink:
 * once at a known instant, and by a real second process as fast as it can. The threads that encode
 * write, read and remove nothing outside.
 */
import assert from 'node:assert/strict';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { raceExchanges, temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import {
  fromArray,
  openVrt,
  type RasterSource,
  recoverVrt,
  verifyVrt,
  writeTiledVrt,
  type WriteOptions,
} from '#src/index.js';
import { counting } from './counting.js';

const onlyLinux = {
  skip: process.platform === 'linux' ? false : 'paths through descriptors are those of Linux',
};

const SIZE_PX = 64;
const data = Uint8Array.from({ length: SIZE_PX ** 2 }, (_, index) => index % 251);
const source = fromArray({ data, width: SIZE_PX, height: SIZE_PX });
/**
 * 4 x 4 tiles, and overviews as files of their own, which are made of the tiles once these are
 * there.
 */
const options: WriteOptions = {
  tileSizePx: 16,
  blockSizePx: 16,
  overviews: [2, 8],
  resampling: 'bilinear',
  resume: true,
};
const STAGE = '.out_tiles.staging-resume';

/** The source, which does something before one of its reads, counted from 1. */
function doing(before: () => void, at = 1): RasterSource {
  let reads = 0;
  return {
    ...source,
    read: async (...args) => {
      reads += 1;
      if (reads === at) before();
      return source.read(...args);
    },
  };
}

const OUTSIDE = ['tile_00_00.tif', 'tile_03_03.tif', 'overviews.tif', 'holdfast-index.vrt'];

function fill(directory: string, content: string): void {
  mkdirSync(directory, { recursive: true });
  for (const name of OUTSIDE) writeFileSync(join(directory, name), content);
}

/** The stage of a mosaic in a directory, and how it is exchanged for a symlink. */
function arena(base: string) {
  const [outside, away, stage] = [join(base, 'outside'), join(base, 'away'), join(base, STAGE)];
  const exchange = (): void => {
    renameSync(stage, away);
    symlinkSync(outside, stage);
  };
  return { path: join(base, 'out.vrt'), outside, away, stage, exchange };
}

for (const threads of [0, 2]) {
  const where = threads === 0 ? 'the calling thread' : 'encoder threads';

  test(
    `tiles and overviews of ${where} go to the stage that was made, not to what takes its name`,
    onlyLinux,
    async (t) => {
      const { path, outside, away, stage, exchange } = arena(temporaryDirectory(t));
      fill(outside, 'precious');
      // What a run before has left is removed there, and nowhere else.
      fill(stage, 'old');
      const write = writeTiledVrt(path, doing(exchange), { ...options, threads });
      await assert.rejects(write, (error) => isHoldfastError(error, 'TARGET_CHANGED'));
      assert.deepEqual(readdirSync(outside).toSorted(), OUTSIDE.toSorted());
      for (const name of OUTSIDE)
        assert.equal(readFileSync(join(outside, name), 'utf8'), 'precious', name);
      for (const name of ['tile_03_03.tif', 'overviews.tif'])
        assert.notEqual(readFileSync(join(away, name), 'utf8'), 'old', name);
    },
  );

  for (const [what, name, placed, code] of [
    ['a tile', 'tile_00_00.tif', 'out_tiles', 'IO'],
    ['an overview', 'overviews.tif', STAGE, 'ALREADY_EXISTS'],
  ] as const) {
    test(
      `${what} that ${where} cannot write is named as people know it, all through the error`,
      onlyLinux,
      async (t) => {
        const base = temporaryDirectory(t);
        const { path, stage } = arena(base);
        const inTheWay = doing(() => mkdirSync(join(stage, name)));
        await assert.rejects(writeTiledVrt(path, inTheWay, { ...options, threads }), (error) => {
          assert.ok(isHoldfastError(error, code));
          assert.equal(error.path, join(base, placed, name));
          const { cause } = error as { cause?: NodeJS.ErrnoException };
          assert.equal(cause?.code, 'EEXIST');
          assert.equal(cause.path, join(stage, name));
          for (const text of [error.message, error.stack, cause.message, cause.stack])
            assert.doesNotMatch(String(text), /\/proc\//u);
          return true;
        });
      },
    );
  }
}

test(
  'a resumed run takes the tiles of its stage, not those of what takes its name',
  onlyLinux,
  async (t) => {
    const base = temporaryDirectory(t);
    const { path, outside, away, stage, exchange } = arena(base);
    const one = { ...options, resampling: 'average', threads: 0, concurrency: 1 } as const;
    const fails = doing(() => assert.fail('the source is gone'), 12);
    await assert.rejects(writeTiledVrt(path, fails, one), /the source is gone/u);
    const others = fromArray({ data: data.toReversed(), width: SIZE_PX, height: SIZE_PX });
    const theirs = await writeTiledVrt(join(base, 'theirs.vrt'), others, one);
    renameSync(theirs.tilesPath, outside);
    const before = bytesIn(outside);
    for (const name of ['tile_00_00.tif', 'tile_01_01.tif']) rmSync(join(stage, name));
    const write = writeTiledVrt(path, doing(exchange), one);
    await assert.rejects(write, (error) => isHoldfastError(error, 'TARGET_CHANGED'));
    assert.deepEqual(bytesIn(outside), before);
    const expected = await writeTiledVrt(join(base, 'expected.vrt'), source, one);
    assert.deepEqual(rasters(bytesIn(away)), rasters(bytesIn(expected.tilesPath)));
  },
);

function bytesIn(directory: string): readonly (readonly [string, string])[] {
  const names = readdirSync(directory).toSorted();
  return names.map((name) => [name, readFileSync(join(directory, name), 'base64')]);
}

function rasters(files: ReturnType<typeof bytesIn>): ReturnType<typeof bytesIn> {
  return files.filter(([name]) => name.endsWith('.tif'));
}

test(
  'a mosaic is written where its path led when it was locked, whatever takes the place of the directory',
  onlyLinux,
  async (t) => {
    const base = temporaryDirectory(t);
    const at = (name: string): string => join(base, name);
    const small = { ...options, threads: 0, durability: 'atomic', ifExists: 'replace' } as const;
    const [width, height] = [32, 16];
    const both = fromArray({ data: data.subarray(0, width * height), width, height });
    const write = (fs: Fs) => writeTiledVrt(at('here/out.vrt'), both, { ...small, fs });
    mkdirSync(at('fresh'));
    for (const keepPrevious of [1, 1])
      await writeTiledVrt(at('fresh/out.vrt'), both, { ...small, keepPrevious });
    writeFileSync(at('fresh/out.vrt.aux.xml'), '');
    const begin = (): void => {
      for (const name of ['here', 'outside', 'away'])
        rmSync(at(name), { recursive: true, force: true });
      for (const name of ['here', 'outside']) cpSync(at('fresh'), at(name), { recursive: true });
    };
    begin();
    const calls: string[] = [];
    await write(counting((_, name) => void calls.push(name)));
    const resolved = calls.flatMap((name, index) => (name === 'realpath' ? [index] : []));
    assert.equal(resolved.length, 3, 'to look, to lock, and once the lock is held');
    const namesIn = (name: string): string[] =>
      readdirSync(at(name), { recursive: true }).map(String).toSorted();
    const expected = namesIn('fresh');
    for (let instant = (resolved.at(-1) ?? 0) + 1; instant < calls.length; instant += 1) {
      begin();
      const exchanging = counting((index) => {
        if (index !== instant) return;
        renameSync(at('here'), at('away'));
        symlinkSync(at('outside'), at('here'));
      });
      await write(exchanging).catch(() => undefined);
      assert.deepEqual(namesIn('outside'), expected, `before call ${instant}, ${calls[instant]}`);
      assert.deepEqual(readFileSync(at('outside/out.vrt')), readFileSync(at('fresh/out.vrt')));
    }
  },
);

test(
  'what the index among the tiles was exchanged for, a symlink to a secret file, is not put in place',
  onlyLinux,
  async (t) => {
    const base = temporaryDirectory(t);
    const [secret, path] = [join(base, 'secret'), join(base, 'out.vrt')];
    writeFileSync(secret, 'precious', { mode: 0o600 });
    const fs: Fs = {
      ...nodeFileSystem,
      open: async (name, flags, mode) => {
        const isPublished = readdirSync(base).includes('out_tiles');
        if (isPublished && name.endsWith('/holdfast-index.vrt') && flags.access === 'read') {
          rmSync(join(base, 'out_tiles/holdfast-index.vrt'));
          symlinkSync(secret, join(base, 'out_tiles/holdfast-index.vrt'));
        }
        return nodeFileSystem.open(name, flags, mode);
      },
    };
    await assert.rejects(writeTiledVrt(path, source, { ...options, fs }), (error) =>
      isHoldfastError(error, 'NAME_TAKEN'),
    );
    assert.ok(!readdirSync(base).includes('out.vrt'));
  },
);

test(
  'a mosaic lies where a symlink at the end of its path leads, and is read through it',
  onlyLinux,
  async (t) => {
    const base = temporaryDirectory(t);
    for (const name of ['links', 'real']) mkdirSync(join(base, name));
    const [link, real] = [join(base, 'links/link.vrt'), join(base, 'real/real.vrt')];
    symlinkSync('../real/real.vrt', link);
    const replace = { ...options, resume: false, threads: 0, ifExists: 'replace' } as const;
    for (let generation = 1; generation <= 2; generation += 1) {
      const written = await writeTiledVrt(link, source, replace);
      assert.equal(written.path, real);
      assert.equal(
        written.tilesPath,
        join(base, generation === 1 ? 'real/real_tiles' : 'real/real_tiles.2'),
      );
      assert.deepEqual(readdirSync(join(base, 'links')), ['link.vrt']);
      for (const path of [link, real]) {
        assert.ok((await verifyVrt(path)).ok, path);
        const mosaic = await openVrt(path);
        const pixels = await mosaic.read({ xPx: 0, yPx: 0, widthPx: SIZE_PX, heightPx: SIZE_PX });
        assert.deepEqual(pixels.data, data);
        await mosaic.close();
      }
    }
    assert.deepEqual(await recoverVrt(link), []);
    symlinkSync('../real/image.tif', join(base, 'links/other.vrt'));
    await assert.rejects(writeTiledVrt(join(base, 'links/other.vrt'), source, replace), (error) =>
      isHoldfastError(error, 'INVALID_ARGUMENT'),
    );
  },
);

for (const threads of [0, 2]) {
  test(
    `mosaics written by ${threads} threads while the stage is exchanged touch nothing outside`,
    onlyLinux,
    async (t) => {
      await raceExchanges(t, {
        treeName: 'mosaics',
        exchanged: STAGE,
        layOut: (tree) => fill(join(tree, STAGE), ''),
        outside: OUTSIDE,
        rounds: 40,
        round: (tree) =>
          writeTiledVrt(join(tree, 'out.vrt'), source, {
            ...options,
            threads,
            durability: 'atomic',
          }),
      });
    },
  );
}

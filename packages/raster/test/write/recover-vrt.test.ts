import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError, withLock } from 'holdfast';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import { fromArray, recoverVrt, type RasterSource, writeTiledVrt } from '#src/index.js';

const source = (failAt = 0): RasterSource => {
  const whole = fromArray({ data: new Uint8Array(80 * 16).fill(7), width: 80, height: 16 });
  let reads = 0;
  return {
    ...whole,
    read: async (...args) => {
      reads += 1;
      if (reads === failAt) throw new Error('the source is gone');
      return whole.read(...args);
    },
  };
};
const options = { tileSizePx: 16, threads: 0, concurrency: 1 } as const;

/**
 * A directory with what several dead runs left: a kept stage, an orphaned one, and tiles that no
 * index names.
 */
async function battlefield(directory: string): Promise<void> {
  const failing = writeTiledVrt(join(directory, 'kept.vrt'), source(4), {
    ...options,
    resume: true,
  });
  await assert.rejects(failing, /the source is gone/u);
  const orphan = join(directory, '.dead_tiles.staging-0123456789abcdef0123');
  mkdirSync(orphan);
  writeFileSync(join(orphan, 'tile_00_00.tif'), 'half');
  await writeTiledVrt(join(directory, 'whole.vrt'), source(), options);
  unlinkSync(join(directory, 'whole.vrt'));
  await writeTiledVrt(join(directory, 'fine.vrt'), source(), options);
  await writeTiledVrt(join(directory, 'fine.vrt'), source(), { ...options, ifExists: 'replace' });
  mkdirSync(join(directory, 'notes_tiles'));
  writeFileSync(join(directory, 'notes_tiles', 'mine.txt'), 'mine');
}

const summary = (left: Awaited<ReturnType<typeof recoverVrt>>): unknown =>
  left.map(({ path, kind, action, finishedTileCount }) => [
    path.slice(path.lastIndexOf('/') + 1),
    kind,
    action,
    finishedTileCount,
  ]);

test('what dead runs left is told by a dry run, and nothing is touched', async (t) => {
  const directory = temporaryDirectory(t);
  await battlefield(directory);
  const before = readdirSync(directory, { recursive: true });
  assert.deepEqual(summary(await recoverVrt(directory, { dryRun: true })), [
    ['.dead_tiles.staging-0123456789abcdef0123', 'stage', 'removed', 0],
    ['.kept_tiles.staging-resume', 'resumableStage', 'kept', 3],
    ['whole_tiles', 'tiles', 'kept', 0],
  ]);
  assert.deepEqual(readdirSync(directory, { recursive: true }), before);
});

test('what is of no use goes, finished work stays and can be resumed', async (t) => {
  const directory = temporaryDirectory(t);
  await battlefield(directory);
  await recoverVrt(directory);
  assert.ok(!existsSync(join(directory, '.dead_tiles.staging-0123456789abcdef0123')));
  const written = await writeTiledVrt(join(directory, 'kept.vrt'), source(), {
    ...options,
    resume: true,
  });
  assert.equal(written.resumedTileCount, 3);
});

test('with discard finished work goes too; live mosaics, their kept generations and what is not ours stay', async (t) => {
  const directory = temporaryDirectory(t);
  await battlefield(directory);
  await recoverVrt(directory, { discard: true });
  const left = readdirSync(directory).filter((name) => !name.endsWith('.lock'));
  assert.deepEqual(left, [
    'fine.vrt',
    'fine.vrt.generations',
    'fine_tiles',
    'fine_tiles.2',
    'notes_tiles',
  ]);
  assert.deepEqual(await recoverVrt(directory, { discard: true }), []);
});

test('a record whose tiles are gone is removed', async (t) => {
  const directory = temporaryDirectory(t);
  await battlefield(directory);
  renameSync(join(directory, '.kept_tiles.staging-resume'), join(directory, 'elsewhere'));
  const left = await recoverVrt(join(directory, 'kept.vrt'));
  assert.deepEqual(summary(left), [['kept.vrt.resume', 'record', 'removed', 0]]);
  assert.ok(!existsSync(join(directory, 'kept.vrt.resume')));
});

test('a mosaic that is being written is left alone', async (t) => {
  const directory = temporaryDirectory(t);
  await battlefield(directory);
  const path = join(directory, 'kept.vrt');
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const held = withLock(path, async () => released);
  await assert.rejects(recoverVrt(path, { discard: true }), (error) =>
    isHoldfastError(error, 'LOCK_TIMEOUT'),
  );
  release();
  await held;
  assert.ok(existsSync(join(directory, '.kept_tiles.staging-resume')));
});

test('where nothing was left nothing is told, and not even a lock file is made', async (t) => {
  const directory = temporaryDirectory(t);
  assert.deepEqual(await recoverVrt(join(directory, 'none.vrt')), []);
  assert.deepEqual(await recoverVrt(directory), []);
  assert.deepEqual(readdirSync(directory), []);
  await assert.rejects(recoverVrt(join(directory, 'missing')), (error) =>
    isHoldfastError(error, 'NOT_FOUND'),
  );
});

test('where other machines may have changed names, they are asked for before anything is looked at', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  for (const call of [
    (fs: Fs) => recoverVrt(path, { fs }),
    (fs: Fs) => writeTiledVrt(path, source(), { ...options, fs }),
  ]) {
    const seen: string[] = [];
    await call(onNfs(seen));
    const looked = seen.findIndex((each) => each.includes(` ${directory}/`));
    const asked = seen.indexOf(`openDirectory ${directory}`);
    assert.ok(asked !== -1 && asked < looked, seen.slice(0, looked + 1).join('\n'));
  }
});

/** As it looks on a server, with what is called on paths. */
function onNfs(seen: string[]): Fs {
  return new Proxy(nodeFileSystem, {
    get(fs, name) {
      const member: unknown = Reflect.get(fs, name);
      if (typeof member !== 'function' || typeof name !== 'string') return member;
      return async (...args: unknown[]) => {
        seen.push(`${name} ${String(args[0])}`);
        const result: unknown = await Reflect.apply(member, fs, args);
        return name === 'statFilesystem' ? { ...(result as object), type: 0x6969 } : result;
      };
    },
  });
}

/**
 * Two users beside one mosaic, in a sticky directory and in one of their group: what B plants, A
 * neither believes nor removes.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { twoUsers, type TestUser, type TwoUsers } from '@holdfast/tools/testing';

const kinds = ['sticky', 'group'] as const;

/**
 * Makes a call as a user, of whom all that is made in the directory of the group is its group's;
 * gives its result, or its code.
 */
function as(user: TestUser, call: string): unknown {
  const script = `
    import * as r from '@holdfast/raster';
    process.umask(0o002);
    const source = r.fromArray({ data: new Uint8Array(256).fill(5), width: 16, height: 16 });
    const options = { tileSizePx: 16, threads: 0, durability: 'atomic', ifExists: 'replace' };
    const done = await (async () => ${call})().then((value) => ({ value }), (error) => ({ code: error.code ?? String(error) }));
    console.log(JSON.stringify(done));`;
  const [program, ...args] = [...user.command, process.execPath];
  const given = [...args, '--input-type=module', '--eval', script];
  const { stdout, stderr } = spawnSync(program, given, {
    cwd: import.meta.dirname,
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.notEqual(stdout, '', stderr);
  const { value, code } = JSON.parse(stdout) as { value?: unknown; code?: unknown };
  return code ?? value;
}

const write = (path: string, more = ''): string =>
  `r.writeTiledVrt(${JSON.stringify(path)}, source, { ...options, ${more} }).then(() => 'done')`;
const read = (path: string): string =>
  `r.openVrt(${JSON.stringify(path)}).then(async (mosaic) => {
    try { return (await mosaic.read({ xPx: 0, yPx: 0, widthPx: 1, heightPx: 1 })).data[0]; } finally { await mosaic.close(); }
  })`;

interface Beside {
  readonly users: TwoUsers;
  readonly index: string;
  readonly tiles: string;
}

/** A mosaic of A in a directory in which both may make names. */
function mosaicOfA(users: TwoUsers, kind: (typeof kinds)[number]): Beside {
  const index = join(users.directory(kind), 'dem.vrt');
  assert.equal(as(users.a, write(index)), 'done');
  return { users, index, tiles: index.replace('.vrt', '_tiles') };
}

/** Copies a tree as a user's own. */
function plantTree({ uid, gid }: TestUser, from: string, to: string): void {
  cpSync(from, to, { recursive: true });
  for (const path of [to, ...readdirSync(to).map((name) => join(to, name))])
    chownSync(path, uid, gid);
}

function plantFile({ uid, gid }: TestUser, path: string, text: string): void {
  writeFileSync(path, text);
  chownSync(path, uid, gid);
  chmodSync(path, 0o644);
}

for (const kind of kinds) {
  test(`in a ${kind} directory tiles of B are neither removed nor taken for A's`, (t) => {
    const { users, index, tiles } = mosaicOfA(twoUsers(t), kind);
    for (const name of [`${tiles}.9`, `${tiles}.900000000000000`]) plantTree(users.b, tiles, name);
    const recover = `r.recoverVrt(${JSON.stringify(index)}, { discard: true })`;
    assert.deepEqual(as(users.a, recover), []);
    assert.ok(existsSync(`${tiles}.9/holdfast-tiles.json`));
    assert.equal(as(users.a, read(index)), 5);
  });

  test(`in a ${kind} directory a record of B brings no index of B in place of A's`, (t) => {
    const { users, index, tiles } = mosaicOfA(twoUsers(t), kind);
    plantTree(users.b, tiles, `${tiles}.9`);
    const acknowledged = { tilesName: 'dem_tiles.9', generation: 'x' };
    const record = { format: 'holdfast-generations', version: 1, youngest: 9, acknowledged };
    plantFile(users.b, `${index}.generations`, JSON.stringify({ ...record, retired: {} }));
    const before = readFileSync(index, 'utf8');
    for (const call of [write(index), `r.recoverVrt(${JSON.stringify(index)})`])
      assert.equal(as(users.a, call), 'NAME_TAKEN', call);
    assert.equal(readFileSync(index, 'utf8'), before);
  });

  test(`in a ${kind} directory A resumes no record and no stage of B`, (t) => {
    const { users, index } = mosaicOfA(twoUsers(t), kind);
    plantFile(users.b, `${index}.resume`, 'theirs');
    assert.equal(as(users.a, write(index, 'resume: true')), 'NAME_TAKEN');
    assert.equal(readFileSync(`${index}.resume`, 'utf8'), 'theirs');
    renameSync(`${index}.resume`, `${index}.away`);
    const stage = join(index, '..', '.dem_tiles.2.staging-resume');
    mkdirSync(stage);
    plantFile(users.b, join(stage, 'tile_00_00.tif'), 'theirs');
    chownSync(stage, users.b.uid, users.b.gid);
    assert.equal(as(users.a, write(index, 'resume: true')), 'NAME_TAKEN');
    assert.equal(readFileSync(join(stage, 'tile_00_00.tif'), 'utf8'), 'theirs');
  });

  test(`in a ${kind} directory A publishes no tile that B has put into the stage of A`, (t) => {
    const users = twoUsers(t);
    const index = join(users.directory(kind), 'dem.vrt');
    const stage = join(index, '..', '.dem_tiles.staging-resume');
    const wide = (failsAt: number): string => `(() => {
      const whole = r.fromArray({ data: new Uint8Array(512).fill(5), width: 32, height: 16 });
      let reads = 0;
      const read = async (...args) => {
        reads += 1;
        if (reads === ${failsAt}) throw new Error('the source is gone');
        return whole.read(...args);
      };
      return r.writeTiledVrt(${JSON.stringify(index)}, { ...whole, read },
        { ...options, resume: true, concurrency: 1 }).then((done) => done.resumedTileCount);
    })()`;
    assert.equal(as(users.a, wide(2)), 'UPDATER_FAILED');
    const tile = join(stage, 'tile_00_00.tif');
    chownSync(tile, users.b.uid, users.b.gid);
    assert.equal(as(users.a, wide(0)), 'NAME_TAKEN', 'with the very bytes that A recorded');
    chownSync(tile, users.a.uid, users.a.gid);
    assert.equal(as(users.a, wide(0)), 1);
  });

  test(`in a ${kind} directory a manifest of B in tiles of A lets nothing of them go`, (t) => {
    const { users, index, tiles } = mosaicOfA(twoUsers(t), kind);
    const dead = `${tiles}.2`;
    plantTree(users.a, tiles, dead);
    const recover = `r.recoverVrt(${JSON.stringify(index)}, { discard: true })`;
    const manifest = join(dead, 'holdfast-tiles.json');
    const text = readFileSync(manifest, 'utf8');
    renameSync(manifest, `${index}.manifest`);
    plantFile(users.b, manifest, text);
    assert.deepEqual(as(users.a, recover), []);
    assert.ok(existsSync(join(dead, 'tile_00_00.tif')));
    renameSync(`${index}.manifest`, manifest);
    assert.equal((as(users.a, recover) as unknown[]).length, 1, 'with its own manifest it goes');
    assert.ok(!existsSync(dead));
  });

  test(`in a ${kind} directory a symlink below the tiles leads A nowhere else`, (t) => {
    const { users, index, tiles } = mosaicOfA(twoUsers(t), kind);
    const elsewhere = mosaicOfA(users, 'group');
    const tile = join(tiles, 'tile_00_00.tif');
    renameSync(tile, `${tile}.away`);
    symlinkSync(join(elsewhere.tiles, 'tile_00_00.tif'), tile);
    lchownSync(tile, users.b.uid, users.b.gid);
    assert.equal(as(users.a, read(index)), 'PATH_ESCAPES');
  });
}

test("strangers' symlinks to rasters are followed in a group's directory only", (t) => {
  const users = twoUsers(t);
  const theirs = mosaicOfA(users, 'group');
  for (const [kind, index, source] of [
    ['sticky', 'UNSUPPORTED_TARGET', 'UNSUPPORTED_TARGET'],
    ['group', 5, 'read'],
  ] as const) {
    const directory = users.directory(kind);
    const [link, tile] = [join(directory, 'link.vrt'), join(directory, 'tile.tif')];
    const tiles = join(directory, 'dem_tiles');
    symlinkSync(theirs.index, link);
    symlinkSync(join(theirs.tiles, 'tile_00_00.tif'), tile);
    cpSync(theirs.tiles, tiles, { recursive: true });
    for (const path of [link, tile]) lchownSync(path, users.b.uid, users.b.gid);
    assert.equal(as(users.a, read(link)), index, kind);
    const call = `r.fromGeoTiff(${JSON.stringify(tile)}).then(async (opened) => { await opened.close(); return 'read'; })`;
    assert.equal(as(users.a, call), source, kind);
    // Root's own links, and those of the directory's owner, are followed everywhere.
    for (const path of [link, tile]) lchownSync(path, 0, 0);
    assert.equal(as(users.a, call), 'read', kind);
  }
});

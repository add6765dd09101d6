/** Mosaics on a web server are checked as those on disk are, as far as a server tells. */
import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isHoldfastError } from 'holdfast';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { fromArray, indexTiles, verifyVrt, writeCog, writeTiledVrt } from '#src/index.js';
import { serveFiles, type FileServer } from '../remote/file-server.js';

const [WIDTH, HEIGHT] = [300, 200];

function sourceOf(label: number) {
  return fromArray({
    data: Int32Array.from({ length: WIDTH * HEIGHT }, (_, at) => label * 1e6 + at),
    width: WIDTH,
    height: HEIGHT,
    crs: 'EPSG:32632',
    transform: [600_000, 10, 0, 5_000_000, 0, -10],
  });
}

interface Place {
  readonly folder: string;
  readonly server: FileServer;
  /** The kinds and names of what is wrong. */
  readonly problems: (deep?: boolean) => Promise<readonly string[]>;
}

async function served(t: TestContext): Promise<Place> {
  const folder = temporaryDirectory(t);
  await put(folder, 1);
  const server = await serveFiles(t, folder);
  const problems = async (deep = false) => {
    const options = { deep, allowHttp: true };
    const report = await verifyVrt(`${server.url}/dem.vrt?signed=secret`, options);
    assert.equal(report.ok, report.problems.length === 0);
    assert.doesNotMatch(JSON.stringify(report), /secret/);
    return report.problems.map(({ kind, path }) => `${kind} ${path.split('/').at(-1)}`);
  };
  return { folder, server, problems };
}

async function put(folder: string, label: number): Promise<void> {
  await writeTiledVrt(join(folder, 'dem.vrt'), sourceOf(label), {
    tileSizePx: 128,
    overviews: [2],
    threads: 0,
    compression: 'none',
  });
}

test('a mosaic of ours on a web server is whole, by sizes and by checksums', async (t) => {
  const { server, folder } = await served(t);
  const seen: number[] = [];
  const options = { allowHttp: true, onProgress: ({ done }: { done: number }) => seen.push(done) };
  for (const deep of [false, true]) {
    const report = await verifyVrt(`${server.url}/dem.vrt`, { ...options, deep });
    const near = await verifyVrt(join(folder, 'dem.vrt'), { deep });
    assert.deepEqual(report, { ...near, path: `${server.url}/dem.vrt` });
    assert.equal(report.evidence, 'checksums');
  }
  // Tiles and an overview, twice.
  assert.equal(seen.length, 14);
  assert.ok(server.asked.every(({ headers }) => headers.range !== undefined));
});

test('what is missing, cut, longer, changed or foreign is found, and a damaged index or manifest', async (t) => {
  const { folder, problems } = await served(t);
  const at = (name: string) => join(folder, 'dem_tiles', name);
  const [first, second] = ['tile_00_00.tif', 'tile_00_01.tif'];
  const bytes = readFileSync(at(first));
  rmSync(at(first));
  assert.deepEqual(await problems(), [`missing ${first}`]);
  writeFileSync(at(first), bytes.subarray(0, -100));
  assert.deepEqual(await problems(), [`truncated ${first}`]);
  writeFileSync(at(first), Buffer.concat([bytes, Buffer.alloc(1)]));
  assert.deepEqual(await problems(), [`too long ${first}`]);
  const changed = Buffer.from(bytes);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  writeFileSync(at(first), changed);
  assert.deepEqual(await problems(), []);
  assert.deepEqual(await problems(true), [`changed ${first}`]);
  writeFileSync(at(first), bytes);
  const overview = readFileSync(at('overviews.tif'));
  rmSync(at('overviews.tif'));
  assert.deepEqual(await problems(), ['missing overviews.tif']);
  writeFileSync(at('overviews.tif'), overview);

  const manifest = at('holdfast-tiles.json');
  const text = readFileSync(manifest, 'utf8');
  writeFileSync(manifest, text.replace(second, 'tile_77_00.tif'));
  assert.deepEqual(await problems(), ['damaged manifest holdfast-tiles.json']);
  rmSync(manifest);
  assert.deepEqual(await problems(), ['missing holdfast-tiles.json']);
  writeFileSync(manifest, text);
  const index = join(folder, 'dem.vrt');
  const whole = readFileSync(index, 'utf8');
  writeFileSync(index, whole.replace('32632', '32633'));
  assert.ok((await problems()).includes('damaged index dem.vrt'));
});

test('tiles of another generation are found, as of a server that was copied to in part', async (t) => {
  const { folder, problems } = await served(t);
  const other = temporaryDirectory(t);
  await put(other, 2);
  rmSync(join(folder, 'dem_tiles'), { recursive: true });
  renameSync(join(other, 'dem_tiles'), join(folder, 'dem_tiles'));
  assert.deepEqual(await problems(true), ['other generation holdfast-tiles.json']);
});

test('a mosaic of others is held against its shapes, and decoded with deep; so is a GeoTIFF, and an index over files', async (t) => {
  const { folder, server } = await served(t);
  const verify = (name: string, deep: boolean) =>
    verifyVrt(`${server.url}/${name}`, { deep, allowHttp: true });
  await writeCog(join(folder, 'one.tif'), sourceOf(1), { threads: 0 });
  await indexTiles(join(folder, 'all.vrt'), [join(folder, 'one.tif')], { checksums: true });
  const text = readFileSync(join(folder, 'dem.vrt'), 'utf8');
  const foreign = text
    .replace(/<Metadata domain="HOLDFAST">.*?<\/Metadata>/su, '')
    .replace(/<!-- holdfast.*-->\n$/su, '');
  writeFileSync(join(folder, 'foreign.vrt'), foreign);
  for (const deep of [false, true]) {
    const { ok, evidence, tiles } = await verify('foreign.vrt', deep);
    assert.deepEqual([ok, evidence, tiles], [true, 'shapes', 6]);
    assert.ok((await verify('one.tif', deep)).ok);
    assert.deepEqual((await verify('all.vrt', deep)).problems, []);
  }
  writeFileSync(
    join(folder, 'foreign.vrt'),
    foreign.replaceAll(/(SourceProperties.*?)128/gu, '$1127'),
  );
  const { problems } = await verify('foreign.vrt', false);
  assert.ok(
    problems.some(({ kind }) => kind === 'wrong shape'),
    JSON.stringify(problems),
  );
});

test('one that is replaced while it is looked at is looked at again', async (t) => {
  const { folder, server, problems } = await served(t);
  let isReplaced = false;
  server.intervene = async ({ path }) => {
    if (!isReplaced && path.endsWith('tile_01_00.tif')) {
      isReplaced = true;
      const options = {
        ifExists: 'replace',
        keepPrevious: 0,
        threads: 0,
        tileSizePx: 128,
      } as const;
      await writeTiledVrt(join(folder, 'dem.vrt'), sourceOf(2), options);
    }
    return false;
  };
  assert.deepEqual(await problems(true), []);
  assert.ok(isReplaced);
});

test('what is not there, or may not be read, is an error, and an abort ends the look', async (t) => {
  const { server } = await served(t);
  const none = verifyVrt(`${server.url}/none.vrt`, { allowHttp: true });
  await assert.rejects(none, (error) => isHoldfastError(error, 'NOT_FOUND'));
  const ended = new AbortController();
  const onProgress = () => ended.abort();
  const cut = verifyVrt(`${server.url}/dem.vrt`, {
    allowHttp: true,
    onProgress,
    signal: ended.signal,
  });
  await assert.rejects(cut, (error) => isHoldfastError(error, 'ABORTED'));
  server.intervene = (_, response) => {
    response.writeHead(403).end();
    return true;
  };
  const refused = verifyVrt(`${server.url}/dem.vrt`, { allowHttp: true });
  await assert.rejects(refused, (error) => isHoldfastError(error, 'STORE_FAILED'));
});

/**
 * The real xarray-spatial, whose tiled VRT writer is the ancestor of ours: it reads our mosaics, we
 * read its, and both write the same pixels into the same tiles. It is installed from PyPI into
 * .cache/, and needs Python 3.12; where that cannot be had, these tests fail.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type ArrayRaster,
  type CompressionName,
  fromArray,
  fromChunks,
  openVrt,
  writeTiledVrt,
} from '@holdfast/raster';
import { pythonWith, temporaryDirectory } from '@holdfast/tools/testing';

const VERSION = '0.10.20';
const packages = [`xarray-spatial==${VERSION}`, 'dask[array]', 'pyproj', 'zstandard'];
const repository = fileURLToPath(new URL('../..', import.meta.url));
const judge = join(repository, 'test/python/xarray_spatial_judge.py');

/** The Python of an environment with xarray-spatial. */
function python(): string {
  return pythonWith(`xarray-spatial-${VERSION}`, packages, findPython());
}

function findPython(): string {
  const pyenv = join(process.env['PYENV_ROOT'] ?? join(homedir(), '.pyenv'), 'versions');
  const ofPyenv = existsSync(pyenv)
    ? readdirSync(pyenv).map((version) => join(pyenv, version, 'bin/python3'))
    : [];
  const named = ['python3', 'python3.14', 'python3.13', 'python3.12'];
  const check = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))';
  const found = [process.env['HOLDFAST_PYTHON'] ?? 'python3', ...named, ...ofPyenv].find(
    (candidate) => spawnSync(candidate, ['-c', check]).status === 0,
  );
  assert.ok(found, 'xarray-spatial needs Python 3.12 with venv; HOLDFAST_PYTHON may name one');
  return found;
}

interface Answer {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly crs: number | null;
  readonly transform: readonly number[] | null;
}

type Job = Readonly<Record<string, unknown>>;

/** One run for all jobs, since starting xarray-spatial takes seconds. */
function ask(jobs: readonly Job[]): readonly Answer[] {
  const text = execFileSync(python(), [judge, JSON.stringify(jobs)], { encoding: 'utf8' });
  return JSON.parse(text) as readonly Answer[];
}

const WIDTH = 150;
const HEIGHT = 90;
const transform = [500_000, 30, 0, 4_600_000, 0, -30] as const;
/** The same in the order of rasterio's Affine, which is xarray-spatial's. */
const affine = [30, 0, 500_000, 0, -30, 4_600_000];
const length = WIDTH * HEIGHT;
const arrays = {
  uint8: Uint8Array.from({ length }, (_, i) => (i * 7) % 251),
  int16: Int16Array.from({ length }, (_, i) => ((i * 31) % 4001) - 2000),
  uint32: Uint32Array.from({ length }, (_, i) => (i * 2_654_435_761) % 2 ** 32),
  float32: Float32Array.from({ length }, (_, i) => Math.sin(i / 50) * 1000),
  float64: Float64Array.from({ length }, (_, i) => Math.cos(i / 50) / 3),
};

const raster = (data: ArrayRaster['data']): ArrayRaster => ({
  data,
  width: WIDTH,
  height: HEIGHT,
  transform,
  crs: 32_633,
});

const bytesOf = (data: ArrayBufferView): Buffer =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength);

const codecs: readonly CompressionName[] = ['none', 'deflate', 'lzw', 'packbits', 'zstd'];

test('xarray-spatial reads our mosaics of every codec and type, and where they lie', async (t) => {
  const directory = temporaryDirectory(t);
  const cases = Object.entries(arrays).flatMap(([dataType, data]) =>
    codecs.map((compression) => {
      const stem = join(directory, `${dataType}-${compression}`);
      return { dataType, data, compression, path: `${stem}.vrt`, raw: `${stem}.raw` };
    }),
  );
  for (const { data, compression, path } of cases)
    await writeTiledVrt(path, fromArray(raster(data)), { tileSizePx: 64, compression });
  const answers = ask(cases.map(({ path, raw }) => ({ do: 'read', path, raw })));
  for (const [index, { dataType, data, compression, raw }] of cases.entries()) {
    const { dtype, shape, crs, transform: place } = answers[index] as Answer;
    assert.deepEqual(
      { dtype, shape, crs },
      { dtype: dataType, shape: [HEIGHT, WIDTH], crs: 32_633 },
    );
    assert.deepEqual(place, affine);
    assert.ok(readFileSync(raw).equals(bytesOf(data)), `${dataType} ${compression}`);
  }
});

test('we read the mosaics of xarray-spatial, and both writers make the same tiles with the same pixels', async (t) => {
  const directory = temporaryDirectory(t);
  const cases = Object.entries(arrays).flatMap(([dataType, data]) =>
    [undefined, [40, 64] as const].map((chunks) => {
      const stem = join(directory, `${dataType}${chunks ? '-chunks' : ''}`);
      return { dataType, data, chunks, theirs: `${stem}-theirs`, ours: `${stem}-ours` };
    }),
  );
  ask(
    cases.map(({ dataType, data, chunks, theirs }) => {
      const raw = `${theirs}.raw`;
      writeFileSync(raw, bytesOf(data));
      const shape = [HEIGHT, WIDTH];
      const how = { chunks, transform, crs: 32_633, compression: 'deflate', tileSizePx: 64 };
      return { do: 'write', path: `${theirs}.vrt`, raw, dtype: dataType, shape, ...how };
    }),
  );
  for (const { dataType, data, chunks, theirs, ours } of cases) {
    const source = chunks ? lazy(data, chunks) : fromArray(raster(data));
    await writeTiledVrt(`${ours}.vrt`, source, { tileSizePx: 64 });
    assert.ok((await readBack(`${theirs}.vrt`)).equals(bytesOf(data)), `theirs, ${dataType}`);
    assert.ok((await readBack(`${ours}.vrt`)).equals(bytesOf(data)), `ours, ${dataType}`);
    assert.deepEqual(tilesOf(ours), tilesOf(theirs));
    assert.deepEqual(placesIn(`${ours}.vrt`), placesIn(`${theirs}.vrt`));
  }
});

const tilesOf = (stem: string): readonly string[] =>
  readdirSync(`${stem}_tiles`).filter((name) => name.endsWith('.tif'));

/** The same samples as chunks, as dask has them. */
function lazy(
  data: (typeof arrays)[keyof typeof arrays],
  [height, width]: readonly [number, number],
): ReturnType<typeof fromChunks> {
  const source = fromArray(raster(data));
  const { dataType } = source.info;
  return fromChunks({
    width: WIDTH,
    height: HEIGHT,
    dataType,
    transform,
    crs: 32_633,
    chunks: { width, height },
    compute: async ({ window }) => (await source.read(window)).data,
  });
}

async function readBack(path: string): Promise<Buffer> {
  const mosaic = await openVrt(path);
  const { data } = await mosaic.read();
  await mosaic.close();
  return bytesOf(data);
}

/** Where each tile lies, by its name. */
function placesIn(path: string): readonly string[] {
  const source = /_tiles\/(tile_\d+_\d+\.tif)<[\s\S]*?<DstRect ([^/]+)\/>/gu;
  return [...readFileSync(path, 'utf8').matchAll(source)].map(
    ([, name, place]) => `${name} ${place}`,
  );
}

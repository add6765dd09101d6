/**
 * Cloud Optimized GeoTIFFs before their judges: GDAL's own script with all its checks, rio-cogeo's
 * strict validator, and GDAL, rasterio and geotiff.js, who must read the same pixels, masks and
 * places as were written.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type CogOptions,
  fromArray,
  fromGeoTiff,
  type RasterSource,
  writeCog,
  writeTiledVrt,
} from '@holdfast/raster';
import { pythonWith, temporaryDirectory } from '@holdfast/tools/testing';
import { fromFile } from 'geotiff';

const judge = fileURLToPath(new URL('../python/cog_judge.py', import.meta.url));
const WIDTH = 1237;
const HEIGHT = 851;

const arrays = {
  uint8: Uint8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

function sourceOf(
  type: keyof typeof arrays,
  bandCount: number,
  masked: boolean,
  [width, height]: readonly [number, number] = [WIDTH, HEIGHT],
): RasterSource {
  const cells = width * height;
  const all = masked ? bandCount + 1 : bandCount;
  const data = new arrays[type](cells * all);
  for (let at = 0; at < cells * bandCount; at += 1) {
    const [x, y] = [at % width, Math.floor(at / width)];
    data[at] = 1 + ((x * 3 + y * 2 + (x % 7) * (y % 5)) % 250);
  }
  // A hole of nodata, or in the mask.
  for (let y = 90; y < 700; y += 1)
    for (let x = 30; x < 640; x += 1)
      for (let band = 0; band < all; band += 1) data[band * cells + y * width + x] = 0;
  if (masked)
    for (let at = 0; at < cells; at += 1)
      data[cells * bandCount + at] = data[at] === 0 ? 0 : at % 11 === 0 ? 0 : 255;
  return fromArray({
    data,
    width,
    height,
    bandCount: all,
    transform: [500_000, 10, 0, 6_000_000, 0, -10],
    crs: 32633,
    ...(masked ? {} : { nodata: 0 }),
    bands: Array.from({ length: all }, (_, band) => (band === bandCount ? { isMask: true } : {})),
  });
}

interface Case {
  readonly type: keyof typeof arrays;
  readonly bandCount: number;
  readonly masked: boolean;
  readonly options: CogOptions;
}

const cases: Readonly<Record<string, Case>> = {
  plain: { type: 'float32', bandCount: 1, masked: false, options: { threads: 2 } },
  big: {
    type: 'int16',
    bandCount: 1,
    masked: false,
    options: { bigTiff: 'always', blockSizePx: 256 },
  },
  none: { type: 'uint16', bandCount: 1, masked: false, options: { compression: 'none' } },
  zstd: {
    type: 'int32',
    bandCount: 2,
    masked: false,
    options: { compression: 'zstd', predictor: 2 },
  },
  lzw: { type: 'uint8', bandCount: 3, masked: false, options: { compression: 'lzw' } },
  packbits: { type: 'uint8', bandCount: 1, masked: false, options: { compression: 'packbits' } },
  lerc: { type: 'float64', bandCount: 1, masked: false, options: { compression: 'lerc' } },
  planes: {
    type: 'uint32',
    bandCount: 3,
    masked: false,
    options: { interleave: 'band', compression: 'deflate' },
  },
  sparse: {
    type: 'float32',
    bandCount: 1,
    masked: false,
    options: { skipEmpty: true, blockSizePx: 128, predictor: 3 },
  },
  masked: { type: 'uint8', bandCount: 3, masked: true, options: { blockSizePx: 256 } },
  maskedSparse: {
    type: 'uint16',
    bandCount: 1,
    masked: true,
    options: { skipEmpty: true, blockSizePx: 128, resampling: 'bilinear' },
  },
  maskedPlanes: {
    type: 'uint16',
    bandCount: 2,
    masked: true,
    options: { interleave: 'band', resampling: 'mode' },
  },
};

interface Verdict {
  readonly valid: boolean;
  readonly errors: readonly string[];
  readonly layout: string;
  readonly pixels: string;
  readonly mask: string;
  readonly epsg: number;
  readonly transform: readonly number[];
  readonly nodata: number | null;
  readonly overviews: readonly number[];
  readonly overviewPixels: readonly string[];
  readonly overviewMasks: readonly string[];
}

/** Band after band, as the judge reads them. */
async function expectedOf(source: RasterSource): Promise<Pick<Verdict, 'pixels' | 'mask'>> {
  const { widthPx, heightPx, bands, nodata } = source.info;
  const { data, interleave, bandCount } = await source.read({ xPx: 0, yPx: 0, widthPx, heightPx });
  const cells = widthPx * heightPx;
  const at = (band: number, cell: number): number | bigint =>
    data[interleave === 'band' ? band * cells + cell : cell * bandCount + band] as number;
  const isMasked = bands.at(-1)?.isMask === true;
  const images = isMasked ? bandCount - 1 : bandCount;
  const samples = new (data.constructor as typeof Float64Array)(cells * images);
  for (let band = 0; band < images; band += 1)
    for (let cell = 0; cell < cells; cell += 1)
      samples[band * cells + cell] = at(band, cell) as number;
  const mask = Uint8Array.from({ length: cells }, (_, cell) => {
    if (isMasked) return at(images, cell) === 0 ? 0 : 255;
    // rasterio joins the bands: valid where one is.
    const isValid = Array.from({ length: images }, (_none, band) => at(band, cell) !== nodata);
    return nodata === undefined || isValid.some(Boolean) ? 255 : 0;
  });
  return { pixels: digest(samples), mask: digest(mask) };
}

function digest(samples: Float64Array | Uint8Array): string {
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  return createHash('sha256').update(bytes).digest('hex');
}

test('every judge accepts every kind of file, and reads the pixels, masks and places that were written', async (t) => {
  const directory = temporaryDirectory(t);
  const paths: string[] = [];
  for (const [name, { type, bandCount, masked, options }] of Object.entries(cases)) {
    paths.push(join(directory, `${name}.tif`));
    await writeCog(paths.at(-1) as string, sourceOf(type, bandCount, masked), options);
  }
  const python = pythonWith('rio-cogeo-7.0.4', ['rio-cogeo==7.0.4']);
  const { stdout, stderr } = spawnSync(python, [judge, ...paths], { encoding: 'utf8' });
  const verdicts = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Verdict);
  assert.equal(verdicts.length, paths.length, stderr);
  for (const [index, [name, { type, bandCount, masked }]] of Object.entries(cases).entries()) {
    const path = paths[index] as string;
    const verdict = verdicts[index] as Verdict;
    assert.deepEqual([verdict.valid, verdict.errors], [true, []], name);
    assert.equal(verdict.layout, 'COG', name);
    const source = sourceOf(type, bandCount, masked);
    const { pixels, mask } = await expectedOf(source);
    assert.equal(verdict.mask, mask, `${name}: mask`);
    // What a mask leaves empty has no samples where its block was left out.
    if (name !== 'maskedSparse') assert.equal(verdict.pixels, pixels, name);
    assert.deepEqual([verdict.epsg, verdict.nodata], [32633, masked ? null : 0], name);
    assert.deepEqual(verdict.transform, [10, 0, 500_000, 0, -10, 6_000_000], name);
    for (const [overview] of verdict.overviews.entries()) {
      const ours = await fromGeoTiff(path, { overview });
      const expected = await expectedOf(ours);
      await ours.close();
      assert.equal(verdict.overviewPixels[overview], expected.pixels, `${name} ${overview}`);
      assert.equal(verdict.overviewMasks[overview], expected.mask, `${name} ${overview}: mask`);
    }
    assert.ok(verdict.overviews.length > 0, name);
    const script = 'osgeo_utils.samples.validate_cloud_optimized_geotiff';
    const said = execFileSync('/usr/bin/python3', ['-m', script, '--full-check=yes', path], {
      encoding: 'utf8',
    });
    assert.match(said, /is a valid cloud optimized GeoTIFF/u, name);
    assert.doesNotMatch(said, /warning/iu, name);
  }
});

test('the overviews of a mosaic, and its tiles with overviews inside, are such files too', async (t) => {
  const directory = temporaryDirectory(t);
  const python = pythonWith('rio-cogeo-7.0.4', ['rio-cogeo==7.0.4']);
  const paths: string[] = [];
  for (const [name, { type, bandCount, masked, options }] of Object.entries(cases)) {
    const { blockSizePx: _, ...rest } = options;
    const over = { ...rest, tileSizePx: 1024, overviews: [2, 4], gti: true } as const;
    const source = sourceOf(type, bandCount, masked, [1240, 856]);
    const { tilesPath } = await writeTiledVrt(join(directory, `${name}.vrt`), source, over);
    paths.push(join(tilesPath, 'overviews.tif'));
    // Tiles have none where a pixel of an overview is made of several tiles.
    if (options.resampling !== 'bilinear') paths.push(join(tilesPath, 'tile_00_00.tif'));
  }
  const { stdout, stderr } = spawnSync(python, [judge, ...paths], { encoding: 'utf8' });
  const verdicts = stdout.trim().split('\n');
  assert.equal(verdicts.length, paths.length, stderr);
  for (const [index, path] of paths.entries()) {
    const { valid, errors, layout, overviews, pixels } = JSON.parse(
      verdicts[index] as string,
    ) as Verdict;
    assert.deepEqual([valid, errors], [true, []], path);
    // GDAL says it of files whose blocks have their sizes around them.
    if (path.endsWith('overviews.tif')) assert.equal(layout, 'COG', path);
    const script = 'osgeo_utils.samples.validate_cloud_optimized_geotiff';
    const args = ['-m', script, '--full-check=yes', path];
    const said = execFileSync('/usr/bin/python3', args, { encoding: 'utf8' });
    assert.match(said, /is a valid cloud optimized GeoTIFF/u, path);
    assert.doesNotMatch(said, /warning/iu, path);
    const ours = await fromGeoTiff(path);
    assert.equal(pixels, (await expectedOf(ours)).pixels, path);
    await ours.close();
    assert.deepEqual(overviews, path.endsWith('overviews.tif') ? [2] : [2, 4], path);
  }
});

test('geotiff.js reads a file and its overviews', async (t) => {
  const path = join(temporaryDirectory(t), 'out.tif');
  const source = sourceOf('uint16', 2, false);
  await writeCog(path, source, {});
  const file = await fromFile(path);
  t.after(() => file.close());
  const count = await file.getImageCount();
  assert.equal(count, 3);
  for (let index = 0; index < count; index += 1) {
    const image = await file.getImage(index);
    const found = (await image.readRasters()) as unknown as readonly Uint16Array[];
    const ours = index === 0 ? source : await fromGeoTiff(path, { overview: index - 1 });
    const samples = new Uint16Array(found.reduce((sum, { length }) => sum + length, 0));
    for (const [band, values] of found.entries()) samples.set(values, band * values.length);
    assert.equal(digest(samples as unknown as Uint8Array), (await expectedOf(ours)).pixels);
    await ours.close?.();
  }
});

test('a judge refuses a file whose blocks do not follow each other as it says', async (t) => {
  const path = join(temporaryDirectory(t), 'out.tif');
  await writeCog(path, sourceOf('uint8', 1, false), { compression: 'none' });
  const { readFileSync, writeFileSync } = await import('node:fs');
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
  writeFileSync(path, bytes);
  const script = 'osgeo_utils.samples.validate_cloud_optimized_geotiff';
  const { status } = spawnSync('/usr/bin/python3', ['-m', script, '--full-check=yes', path]);
  assert.notEqual(status, 0);
});

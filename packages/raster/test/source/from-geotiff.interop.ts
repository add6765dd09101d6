/**
 * GDAL writes a GeoTIFF in every way that matters; the source must give the samples that GDAL
 * itself reads from it.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { cells, regularGrid } from '#src/source/grid.js';
import { fromGeoTiff } from '#src/source/geotiff/from-geotiff.js';
import type { RasterSource } from '#src/source/raster-source.js';
import { copyWindow } from '#src/source/copy-window.js';
import { dataTypes } from '#src/model.js';

const WIDTH = 157;
const HEIGHT = 83;

/**
 * Smooth enough to compress, with noise so that a wrong byte shows; little-endian, band after band.
 */
function rawBands(type: string, bands: number, bits: number): Buffer {
  const bytes = new Map([
    ['Byte', 1],
    ['UInt16', 2],
    ['Int16', 2],
    ['UInt32', 4],
    ['Int32', 4],
    ['Float32', 4],
    ['Float64', 8],
  ]).get(type);
  assert.ok(bytes);
  const raw = Buffer.alloc(WIDTH * HEIGHT * bands * bytes);
  for (let index = 0; index < WIDTH * HEIGHT * bands; index += 1) {
    const value = ((index * 7) % 251) - (type.startsWith('U') || type === 'Byte' ? 0 : 100);
    if (type === 'Byte') raw.writeUInt8(value % 2 ** bits, index);
    if (type === 'UInt16') raw.writeUInt16LE((value * 257) % 2 ** bits, index * 2);
    if (type === 'Int16') raw.writeInt16LE(value * 57, index * 2);
    if (type === 'UInt32') raw.writeUInt32LE(value * 16_000_000, index * 4);
    if (type === 'Int32') raw.writeInt32LE(value * 10_000_019, index * 4);
    if (type === 'Float32') raw.writeFloatLE(value / 3, index * 4);
    if (type === 'Float64') raw.writeDoubleLE(value / 7, index * 8);
  }
  return raw;
}

const enviTypes: Readonly<Record<string, number>> = {
  Byte: 1,
  Int16: 2,
  Int32: 3,
  Float32: 4,
  Float64: 5,
  UInt16: 12,
  UInt32: 13,
};

/**
 * Makes samples a GeoTIFF by way of GDAL, with the creation options given; by default noisy ones.
 */
function makeTiff(
  directory: string,
  type: string,
  bands: number,
  creation: string,
  samples?: Buffer,
): string {
  const raw = join(directory, 'raw.img');
  const bits = Number(/NBITS=(\d+)/u.exec(creation)?.[1] ?? 16);
  writeFileSync(raw, samples ?? rawBands(type, bands, bits));
  writeFileSync(
    join(directory, 'raw.hdr'),
    `ENVI\nsamples = ${WIDTH}\nlines = ${HEIGHT}\nbands = ${bands}\ndata type = ${enviTypes[type]}\ninterleave = bsq\nbyte order = 0\nheader offset = 0\n`,
  );
  const tiff = join(directory, 'made.tif');
  const options = creation.split(' ').flatMap((option) => ['-co', option]);
  execFileSync('gdal_translate', ['-q', raw, tiff, ...options]);
  return tiff;
}

/** The samples as GDAL reads them: little-endian, band after band. */
function readByGdal(directory: string, tiff: string): Buffer {
  const out = join(directory, 'read.img');
  execFileSync('gdal_translate', ['-q', '-of', 'ENVI', '-co', 'INTERLEAVE=BSQ', tiff, out]);
  return readFileSync(out);
}

/** All samples read window by window, band after band. */
async function readAll(source: RasterSource): Promise<Buffer> {
  const { widthPx, heightPx, dataType, bands } = source.info;
  const whole = { xPx: 0, yPx: 0, widthPx, heightPx };
  const all = new dataTypes[dataType].array(widthPx * heightPx * bands.length);
  const reads = [...cells(regularGrid(widthPx, heightPx, 64, 48))].map(async ({ window }) => {
    const { data } = await source.read(window);
    copyWindow({ data, window }, { data: all, window: whole }, bands.length, source.interleave);
  });
  await Promise.all(reads);
  return bandMajor(Buffer.from(all.buffer), dataTypes[dataType].bytes, bands.length, source);
}

function bandMajor(bytes: Buffer, width: number, bands: number, source: RasterSource): Buffer {
  if (source.interleave === 'band' || bands === 1) return bytes;
  const pixels = bytes.length / width / bands;
  const sorted = Buffer.alloc(bytes.length);
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    for (let band = 0; band < bands; band += 1) {
      const from = (pixel * bands + band) * width;
      bytes.copy(sorted, (band * pixels + pixel) * width, from, from + width);
    }
  }
  return sorted;
}

const layouts = [
  'TILED=NO',
  'TILED=NO BLOCKYSIZE=7',
  'TILED=YES BLOCKXSIZE=32 BLOCKYSIZE=48',
  'TILED=YES BLOCKXSIZE=64 BLOCKYSIZE=16 INTERLEAVE=BAND',
];
const encodings = [
  'COMPRESS=NONE',
  'COMPRESS=DEFLATE PREDICTOR=2',
  'COMPRESS=LZW PREDICTOR=2',
  'COMPRESS=PACKBITS',
  'COMPRESS=ZSTD',
  'COMPRESS=DEFLATE PREDICTOR=2 ENDIANNESS=BIG',
  'COMPRESS=NONE ENDIANNESS=BIG BIGTIFF=YES',
];

async function checkAgainstGdal(
  directory: string,
  type: string,
  bands: number,
  creation: string,
): Promise<void> {
  const tiff = makeTiff(directory, type, bands, creation);
  const source = await fromGeoTiff(tiff);
  const ours = await readAll(source);
  await source.close();
  const same = ours.equals(readByGdal(directory, tiff));
  assert.ok(same, `${type}, ${bands} bands, ${creation} reads otherwise than GDAL reads it`);
}

for (const [offset, type] of Object.keys(enviTypes).entries()) {
  test(`every encoding of ${type} reads as GDAL reads it`, async (t) => {
    const directory = temporaryDirectory(t);
    // Each encoding with one layout keeps it short; over the types, every encoding meets every
    // layout.
    for (const [index, encoding] of encodings.entries()) {
      const layout = layouts[(index + offset) % layouts.length];
      for (const bands of [1, 3])
        await checkAgainstGdal(directory, type, bands, `${layout} ${encoding}`);
    }
  });
}

test('floating-point predictors and fewer bits a sample read as GDAL reads them', async (t) => {
  const directory = temporaryDirectory(t);
  const cases = [
    ['Float32', 1, 'COMPRESS=DEFLATE PREDICTOR=3 TILED=YES'],
    ['Float32', 3, 'COMPRESS=ZSTD PREDICTOR=3 BLOCKYSIZE=5'],
    ['Float64', 1, 'COMPRESS=LZW PREDICTOR=3'],
    ['Float32', 1, 'COMPRESS=DEFLATE PREDICTOR=3 ENDIANNESS=BIG'],
    ['Byte', 1, 'NBITS=1'],
    ['Byte', 3, 'NBITS=4 COMPRESS=DEFLATE'],
    ['UInt16', 1, 'NBITS=12'],
    ['Float32', 1, 'COMPRESS=LERC'],
    ['Float32', 1, 'COMPRESS=LERC_ZSTD TILED=YES'],
  ] as const;
  for (const [type, bands, creation] of cases)
    await checkAgainstGdal(directory, type, bands, creation);
});

test('what libraries of others decode reads as GDAL reads it', async (t) => {
  const directory = temporaryDirectory(t);
  const cases = [
    ['UInt16', 1, 'COMPRESS=LZMA PREDICTOR=2'],
    ['Float32', 3, 'COMPRESS=LZMA PREDICTOR=3 TILED=YES'],
    ['Int32', 3, 'COMPRESS=LZMA INTERLEAVE=BAND ENDIANNESS=BIG LZMA_PRESET=9'],
    ['Byte', 1, 'COMPRESS=LZMA NBITS=3'],
    ['Byte', 3, 'COMPRESS=WEBP'],
    ['Byte', 3, 'COMPRESS=WEBP WEBP_LOSSLESS=YES TILED=YES BLOCKXSIZE=64 BLOCKYSIZE=64'],
    ['Byte', 4, 'COMPRESS=WEBP WEBP_LOSSLESS=YES ALPHA=YES'],
    ['Byte', 4, 'COMPRESS=WEBP WEBP_LOSSLESS=YES ALPHA=YES TILED=YES'],
    ['Byte', 4, 'COMPRESS=LERC ALPHA=YES'],
    ['Byte', 2, 'COMPRESS=LERC_DEFLATE ALPHA=YES TILED=YES'],
    ['Byte', 4, 'COMPRESS=LERC_ZSTD ALPHA=YES INTERLEAVE=BAND'],
    ['UInt16', 4, 'COMPRESS=LERC ALPHA=YES'],
  ] as const;
  for (const [type, bands, creation] of cases)
    await checkAgainstGdal(directory, type, bands, creation);
});

/** Colours that run into each other, as in a picture of the ground. */
function smoothBands(bands: number): Buffer {
  const at = (index: number): number => {
    const band = Math.floor(index / (WIDTH * HEIGHT));
    const [x, y] = [index % WIDTH, Math.floor(index / WIDTH) % HEIGHT];
    return Math.round(127 + 100 * Math.sin(x / (17 + 9 * band)) * Math.cos(y / (23 - 5 * band)));
  };
  return Buffer.from(Array.from({ length: WIDTH * HEIGHT * bands }, (_, index) => at(index)));
}

/** By how much samples differ: at most, and in the mean. */
function difference(a: Buffer, b: Buffer): { readonly most: number; readonly mean: number } {
  assert.equal(a.length, b.length);
  const differences = Array.from(a, (value, index) => Math.abs(value - (b[index] ?? 0)));
  const sum = differences.reduce((total, each) => total + each, 0);
  return { most: Math.max(...differences), mean: sum / a.length };
}

test('JPEG reads as libjpeg reads it, but for the rounding of its cosines and how it enlarges colours', async (t) => {
  const directory = temporaryDirectory(t);
  // Pixels of one colour stand for four where it is stored at half the size; libjpeg draws from one
  // to the next.
  const tiled = 'TILED=YES BLOCKXSIZE=64 BLOCKYSIZE=64 JPEG_QUALITY=90';
  const whole = { isSmooth: false, most: 1, mean: 0.1 };
  const halved = { bands: 3, isSmooth: true, most: 20, mean: 1.5 };
  const cases = [
    { bands: 1, creation: 'COMPRESS=JPEG', ...whole },
    { bands: 1, creation: `COMPRESS=JPEG ${tiled}`, ...whole },
    { bands: 3, creation: 'COMPRESS=JPEG PHOTOMETRIC=RGB', ...whole },
    { bands: 3, creation: 'COMPRESS=JPEG INTERLEAVE=BAND BLOCKYSIZE=16', ...whole },
    { creation: 'COMPRESS=JPEG PHOTOMETRIC=YCBCR', ...halved },
    { creation: `COMPRESS=JPEG PHOTOMETRIC=YCBCR ${tiled}`, ...halved },
  ];
  for (const { bands, creation, isSmooth, most, mean } of cases) {
    const samples = isSmooth ? smoothBands(bands) : undefined;
    const tiff = makeTiff(directory, 'Byte', bands, creation, samples);
    const source = await fromGeoTiff(tiff);
    const ours = await readAll(source);
    await source.close();
    const found = difference(ours, readByGdal(directory, tiff));
    t.diagnostic(
      `${bands} bands, ${creation}: ${found.most} at most, ${found.mean.toFixed(3)} in the mean`,
    );
    assert.ok(found.most <= most && found.mean <= mean, `${creation}: ${JSON.stringify(found)}`);
  }
});

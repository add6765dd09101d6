import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { fromArrayBuffer } from 'geotiff';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { compressions, type CompressionName, type Predictor } from '#src/codec/compressions.js';
import {
  dataTypeNames,
  dataTypes,
  type DataType,
  type Interleave,
  type Pixels,
  type RasterArray,
  type RasterInfo,
} from '#src/model.js';
import { fromGeoTiff } from '#src/source/geotiff/from-geotiff.js';
import { TileEncoder, variantFor } from '#src/tiff/tile-encoder.js';
import { encodeTile, joinParts } from './encode-tile.js';
import { tileFormat, type TileOptions } from '#src/tiff/tile-format.js';
import { isHere } from '../codec/is-here.js';

function rasterInfo(pixels: Pixels, dataType: DataType): RasterInfo {
  return {
    widthPx: pixels.widthPx,
    heightPx: pixels.heightPx,
    dataType,
    bands: Array.from({ length: pixels.bandCount }, () => ({})),
    georeferencing: {},
  };
}

/**
 * Samples that are any bytes at all, so that every value of the type comes up, `NaN`s and
 * infinities too.
 */
function anyPixels(dataType: DataType): fc.Arbitrary<Pixels> {
  const { array: Samples, bytes } = dataTypes[dataType];
  return fc
    .record({
      widthPx: fc.integer({ min: 1, max: 40 }),
      heightPx: fc.integer({ min: 1, max: 40 }),
      bandCount: fc.integer({ min: 1, max: 3 }),
      interleave: fc.constantFrom<Interleave>('pixel', 'band'),
      random: fc.uint8Array({ minLength: 1, maxLength: 3000 }),
    })
    .map(({ random, ...shape }) => {
      const length = shape.widthPx * shape.heightPx * shape.bandCount;
      const data = Uint8Array.from(
        { length: length * bytes },
        (_, i) => random[i % random.length]!,
      );
      return { ...shape, data: new Samples(data.buffer) };
    });
}

/** Predictors that a compression and a type can have. */
function predictorsOf(name: CompressionName, dataType: DataType): readonly Predictor[] {
  if (!compressions[name].predictors) return [1];
  return dataTypes[dataType].sampleFormat === 3 ? [1, 2, 3, 'auto'] : [1, 2, 'auto'];
}

function planeOf(pixels: Pixels, band: number): RasterArray {
  const { data, bandCount, widthPx, heightPx } = pixels;
  const size = widthPx * heightPx;
  if (pixels.interleave === 'band') return data.slice(band * size, (band + 1) * size);
  return (data as Float64Array).filter((_, index) => index % bandCount === band);
}

/**
 * The same with floats as the integers of their bits, since a NaN may change when it is handled as
 * a number.
 */
function bitsOf(pixels: Pixels): Pixels {
  const { buffer, byteOffset, length } = pixels.data;
  if (pixels.data instanceof Float32Array) {
    return { ...pixels, data: new Uint32Array(buffer, byteOffset, length) };
  }
  if (pixels.data instanceof Float64Array) {
    return { ...pixels, data: new BigUint64Array(buffer, byteOffset, length) };
  }
  return pixels;
}

/** What geotiff.js cannot read: 64-bit integers, and predictor 2 on 64-bit samples. */
const oracleTypes = dataTypeNames.filter((name) => !name.endsWith('int64'));

for (const compression of ['none', 'deflate', 'zstd', 'lzw', 'packbits'] as const) {
  test(`geotiff.js reads back any samples of any type written with ${compression}`, async () => {
    if (!isHere(compression)) return;
    const cases = fc.constantFrom(...oracleTypes).chain((dataType) =>
      fc.record({
        dataType: fc.constant(dataType),
        pixels: anyPixels(dataType),
        options: fc.record({
          predictor: fc.constantFrom(
            ...predictorsOf(compression, dataType).filter(
              (predictor) => dataType !== 'float64' || (predictor !== 2 && predictor !== 'auto'),
            ),
          ),
          interleave: fc.constantFrom<Interleave>('pixel', 'band'),
          blockSizePx: fc.constantFrom(undefined, 16, 32),
          bigTiff: fc.constantFrom('auto', 'always'),
        }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ({ dataType, pixels, options }) => {
        const tileOptions = { ...options, compression } as TileOptions;
        const format = tileFormat('test', rasterInfo(pixels, dataType), tileOptions);
        const file = encodeTile(format, pixels);
        const image = await (await fromArrayBuffer(file.buffer as ArrayBuffer)).getImage();
        const planes = (await image.readRasters({ interleave: false })) as unknown as RasterArray[];
        for (const [band, plane] of planes.entries()) {
          // Not by bytes: geotiff.js reads floats as numbers, which need not keep the payload of a
          // NaN.
          assert.deepEqual([...plane], [...planeOf(pixels, band)]);
        }
      }),
      { numRuns: 60 },
    );
  });
}

for (const compression of ['none', 'deflate', 'zstd', 'lzw', 'packbits', 'lz4', 'lerc'] as const) {
  test(`our own reader gives back every bit of any samples of any type written with ${compression}`, async (t) => {
    if (!isHere(compression)) return;
    const path = join(temporaryDirectory(t), 'tile.tif');
    const types = dataTypeNames.filter((type) => compression !== 'lerc' || !type.endsWith('int64'));
    const cases = fc.constantFrom(...types).chain((dataType) =>
      fc.record({
        dataType: fc.constant(dataType),
        pixels: anyPixels(dataType),
        predictor: fc.constantFrom(...predictorsOf(compression, dataType)),
        interleave: fc.constantFrom<Interleave>(compression === 'lerc' ? 'band' : 'pixel', 'band'),
        blockSizePx: fc.constantFrom(undefined, 16, 32),
      }),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ({ dataType, pixels, ...options }) => {
        const format = tileFormat('test', rasterInfo(pixels, dataType), {
          ...options,
          compression,
        });
        writeFileSync(path, encodeTile(format, pixels));
        const source = await fromGeoTiff(path);
        const { widthPx, heightPx, bandCount } = pixels;
        const read = await source.read({ xPx: 0, yPx: 0, widthPx, heightPx });
        await source.close?.();
        for (let band = 0; band < bandCount; band += 1) {
          // LERC knows only one NaN.
          const [back, given] =
            compression === 'lerc'
              ? [[...planeOf(read, band)], [...planeOf(pixels, band)]]
              : [planeOf(bitsOf(read), band), planeOf(bitsOf(pixels), band)];
          assert.deepEqual(back, given);
        }
      }),
      { numRuns: 40 },
    );
  });
}

test('an encoder gives a tile the same bytes whatever it encoded before', () => {
  const cases = fc.constantFrom('uint8', 'float32', 'int64').chain((dataType: DataType) =>
    fc.record({
      dataType: fc.constant(dataType),
      compression: fc.constantFrom<CompressionName>('none', 'deflate', 'lzw', 'packbits'),
      first: anyPixels(dataType),
      second: anyPixels(dataType),
    }),
  );
  const property = fc.property(cases, ({ dataType, compression, first, second }) => {
    fc.pre(first.bandCount === second.bandCount);
    const format = tileFormat('test', rasterInfo(first, dataType), { compression });
    const encoder = new TileEncoder(format);
    encoder.encode(first).release();
    assert.deepEqual(joinParts(encoder.encode(second)), encodeTile(format, second));
    encoder.close();
  });
  fc.assert(property, { numRuns: 100 });
});

test('the directory comes before the pixels, its tags in ascending order, its values on word boundaries', () => {
  const bands = [{ description: 'a' }, {}, {}, {}, {}];
  const pixels = {
    data: new Uint16Array(40 * 40 * 5),
    widthPx: 40,
    heightPx: 40,
    bandCount: 5,
    interleave: 'pixel',
  } as const;
  const georeferencing = { crs: { kind: 'proj', proj: '+proj=utm +zone=33' } } as const;
  const info = { ...rasterInfo(pixels, 'uint16'), bands, nodata: 0, georeferencing };
  const file = encodeTile(
    tileFormat('test', info, { blockSizePx: 16 }),
    pixels,
    [0, 1, 0, 0, 0, -1],
  );
  const view = new DataView(file.buffer);
  assert.equal(view.getUint32(4, true), 8);
  const entries = Array.from({ length: view.getUint16(8, true) }, (_, index) => 10 + 12 * index);
  const tags = entries.map((at) => view.getUint16(at, true));
  assert.deepEqual(
    tags,
    [...new Set(tags)].toSorted((a, b) => a - b),
  );
  const offsets =
    entries.find((at) => view.getUint16(at, true) === 324) ?? assert.fail('no blocks');
  const firstBlock = view.getUint32(view.getUint32(offsets + 8, true), true);
  for (const at of entries) {
    const [type, count, value] = [
      view.getUint16(at + 2, true),
      view.getUint32(at + 4, true),
      at + 8,
    ];
    const bytes = count * ({ 2: 1, 3: 2, 4: 4, 12: 8 }[type] ?? assert.fail(`type ${type}`));
    if (bytes <= 4) continue;
    const outside = view.getUint32(value, true);
    assert.ok(outside % 2 === 0 && outside + bytes <= firstBlock);
  }
});

test('a file that may pass 4 GiB becomes a BigTIFF, and one that ends there does not', () => {
  assert.equal(variantFor('auto', 2 ** 32 - 1), 'classic');
  assert.equal(variantFor('auto', 2 ** 32), 'big');
  assert.equal(variantFor('always', 1), 'big');
  assert.throws(() => variantFor('never', 2 ** 32), /4 GiB/);
});

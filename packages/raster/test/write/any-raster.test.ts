/** Any samples, any grid, any type, any codec: written, read back, equal. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import * as fc from 'fast-check';
import type { CompressionName } from '#src/codec/compressions.js';
import {
  type DataType,
  dataTypeNames,
  dataTypes,
  type Interleave,
  type RasterArray,
} from '#src/model.js';
import { openVrt } from '#src/read/open-vrt.js';
import { fromArray } from '#src/source/from-array.js';
import { fromChunks } from '#src/source/from-chunks.js';
import type { RasterSource } from '#src/source/raster-source.js';
import { verifyVrt } from '#src/verify/verify-vrt.js';
import { writeTiledVrt } from '#src/write/write-tiled-vrt.js';

const codecs: readonly CompressionName[] = ['none', 'deflate', 'lzw', 'packbits'];

interface Case {
  readonly dataType: DataType;
  readonly widths: readonly number[];
  readonly heights: readonly number[];
  readonly bandCount: number;
  readonly interleave: Interleave;
  readonly lazy: boolean;
  readonly tileSizePx: number;
  readonly compression: CompressionName;
  readonly seed: number;
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 3 });
const anyCase: fc.Arbitrary<Case> = fc.record({
  dataType: fc.constantFrom(...dataTypeNames),
  widths: sizes,
  heights: sizes,
  bandCount: fc.integer({ min: 1, max: 3 }),
  interleave: fc.constantFrom('pixel', 'band'),
  lazy: fc.boolean(),
  tileSizePx: fc.constantFrom(16, 32, 64),
  compression: fc.constantFrom(...codecs),
  seed: fc.integer(),
});

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/**
 * Bytes of every value, in runs, so that codecs have something to do; `NaN` of floats in one form
 * only.
 */
function samplesOf({ dataType, seed }: Case, length: number): RasterArray {
  const { bytes, array } = dataTypes[dataType];
  const raw = new Uint8Array(length * bytes);
  let state = seed;
  for (let i = 0; i < raw.length; i += 1) {
    if (i % 5 === 0) state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    raw[i] = state >>> 24;
  }
  const samples = new array(raw.buffer);
  for (let i = 0; i < length; i += 1) if (Number.isNaN(samples[i])) samples[i] = NaN as never;
  return samples;
}

function sourceOf(raster: Case, data: RasterArray): RasterSource {
  const { widths, heights, bandCount, interleave, dataType, lazy } = raster;
  const [width, height] = [sum(widths), sum(heights)];
  const whole = fromArray({ data, width, height, bandCount, interleave });
  if (!lazy) return whole;
  const chunks = { width: widths, height: heights };
  return fromChunks({
    width,
    height,
    bandCount,
    dataType,
    chunks,
    interleave: whole.interleave,
    compute: async ({ window }) => (await whole.read(window)).data,
  });
}

/** The samples plane after plane, as a mosaic is read. */
function planes({ interleave, bandCount, dataType }: Case, data: RasterArray): RasterArray {
  if (interleave === 'band' || bandCount === 1) return data;
  const pixels = data.length / bandCount;
  const sorted = new dataTypes[dataType].array(data.length);
  for (let i = 0; i < data.length; i += 1)
    sorted[(i % bandCount) * pixels + Math.floor(i / bandCount)] = data[i] as never;
  return sorted;
}

test('any samples of any type on any grid with any codec come back as they were', async (t) => {
  const scratch = temporaryDirectory(t);
  const property = fc.asyncProperty(anyCase, async (raster) => {
    const directory = mkdtempSync(join(scratch, 'case-'));
    const path = join(directory, 'out.vrt');
    const { bandCount, widths, heights, tileSizePx, compression } = raster;
    const data = samplesOf(raster, sum(widths) * sum(heights) * bandCount);
    await writeTiledVrt(path, sourceOf(raster, data), { tileSizePx, compression, threads: 0 });
    const mosaic = await openVrt(path);
    assert.deepEqual((await mosaic.read()).data, planes(raster, data));
    await mosaic.close();
    assert.deepEqual((await verifyVrt(path)).problems, []);
    rmSync(directory, { recursive: true });
  });
  await fc.assert(property, { numRuns: 60 });
});

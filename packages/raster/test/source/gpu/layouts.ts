/**
 * Rasters in many layouts: the same samples as an array has them, and as a buffer holds them with
 * bytes between.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DataType, dataTypes, type Interleave, type RasterArray } from '#src/model.js';
import { cells, regularGrid } from '#src/source/grid.js';
import type { RasterSource } from '#src/source/raster-source.js';

export interface LaidOut {
  readonly name: string;
  /** What both sources are told. */
  readonly shape: {
    readonly width: number;
    readonly height: number;
    readonly bandCount: number;
    readonly interleave: Interleave;
  };
  readonly dataType: DataType;
  readonly array: RasterArray;
  readonly bytes: Uint8Array;
  readonly layout: {
    readonly offset?: number;
    readonly bytesPerRow?: number;
    readonly rowsPerImage?: number;
  };
}

const sizes: readonly (readonly [number, number])[] = [
  [129, 67],
  [64, 64],
  [1, 1],
  [3, 200],
  [131, 1],
];

/** Every combination of the sizes with bands, layouts and the types given. */
export function* layouts(types: readonly DataType[]): Generator<LaidOut> {
  for (const dataType of types) {
    for (const [width, height] of sizes) {
      for (const [bandCount, interleave] of [
        [1, 'band'],
        [3, 'band'],
        [3, 'pixel'],
      ] as const) {
        for (const isLoose of [false, true])
          yield laidOut(dataType, { width, height, bandCount, interleave }, isLoose);
      }
    }
  }
}

/** A raster close together, or with an offset and strides that are no multiples of anything. */
export function laidOut(dataType: DataType, shape: LaidOut['shape'], isLoose: boolean): LaidOut {
  const { width, height, bandCount, interleave } = shape;
  const array = samples(dataType, width * height * bandCount);
  const planes = interleave === 'band' ? bandCount : 1;
  const rowBytes = array.byteLength / (planes * height);
  const [offset, bytesPerRow, rowsPerImage] = isLoose
    ? [13, rowBytes + 7, height + 2]
    : [0, rowBytes, height];
  const last = ((planes - 1) * rowsPerImage + height - 1) * bytesPerRow;
  const bytes = new Uint8Array(offset + last + rowBytes).fill(0xee);
  const dense = new Uint8Array(array.buffer);
  for (let plane = 0; plane < planes; plane += 1) {
    for (let row = 0; row < height; row += 1) {
      const from = (plane * height + row) * rowBytes;
      const to = offset + (plane * rowsPerImage + row) * bytesPerRow;
      bytes.set(dense.subarray(from, from + rowBytes), to);
    }
  }
  return {
    name: `${dataType} ${width}x${height}, ${bandCount} by ${interleave}${isLoose ? ', loose' : ''}`,
    shape,
    dataType,
    array,
    bytes,
    layout: isLoose ? { offset, bytesPerRow, rowsPerImage } : {},
  };
}

/** Bytes of every value; of floats also NaN, infinities and denormals. */
export function samples(dataType: DataType, length: number): RasterArray {
  const { array, bytes } = dataTypes[dataType];
  const raw = new Uint8Array(length * bytes);
  let state = 2_463_534_242;
  for (let i = 0; i < raw.length; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    raw[i] = state;
  }
  return new array(raw.buffer);
}

/** Every file of a mosaic but its lock: index, tiles, manifest. */
export function filesOf(directory: string): ReadonlyMap<string, string> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.lock'))
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    names
      .toSorted()
      .map((path) => [path.slice(directory.length + 1), readFileSync(path, 'latin1')]),
  );
}

/** Every tile of 32 pixels, several at a time. */
export async function assertSamePixels(
  source: RasterSource,
  expected: RasterSource,
  said: string,
): Promise<void> {
  const { widthPx, heightPx } = source.info;
  const grid = regularGrid(widthPx, heightPx, 32, 32);
  await Promise.all(
    [...cells(grid)].map(async ({ window }) => {
      assert.deepEqual(await source.read(window), await expected.read(window), said);
    }),
  );
}

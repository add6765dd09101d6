/**
 * The metadata of a Zarr array of either format, opened by zarrita. What zarrita refuses is not
 * ours.
 */
import { readFileSync } from 'node:fs';
import { isHoldfastError } from 'holdfast';
import { fromZarr, type ZarrArray } from '@holdfast/raster';
import * as zarrita from 'zarrita';
import type { FuzzTarget } from '../target.js';

/** An error of zarrita's. */
class OfZarrita extends Error {}

function metadata(dtype: string, shape: readonly number[], chunks: readonly number[]): object {
  return {
    zarr_format: 3,
    node_type: 'array',
    shape,
    data_type: dtype,
    chunk_grid: { name: 'regular', configuration: { chunk_shape: chunks } },
    chunk_key_encoding: { name: 'default', configuration: { separator: '/' } },
    fill_value: 0,
    codecs: [{ name: 'bytes', configuration: { endian: 'little' } }],
    dimension_names: shape.length === 2 ? ['y', 'x'] : ['band', 'y', 'x'],
    attributes: { _FillValue: 5, grid_mapping: 'crs' },
  };
}

const seeds = [
  metadata('uint8', [64, 48], [16, 16]),
  metadata('float32', [3, 64, 48], [1, 16, 16]),
  metadata('int64', [2, 64, 48], [2, 32, 32]),
  {
    zarr_format: 2,
    shape: [64, 48],
    chunks: [16, 16],
    dtype: '<f8',
    compressor: null,
    fill_value: 'NaN',
    order: 'F',
    filters: null,
  },
];

async function opened(metadataBytes: Uint8Array): Promise<ZarrArray> {
  const store = new Map([
    ['/zarr.json', metadataBytes],
    ['/.zarray', metadataBytes],
    ['/c/0/0', new Uint8Array(256)],
    ['/c/0/0/0', new Uint8Array(1024)],
    ['/0.0', new Uint8Array(2048)],
  ]);
  try {
    const array = await zarrita.open(store as never, { kind: 'array' });
    return guarded(array);
  } catch (cause) {
    throw new OfZarrita('it cannot be opened', { cause });
  }
}

/** The array, with what it throws known as its own. */
function guarded(array: ZarrArray): ZarrArray {
  return {
    shape: array.shape,
    chunks: array.chunks,
    dtype: array.dtype,
    attrs: array.attrs,
    getChunk: async (coordinates) =>
      array.getChunk(coordinates).catch((cause: unknown) => {
        throw new OfZarrita('it has no such chunk', { cause });
      }),
  };
}

async function readCorners(array: ZarrArray): Promise<void> {
  const source = fromZarr(array);
  const { widthPx, heightPx } = source.info;
  for (const [xPx, yPx] of [[0, 0] as const, [widthPx - 1, heightPx - 1] as const]) {
    try {
      await source.read({ xPx, yPx, widthPx: 1, heightPx: 1 });
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
    }
  }
}

export const zarr: FuzzTarget = {
  fileName: 'zarr.json',
  words: [
    '"shape":',
    '[1e9,1e9]',
    '-1',
    '1e300',
    '"float64"',
    '"bool"',
    '"order":"F"',
    'null',
    '"__proto__":1',
  ],
  seeds: async () => seeds.map((each) => Buffer.from(JSON.stringify(each))),
  async read(path) {
    try {
      await readCorners(await opened(readFileSync(path)));
    } catch (error) {
      if (!(error instanceof OfZarrita)) throw error;
    }
  },
};

/** What an array of xarray, GDAL or kerchunk says of itself is taken over, or told. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import {
  fromArray,
  fromChunks,
  fromZarr,
  openVrt,
  type RasterSource,
  writeTiledVrt,
  type ZarrArray,
} from '#src/index.js';

const ones = { float32: Float32Array, uint8: Uint8Array, int64: BigInt64Array } as const;

/** An array of zeros, with attributes of its own. */
function arrayOf(
  dtype: keyof typeof ones,
  attrs: Record<string, unknown>,
  over: Partial<ZarrArray> = {},
): ZarrArray {
  return {
    shape: [2, 2],
    chunks: [2, 2],
    dtype,
    attrs,
    getChunk: async () => ({ data: new ones[dtype](4), shape: [2, 2], stride: [2, 1] }),
    ...over,
  };
}

const window = { xPx: 0, yPx: 0, widthPx: 2, heightPx: 2 };

for (const [text, value] of [
  ['AAAAAICHw8A=', -9999],
  ['AAAAAAAA+H8=', Number.NaN],
  ['NaN', Number.NaN],
  ['-Infinity', -Infinity],
  ['-9999.0', -9999],
] as const)
  test(`_FillValue ${text} of floats is nodata ${value}`, () => {
    const { info, notCarried } = fromZarr(arrayOf('float32', { _FillValue: text }));
    assert.ok(Object.is(info.nodata, value), String(info.nodata));
    assert.deepEqual(notCarried, []);
  });

test('in Zarr 2, which keeps nodata in fill_value alone, it is taken as xarray takes it', () => {
  const attrs = { _ARRAY_DIMENSIONS: ['y', 'x'] };
  const nodataOf = (...of: Parameters<typeof fromZarr>) => fromZarr(...of).info.nodata;
  assert.equal(nodataOf(arrayOf('float32', attrs, { fillValue: -9999 })), -9999);
  assert.equal(nodataOf(arrayOf('float32', attrs, { fillValue: null })), undefined);
  assert.equal(nodataOf(arrayOf('float32', {}, { fillValue: 0 })), undefined);
  const given = arrayOf('float32', {}, { fillValue: 5 });
  assert.equal(nodataOf(given, { fillValueIsNodata: true }), 5);
  const refused = arrayOf('float32', attrs, { fillValue: 5 });
  assert.equal(nodataOf(refused, { fillValueIsNodata: false }), undefined);
});

test('nodata of 64-bit integers is exact beyond 2^53, also when it is given as a number', async (t) => {
  const least = -(2n ** 63n);
  const data = BigInt64Array.of(least, 1n, 2n, 3n);
  const sources: readonly RasterSource[] = [
    fromArray({ data, width: 2, height: 2, nodata: -(2 ** 63) }),
    fromZarr(
      arrayOf('int64', {}, { getChunk: async () => ({ data, shape: [2, 2], stride: [2, 1] }) }),
      { nodata: -(2 ** 63) },
    ),
  ];
  for (const source of sources) {
    const path = join(temporaryDirectory(t), 'out.vrt');
    await writeTiledVrt(path, source, { threads: 0 });
    const mosaic = await openVrt(path);
    assert.equal(mosaic.info.nodata, least);
    assert.equal(mosaic.info.bands[0]?.metadata?.['STATISTICS_VALID_PERCENT'], '75');
    await mosaic.close();
  }
});

test('a _FillValue that samples cannot have is told, and blamed on nobody', () => {
  for (const array of [
    arrayOf('uint8', { _FillValue: -9999 }),
    arrayOf('int64', { _FillValue: 2 ** 63 }),
    arrayOf('float32', { _FillValue: 'none' }),
  ]) {
    const { info, notCarried } = fromZarr(array, { nodata: undefined });
    assert.equal(info.nodata, undefined);
    assert.match(notCarried?.at(-1)?.where ?? '', /_FillValue/u);
  }
});

test('scale, offset, unit, name, CRS and transform of the attributes are taken, unless the caller says others', () => {
  const attrs = {
    scale_factor: 0.01,
    add_offset: 273.15,
    units: 'K',
    long_name: 'temperature',
    grid_mapping: 'spatial_ref',
  };
  const gridMapping = { spatial_ref: 'EPSG:32633', GeoTransform: '500000 10 0 6000000 0 -10' };
  const { info, notCarried } = fromZarr(arrayOf('float32', attrs), { gridMapping });
  assert.deepEqual(info.bands, [
    { scale: 0.01, offset: 273.15, unit: 'K', description: 'temperature' },
  ]);
  assert.deepEqual(info.georeferencing.transform, [500000, 10, 0, 6000000, 0, -10]);
  assert.ok(info.georeferencing.crs);
  assert.deepEqual(notCarried, []);
  const other = fromZarr(arrayOf('float32', attrs), { bands: [{ unit: 'degC' }] });
  assert.deepEqual(other.info.bands, [{ unit: 'degC' }]);
  assert.equal(other.notCarried?.[0]?.where, 'grid_mapping');
});

test('the names of dimensions say which are rows and columns', async () => {
  for (const [names, shape] of [
    [
      ['y', 'x', 'band'],
      [2, 4, 3],
    ],
    [
      ['x', 'y', 'band'],
      [4, 2, 3],
    ],
    [
      ['band', 'lat', 'lon'],
      [3, 2, 4],
    ],
    [
      ['x', 'band', 'y'],
      [4, 3, 2],
    ],
  ] as const) {
    const sizes = { y: 2, lat: 2, x: 4, lon: 4, band: 3 };
    const stride = shape.map((_, at) => shape.slice(at + 1).reduce((a, b) => a * b, 1));
    const data = Uint8Array.from({ length: 24 }, (_, at) => {
      const place = new Map(
        names.map((name, axis) => [
          name.replace('lat', 'y').replace('lon', 'x'),
          Math.floor(at / (stride[axis] as number)) % sizes[name],
        ]),
      );
      const of = (name: string) => place.get(name) as number;
      return of('band') * 100 + of('y') * 10 + of('x');
    });
    const getChunk = async () => ({ data, shape, stride });
    const source = fromZarr(
      arrayOf('uint8', {}, { shape, chunks: shape, dimensionNames: names, getChunk }),
    );
    const read = await source.read({ xPx: 0, yPx: 0, widthPx: 4, heightPx: 2 });
    assert.deepEqual(
      [...read.data],
      [0, 100, 200].flatMap((band) =>
        [0, 10].flatMap((y) => [0, 1, 2, 3].map((x) => band + y + x)),
      ),
      names.join(),
    );
  }
});

test('a chunk of another length than its shape is an error that names it, and nothing is left', async (t) => {
  for (const length of [0, 3, 5]) {
    const directory = temporaryDirectory(t);
    const getChunk = async () => ({ data: new Uint8Array(length), shape: [2, 2], stride: [2, 1] });
    const source = fromZarr(arrayOf('uint8', {}, { getChunk }));
    await assert.rejects(
      writeTiledVrt(join(directory, 'out.vrt'), source, { threads: 0 }),
      (error) =>
        isHoldfastError(error, 'CORRUPT_DOCUMENT') &&
        /chunk 0\/0 has \d samples/u.test(error.message),
    );
    assert.deepEqual(readdirSync(directory), ['out.vrt.lock']);
  }
});

test('what is no opened array is refused with what to do', () => {
  for (const wrong of [undefined, Promise.resolve(arrayOf('uint8', {})), { attrs: {} }])
    assert.throws(
      () => fromZarr(wrong as never),
      (error) => isHoldfastError(error, 'INVALID_ARGUMENT') && /await/u.test(error.message),
    );
});

test('a signal ends a write whose store or compute hangs, told of it or not, and nothing is left', async (t) => {
  const hanging: readonly ((controller: AbortController) => RasterSource)[] = [
    (controller) =>
      fromZarr(
        arrayOf(
          'uint8',
          {},
          {
            getChunk: async (_, options) =>
              new Promise((_resolve, reject) => {
                options?.signal?.addEventListener('abort', () =>
                  reject(new Error('the store was told')),
                );
                setImmediate(() => controller.abort());
              }),
          },
        ),
      ),
    (controller) =>
      fromChunks({
        width: 2,
        height: 2,
        dataType: 'uint8',
        chunks: { width: 2, height: 2 },
        compute: async () =>
          new Promise(() => {
            setImmediate(() => controller.abort());
          }),
      }),
  ];
  for (const source of hanging) {
    const directory = temporaryDirectory(t);
    const controller = new AbortController();
    await assert.rejects(
      writeTiledVrt(join(directory, 'out.vrt'), source(controller), {
        signal: controller.signal,
        threads: 0,
      }),
      (error) => isHoldfastError(error, 'ABORTED'),
    );
    assert.deepEqual(readdirSync(directory), ['out.vrt.lock']);
  }
});

test('a plain array is numbers or truth values, and nothing in between', () => {
  const of = (data: unknown) => fromArray({ data: data as readonly number[], width: 2, height: 1 });
  assert.equal(of([0.5, 300]).info.dataType, 'float64');
  assert.equal(of([true, false]).info.dataType, 'uint8');
  for (const data of [['a', ''], [[1], [2]], [undefined, null], [1, true], [1n, 2n], Array(2)])
    assert.throws(
      () => of(data),
      (error) => isHoldfastError(error, 'INVALID_ARGUMENT'),
    );
});

test('half floats become float32, in arrays and in Zarr', async (t) => {
  const Half = (globalThis as { Float16Array?: new (values: number[]) => Float32Array })
    .Float16Array;
  if (!Half) {
    t.diagnostic('this Node has no Float16Array; their bits are tested in from-array.test.ts');
    return;
  }
  const data = new Half([1, 2.5, -65504, 2 ** -24]);
  const getChunk = async () => ({ data, shape: [2, 2], stride: [2, 1] });
  for (const source of [
    fromArray({ data, width: 2, height: 2 }),
    fromZarr({ ...arrayOf('float32', {}, { getChunk }), dtype: 'float16' }),
  ]) {
    const read = await source.read(window);
    assert.deepEqual(read.data, Float32Array.of(1, 2.5, -65504, 2 ** -24));
  }
});

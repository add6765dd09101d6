/**
 * A Cloud Optimized GeoTIFF is there whole or not at all, holds what its source says, and lies as
 * the format wants it.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isHoldfastError, listOrphans } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { planCog } from '#src/cog/cog-plan.js';
import { openScratchFile } from '#src/cog/scratch-file.js';
import { type CogOptions, fromArray, fromGeoTiff, type RasterSource, writeCog } from '#src/api.js';
import { writePlannedCog } from '#src/cog/write-cog.js';
import { openEncoderPool } from '#src/encode/encoder-pool.js';
import { dataTypeNames, dataTypes, type DataType, type Pixels } from '#src/model.js';
import { downsample } from '#src/overview/downsample.js';
import { isHere } from '../codec/is-here.js';

const WIDTH = 150;
const HEIGHT = 93;

function samplesOf(
  dataType: DataType,
  bandCount: number,
): InstanceType<(typeof dataTypes)[DataType]['array']> {
  const { array: Samples, bytes, sampleFormat } = dataTypes[dataType];
  const data = new Samples(WIDTH * HEIGHT * bandCount);
  for (let at = 0; at < data.length; at += 1) {
    const value = ((at % WIDTH) * 3 + Math.floor(at / WIDTH) * 5) % 120;
    data[at] = (bytes === 8 && sampleFormat !== 3 ? BigInt(value) : value) as never;
  }
  return data;
}

function sourceOf(dataType: DataType, bandCount = 1, nodata?: number): RasterSource {
  return fromArray({
    data: samplesOf(dataType, bandCount),
    width: WIDTH,
    height: HEIGHT,
    bandCount,
    transform: [500_000, 10, 0, 6_000_000, 0, -10],
    crs: 32633,
    nodata,
  });
}

async function readAll(path: string, overview?: number): Promise<Pixels> {
  const file = await fromGeoTiff(path, { overview });
  try {
    const { widthPx, heightPx } = file.info;
    return await file.read({ xPx: 0, yPx: 0, widthPx, heightPx });
  } finally {
    await file.close();
  }
}

const small: CogOptions = { blockSizePx: 32, overviews: [2, 4], threads: 0 };

test('every type of samples and each codec give the pixels back, and overviews made of the level before', async (t) => {
  const directory = temporaryDirectory(t);
  const codecs = (['none', 'deflate', 'lzw', 'packbits', 'zstd', 'lz4', 'lerc'] as const).filter(
    (compression) => isHere(compression),
  );
  for (const [index, dataType] of dataTypeNames.entries()) {
    const compression = codecs[index % codecs.length] as (typeof codecs)[number];
    const isWide = dataType === 'int64' || dataType === 'uint64';
    const source = sourceOf(dataType, 2);
    const path = join(directory, `${dataType}.tif`);
    await writeCog(path, source, {
      ...small,
      compression: compression === 'lerc' && isWide ? 'deflate' : compression,
      interleave: index % 2 === 0 || compression === 'lerc' ? 'band' : 'pixel',
    });
    const whole = await source.read({ xPx: 0, yPx: 0, widthPx: WIDTH, heightPx: HEIGHT });
    const half = downsample(whole, 2, 'average', undefined);
    const quarter = downsample(half, 2, 'average', undefined);
    for (const [overview, expected] of [whole, half, quarter].entries()) {
      const found = await readAll(path, overview === 0 ? undefined : overview - 1);
      assert.equal(found.widthPx, expected.widthPx, dataType);
      assert.deepEqual(
        bandMajor(found),
        bandMajor(expected),
        `${dataType} ${compression} ${overview}`,
      );
    }
  }
});

function bandMajor({ data, bandCount, interleave, widthPx, heightPx }: Pixels): readonly unknown[] {
  const count = widthPx * heightPx;
  return Array.from({ length: count * bandCount }, (_, at) => {
    const [band, pixel] = [Math.floor(at / count), at % count];
    return data[interleave === 'band' ? at : pixel * bandCount + band];
  });
}

test('the same samples give the same bytes, on any threads, and however little is kept in memory', async (t) => {
  const directory = temporaryDirectory(t);
  const mask = { isMask: true };
  const data = Uint16Array.from(samplesOf('uint16', 3) as Uint16Array, (value, at) =>
    at < WIDTH * HEIGHT * 2 ? value : at % 7 === 0 ? 0 : 255,
  );
  const masked = (): RasterSource =>
    fromArray({ data, width: WIDTH, height: HEIGHT, bandCount: 3, bands: [{}, {}, mask] });
  for (const [name, source, more] of [
    ['average', () => sourceOf('float32', 1, 7), {}],
    ['bands', () => sourceOf('int16', 3), { interleave: 'band', resampling: 'cubic' }],
    ['mask', masked, { resampling: 'bilinear', compression: 'none' }],
    ['empty', () => sourceOf('uint8', 1, 0), { skipEmpty: true, overviews: [3, 6] }],
  ] as const) {
    const options: CogOptions = { ...small, ...more };
    const [one, other, third] = ['one', 'other', 'third'].map((end) =>
      join(directory, `${name}-${end}.tif`),
    ) as [string, string, string];
    await writeCog(one, source(), options);
    await writeCog(other, source(), { ...options, threads: 2 });
    const pool = openEncoderPool({ threads: 1 });
    const plan = planCog(third, source(), options);
    await writePlannedCog({ ...plan, keptBytes: 0, concurrency: 1 }, pool);
    await pool.close();
    assert.ok(readFileSync(other).equals(readFileSync(one)), `${name} on threads`);
    assert.ok(readFileSync(third).equals(readFileSync(one)), `${name} with nothing kept`);
  }
});

test('overviews of a lossy file are made of what readers see', async (t) => {
  if (!isHere('lerc')) return;
  const path = join(temporaryDirectory(t), 'lossy.tif');
  const noisy = Float32Array.from({ length: WIDTH * HEIGHT }, (_, at) => Math.sin(at) * 50);
  const source = fromArray({ data: noisy, width: WIDTH, height: HEIGHT });
  await writeCog(path, source, { ...small, overviews: [2], compression: 'lerc', maxZError: 4 });
  const whole = await readAll(path);
  assert.notDeepEqual(whole.data, noisy);
  const half = downsample(whole, 2, 'average', undefined);
  const found = await readAll(path, 0);
  for (const [at, value] of found.data.entries())
    assert.ok(Math.abs(Number(value) - Number(half.data[at])) <= 4.001);
});

/** One image of a file: its fields, and where its directory lies. */
interface Directory {
  readonly atByte: number;
  readonly endBytes: number;
  readonly values: ReadonlyMap<number, readonly number[]>;
  /** Where the values lie that do not fit into an entry. */
  readonly outside: ReadonlyMap<number, number>;
}

function directoriesOf(file: Buffer): readonly Directory[] {
  const isBig = file.readUInt16LE(2) === 43;
  const word = (at: number): number =>
    isBig ? Number(file.readBigUInt64LE(at)) : file.readUInt32LE(at);
  const directories: Directory[] = [];
  let atByte = word(isBig ? 8 : 4);
  while (atByte !== 0) {
    const count = isBig ? Number(file.readBigUInt64LE(atByte)) : file.readUInt16LE(atByte);
    const [first, size] = [atByte + (isBig ? 8 : 2), isBig ? 20 : 12];
    const values = new Map<number, readonly number[]>();
    const outside = new Map<number, number>();
    for (let entry = first; entry < first + count * size; entry += size) {
      const [tag, type] = [file.readUInt16LE(entry), file.readUInt16LE(entry + 2)];
      const length = word(entry + 4);
      const bytes = { 1: 1, 2: 1, 3: 2, 4: 4, 7: 1, 12: 8, 16: 8 }[type] as number;
      const inside = entry + (isBig ? 12 : 8);
      const start = length * bytes <= (isBig ? 8 : 4) ? inside : word(inside);
      if (start !== inside) outside.set(tag, start);
      const read = { 1: 'readUInt8', 2: 'readUInt8', 3: 'readUInt16LE', 4: 'readUInt32LE' }[type];
      values.set(
        tag,
        Array.from({ length }, (_, at) => {
          const place = start + at * bytes;
          if (type === 16) return Number(file.readBigUInt64LE(place));
          return read ? file[read as 'readUInt8'](place) : file.readDoubleLE(place);
        }),
      );
    }
    const endBytes = first + count * size + (isBig ? 8 : 4);
    directories.push({ atByte, endBytes, values, outside });
    atByte = word(first + count * size);
  }
  return directories;
}

const OFFSETS = 324;
const COUNTS = 325;
const SUBFILE = 254;

for (const bigTiff of ['never', 'always'] as const)
  test(`a file lies as the format wants it: facts, directories, places, then blocks (bigTiff ${bigTiff})`, async (t) => {
    const path = join(temporaryDirectory(t), 'out.tif');
    const data = Uint8Array.from({ length: WIDTH * HEIGHT * 2 }, (_, at) => at % 251);
    const bands = [{}, { isMask: true }];
    const source = fromArray({
      data,
      width: WIDTH,
      height: HEIGHT,
      bandCount: 2,
      bands,
      nodata: 3,
    });
    await writeCog(path, source, { ...small, bigTiff });
    const file = readFileSync(path);
    const header = bigTiff === 'always' ? 16 : 8;
    const facts = file.subarray(header, header + 43 + 174).toString('latin1');
    assert.equal(facts.slice(0, 43), 'GDAL_STRUCTURAL_METADATA_SIZE=000174 bytes\n');
    assert.ok(facts.endsWith('NO\n MASK_INTERLEAVED_WITH_IMAGERY=YES\n'));
    const directories = directoriesOf(file);
    assert.equal(directories[0]?.atByte, bigTiff === 'always' ? 234 : 226);
    const kinds = directories.map(({ values }) => values.get(SUBFILE)?.[0] ?? 0);
    assert.deepEqual(kinds, [0, 4, 1, 1, 5, 5]);
    const bits = directories.map(({ values }) => values.get(258)?.[0]);
    assert.deepEqual(bits, [8, 1, 8, 8, 1, 1]);
    const nodata = directories.map(({ values }) => values.has(42_113));
    assert.deepEqual(nodata, [true, false, true, true, false, false]);
    // The places of blocks come after the last directory, in the same order.
    const places = directories.flatMap(({ outside }) =>
      [OFFSETS, COUNTS].flatMap((tag) => outside.get(tag) ?? []),
    );
    assert.deepEqual(
      places,
      places.toSorted((a, b) => a - b),
    );
    assert.ok(Math.min(...places) >= Math.max(...directories.map(({ endBytes }) => endBytes)));
    const [whole, mask, half, quarter] = directories as [
      Directory,
      Directory,
      Directory,
      Directory,
    ];
    const offsets = ({ values }: Directory): readonly number[] => values.get(OFFSETS) ?? [];
    const counts = ({ values }: Directory): readonly number[] => values.get(COUNTS) ?? [];
    assert.ok(Math.max(...places) < (offsets(quarter)[0] as number));
    assert.ok(Math.max(...offsets(quarter)) < Math.min(...offsets(half)));
    assert.ok(Math.max(...offsets(half)) < Math.min(...offsets(whole)));
    for (const directory of directories) {
      for (const [index, offset] of offsets(directory).entries()) {
        const size = counts(directory)[index] as number;
        assert.equal(file.readUInt32LE(offset - 4), size);
        const end = offset + size;
        assert.ok(file.subarray(end, end + 4).equals(file.subarray(end - 4, end)));
      }
    }
    for (const [index, offset] of offsets(whole).entries())
      assert.equal(offsets(mask)[index], offset + (counts(whole)[index] as number) + 8);
    const last = offsets(mask).length - 1;
    assert.equal(file.length, (offsets(mask)[last] as number) + (counts(mask)[last] as number) + 4);
  });

test('empty blocks are left out when that is asked for, and read as nodata', async (t) => {
  const path = join(temporaryDirectory(t), 'out.tif');
  const data = new Int16Array(WIDTH * HEIGHT).fill(-1);
  data[WIDTH * 40 + 70] = 5;
  const source = fromArray({ data, width: WIDTH, height: HEIGHT, nodata: -1 });
  const written = await writeCog(path, source, { ...small, skipEmpty: true });
  assert.equal(written.blockCount, 3);
  const [whole] = directoriesOf(readFileSync(path)) as [Directory];
  assert.equal(whole.values.get(OFFSETS)?.filter((offset) => offset !== 0).length, 1);
  assert.deepEqual((await readAll(path)).data, data);
});

test('what a source says comes back, also what only the index of a mosaic has', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'said.tif');
  const plain = sourceOf('uint8');
  const rpc = Object.fromEntries(
    'ERR_BIAS ERR_RAND LINE_OFF SAMP_OFF LAT_OFF LONG_OFF HEIGHT_OFF LINE_SCALE SAMP_SCALE LAT_SCALE LONG_SCALE HEIGHT_SCALE'
      .split(' ')
      .map((name, index) => [name, String(index + 0.5)]),
  );
  const list = Array.from({ length: 20 }, (_, index) => index * 1.25).join(' ');
  for (const name of ['LINE_NUM_COEFF', 'LINE_DEN_COEFF', 'SAMP_NUM_COEFF', 'SAMP_DEN_COEFF'])
    rpc[name] = list;
  const info = {
    ...plain.info,
    metadata: { TIFFTAG_SOFTWARE: 'a <tool> & more', SEASON: 'summer' },
    domains: {
      RPC: rpc,
      'xml:XMP': '<x:xmpmeta xmlns:x="adobe:ns:meta/"/>',
      'xml:note': '<note>here &amp; there</note>',
      'json:facts': '{"a":1,"b":"<c>"}',
      PLACES: { here: 'there' },
    },
    bands: [
      {
        description: 'height',
        unit: 'm',
        scale: 0.1,
        offset: -5,
        metadata: { WAVE: '443' },
        domains: { SENSOR: { gain: '2' } },
        categories: ['water', 'land'],
      },
    ],
  };
  const { notCarried } = await writeCog(path, { ...plain, info }, small);
  assert.deepEqual(
    notCarried.map(({ what }) => what),
    ['the names of the values of band 1'],
  );
  const file = await fromGeoTiff(path);
  t.after(() => file.close());
  assert.deepEqual(file.info.metadata, info.metadata);
  assert.deepEqual(file.info.domains, info.domains);
  const { metadata, ...band } = file.info.bands[0] ?? {};
  assert.equal(metadata?.['WAVE'], '443');
  assert.equal(metadata?.['STATISTICS_MAXIMUM'], '119');
  assert.equal(metadata?.['STATISTICS_VALID_PERCENT'], '100');
  assert.deepEqual(band.domains, { SENSOR: { gain: '2' } });
  assert.deepEqual(
    [band.description, band.unit, band.scale, band.offset],
    ['height', 'm', 0.1, -5],
  );
  assert.deepEqual(file.info.georeferencing.transform, plain.info.georeferencing.transform);
});

test('control points come back, of areas and of points', async (t) => {
  const directory = temporaryDirectory(t);
  const plain = fromArray({ data: samplesOf('uint8', 1), width: WIDTH, height: HEIGHT });
  const points = [
    { id: '1', pixel: 0, line: 0, x: 10, y: 50, z: 0 },
    { id: '2', pixel: 150, line: 0, x: 11, y: 50, z: 3 },
    { id: '3', pixel: 0.5, line: 93, x: 10, y: 49, z: 0 },
  ];
  for (const pixelIs of ['area', 'point'] as const) {
    const gcps = { crs: { kind: 'epsg', code: 4326 } as const, points };
    const path = join(directory, `${pixelIs}.tif`);
    await writeCog(
      path,
      { ...plain, info: { ...plain.info, gcps, georeferencing: { pixelIs } } },
      small,
    );
    const file = await fromGeoTiff(path);
    assert.deepEqual(file.info.gcps?.points, points);
    assert.equal(file.info.gcps?.crs?.kind, 'geoKeys');
    await file.close();
  }
});

/** Gives the rows of a raster until a place, and fails there. */
function failing(): RasterSource {
  const plain = sourceOf('uint8');
  return {
    ...plain,
    read: async (window, ...more) => {
      if (window.yPx > 60) throw new Error('the disk is on fire');
      return plain.read(window, ...more);
    },
  };
}

for (const threads of [0, 2])
  test(`a source that fails leaves the old file, or none, and says where (threads ${threads})`, async (t) => {
    const directory = temporaryDirectory(t);
    const path = join(directory, 'out.tif');
    const options = { ...small, threads, predictor: 1 } as const;
    await assert.rejects(writeCog(path, failing(), options), (error) => {
      assert.ok(isHoldfastError(error, 'UPDATER_FAILED'));
      assert.match(error.message, /pixels 0,64 32x29.*on fire/u);
      assert.equal(error.outcome, 'unchanged');
      return true;
    });
    assert.deepEqual(readdirSync(directory), []);
    await writeCog(path, sourceOf('uint8'), options);
    const before = readFileSync(path);
    await assert.rejects(writeCog(path, failing(), { ...options, ifExists: 'replace' }));
    assert.deepEqual(readdirSync(directory), ['out.tif']);
    assert.ok(readFileSync(path).equals(before));
  });

test('a signal ends the write, and nothing is left', async (t) => {
  const directory = temporaryDirectory(t);
  const controller = new AbortController();
  const onProgress = ({ tilesDone }: { tilesDone: number }): void => {
    if (tilesDone === 3) controller.abort();
  };
  const { signal } = controller;
  const writing = writeCog(join(directory, 'out.tif'), sourceOf('uint8'), {
    ...small,
    signal,
    onProgress,
  });
  await assert.rejects(writing, (error) => isHoldfastError(error, 'ABORTED'));
  assert.deepEqual(readdirSync(directory), []);
});

test('a file that exists is refused before anything is read, and replaced when that is asked for', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.tif');
  writeFileSync(path, 'old');
  symlinkSync('out.tif', join(directory, 'link.tif'));
  const unread = { ...sourceOf('uint8'), read: () => assert.fail('it was read') };
  await assert.rejects(writeCog(path, unread, small), (error) =>
    isHoldfastError(error, 'ALREADY_EXISTS'),
  );
  const link = join(directory, 'link.tif');
  const written = await writeCog(link, sourceOf('uint8'), { ...small, ifExists: 'replace' });
  assert.equal(written.path.endsWith('out.tif'), true);
  assert.equal((await readAll(path)).widthPx, WIDTH);
});

test('files beside it that spoke of the old pixels go with these, in the same commit', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.tif');
  for (const ending of ['.ovr', '.aux.xml']) writeFileSync(`${path}${ending}`, 'of the old pixels');
  await assert.rejects(writeCog(path, sourceOf('uint8'), small), (error) => {
    assert.ok(isHoldfastError(error, 'ALREADY_EXISTS'));
    assert.ok(error.path?.endsWith('out.tif.ovr'));
    return true;
  });
  const written = await writeCog(path, sourceOf('uint8'), { ...small, ifExists: 'replace' });
  assert.deepEqual(written.removedCompanions, ['out.tif.ovr', 'out.tif.aux.xml']);
  assert.equal(existsSync(`${path}.ovr`) || existsSync(`${path}.aux.xml`), false);
  assert.equal((await readAll(path)).widthPx, WIDTH);
});

test('what cannot be is refused before anything is touched', async (t) => {
  const directory = temporaryDirectory(t);
  const refused: readonly [string, CogOptions][] = [
    ['out.vrt', {}],
    ['out.tif', { overviews: [3, 5] }],
    ['out.tif', { skipEmpty: true }],
    ['out.tif', { blockSizePx: 100 }],
    ['out.tif', { tileSizePx: 64 } as CogOptions],
  ];
  for (const [name, options] of refused)
    await assert.rejects(writeCog(join(directory, name), sourceOf('uint8'), options), (error) =>
      isHoldfastError(error, 'INVALID_ARGUMENT'),
    );
  assert.deepEqual(readdirSync(directory), []);
});

test('a scratch file has a name that a sweep knows, should a kill leave it', async (t) => {
  const directory = temporaryDirectory(t);
  const fs = Object.create(nodeFileSystem, {
    unlink: { value: () => Promise.reject(Object.assign(new Error('in use'), { code: 'EBUSY' })) },
  }) as typeof nodeFileSystem;
  const file = await openScratchFile(fs, directory);
  const [orphan] = await listOrphans(directory);
  assert.equal(orphan?.kind, 'stagedFile');
  assert.equal(readdirSync(directory).length, 1);
  await assert.rejects(file.close());
});

/** A single file is written to a bucket whole or not at all: against a store in memory. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isHoldfastError, type ErrorCode } from 'holdfast';
import { fromArray, openVrt, writeCog, type RasterSource } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { ModelStore } from '#src/store/model-store.js';
import { temporaryOf } from '../temporary.js';

const SIDE = 700;
const file = 's3://bucket/some folder/dem.tif';
const name = { bucket: 'bucket', key: 'some folder/dem.tif' };
const how = { threads: 0, blockSizePx: 128 } as const;

function sourceOf(label: number): RasterSource {
  const data = Int32Array.from({ length: SIDE * SIDE }, (_, at) => label * 1e6 + at);
  const transform = [500_000, 10, 0, 5_000_000, 0, -10] as const;
  return fromArray({ data, width: SIDE, height: SIDE, crs: 32632, transform });
}

async function failsWith(code: ErrorCode, work: Promise<unknown>, said = /./): Promise<void> {
  await assert.rejects(work, (error: Error) => {
    assert.ok(isHoldfastError(error, code), String(error));
    assert.match(error.message, said);
    return true;
  });
}

test('a file in a bucket has the bytes of one on disk, is refused when it is there, and replaced', async (t) => {
  const store = new ModelStore();
  const path = join(temporaryDirectory(t), 'dem.tif');
  const onDisk = await writeCog(path, sourceOf(1), how);
  const written = await writeCog(file, sourceOf(1), { ...how, store });
  assert.deepEqual(written, { ...onDisk, path: file });
  assert.ok(readFileSync(path).equals(store.bodyOf(name) ?? new Uint8Array()));
  let reads = 0;
  const second = sourceOf(2);
  const counted: RasterSource = {
    ...second,
    read: async (...of) => {
      reads += 1;
      return second.read(...of);
    },
  };
  await failsWith('ALREADY_EXISTS', writeCog(file, counted, { ...how, store }));
  assert.equal(reads, 0);
  await writeCog(file, counted, { ...how, store, ifExists: 'replace' });
  const mosaic = await openVrt(file, { store });
  const { data } = await mosaic.read();
  await mosaic.close();
  assert.equal(data[0], 2e6);
});

test('what fails leaves the object that was there, and nothing on this machine', async (t) => {
  const temporary = temporaryOf(t);
  const store = new ModelStore();
  await writeCog(file, sourceOf(1), { ...how, store });
  const before = Buffer.from(store.bodyOf(name) ?? []);
  const broken: RasterSource = {
    ...sourceOf(2),
    read: (window) => {
      if (window.yPx > 200) throw new Error('the source is broken');
      return sourceOf(2).read(window);
    },
  };
  const replace = { ...how, store, ifExists: 'replace' } as const;
  await failsWith('UPDATER_FAILED', writeCog(file, broken, replace), /Nothing was written/u);
  const signal = AbortSignal.abort();
  await failsWith('ABORTED', writeCog(file, sourceOf(2), { ...replace, signal }));
  assert.ok(before.equals(store.bodyOf(name) ?? new Uint8Array()));
  assert.deepEqual(readdirSync(temporary), []);
});

test('what has no meaning in a bucket, and what readers would take for a part of it, is refused', async () => {
  const store = new ModelStore();
  const stac = { datetime: new Date(0) };
  const refused = (more: object, said: RegExp): Promise<void> =>
    failsWith('INVALID_ARGUMENT', writeCog(file, sourceOf(1), { ...how, store, ...more }), said);
  await refused({ stac }, /stac is for files on disk/u);
  await refused({ durability: 'atomic' }, /durability is for files on disk/u);
  await failsWith(
    'INVALID_ARGUMENT',
    writeCog('s3://bucket/dem.png', sourceOf(1), { ...how, store }),
    /\.tif/u,
  );
  await failsWith(
    'INVALID_ARGUMENT',
    writeCog('/tmp/dem.tif', sourceOf(1), { ...how, store }),
    /store/u,
  );
  await store.put({ ...name, key: `${name.key}.aux.xml` }, Buffer.from('<PAMDataset/>'));
  await failsWith('ALREADY_EXISTS', writeCog(file, sourceOf(1), { ...how, store }), /Remove it/u);
  assert.equal(store.bodyOf(name), undefined);
});

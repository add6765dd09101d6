/** A mosaic in a bucket is read by ranges: from a store in memory that tells what it was asked. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isHoldfastError } from 'holdfast';
import { ModelStore, s3Store, type GetOptions, type ObjectStore } from '@holdfast/objectstore';
import { fromArray, openVrt, writeTiledVrt, type RasterSource } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';

const [WIDTH, HEIGHT] = [300, 200];
const index = 's3://bucket/a folder/dem.vrt';

function sourceOf(label: number): RasterSource {
  const data = Float32Array.from({ length: WIDTH * HEIGHT }, (_, at) => label * 1e6 + at);
  return fromArray({ data, width: WIDTH, height: HEIGHT });
}

/** The files of a mosaic, put into the store one by one. */
async function put(t: TestContext, store: ObjectStore, label: number): Promise<void> {
  const folder = temporaryDirectory(t);
  await writeTiledVrt(join(folder, 'dem.vrt'), sourceOf(label), {
    tileSizePx: 128,
    blockSizePx: 64,
    compression: 'none',
    threads: 0,
  });
  for (const entry of readdirSync(folder, { recursive: true }) as string[]) {
    const path = join(folder, entry);
    if (!statSync(path).isFile()) continue;
    const key = `a folder/${relative(folder, path).replaceAll('\\', '/')}`;
    const written = await store.put({ bucket: 'bucket', key }, readFileSync(path));
    assert.equal(written.outcome, 'committed');
  }
}

/** A store that notes what is read of it. */
function noting(store: ObjectStore, asked: GetOptions[]): ObjectStore {
  return new Proxy(store, {
    get: (target, name) =>
      name === 'get'
        ? (...args: Parameters<ObjectStore['get']>) => {
            asked.push(args[1] ?? {});
            return target.get(...args);
          }
        : (Reflect.get(target, name) as unknown),
  });
}

test('windows of a mosaic in a bucket are read by ranges, each for the version that was opened', async (t) => {
  const model = new ModelStore();
  await put(t, model, 1);
  const asked: GetOptions[] = [];
  const mosaic = await openVrt(index, { store: noting(model, asked) });
  assert.equal(mosaic.path, index);
  const { data } = await mosaic.read();
  assert.deepEqual(
    data,
    (await sourceOf(1).read({ xPx: 0, yPx: 0, widthPx: WIDTH, heightPx: HEIGHT })).data,
  );
  assert.ok(asked.every(({ range }) => range !== undefined));
  assert.ok(asked.some(({ ifMatch }) => ifMatch !== undefined));
  await mosaic.close();
});

test('objects that are replaced under an opened mosaic are an error, never a mixture', async (t) => {
  const model = new ModelStore();
  await put(t, model, 1);
  // A store that looks at no condition of a read, as some do.
  const careless = new Proxy(model, {
    get: (target, name) =>
      name === 'get'
        ? (object: Parameters<ObjectStore['get']>[0], options: GetOptions = {}) =>
            target.get(object, { ...options, ifMatch: undefined })
        : (Reflect.get(target, name) as unknown),
  });
  for (const store of [model, careless]) {
    await put(t, model, 1);
    const mosaic = await openVrt(index, { store });
    await mosaic.read({ xPx: 0, yPx: 0, widthPx: 10, heightPx: 10 });
    await put(t, model, 2);
    await assert.rejects(mosaic.read({ xPx: 0, yPx: 100, widthPx: 10, heightPx: 10 }), (error) =>
      isHoldfastError(error, 'TARGET_CHANGED'),
    );
    await mosaic.close();
  }
});

test('what is not there, and what a store refuses, is told', async (t) => {
  const model = new ModelStore();
  await assert.rejects(openVrt(index, { store: model }), (error) =>
    isHoldfastError(error, 'NOT_FOUND'),
  );
  await put(t, model, 1);
  const refusal = { status: 403, code: 'AccessDenied', message: 'no', isTransient: false };
  const closed = { get: async () => ({ outcome: 'refused', refusal }) as const };
  await assert.rejects(openVrt(index, { store: closed }), (error: Error) => {
    assert.ok(isHoldfastError(error, 'STORE_FAILED'), String(error));
    assert.match(error.message, /403 \(AccessDenied: no\)/);
    return true;
  });
  // Nothing that the environment has is needed to say that an endpoint is refused.
  assert.throws(() => s3Store({ endpoint: 'http://127.0.0.1:9' }), /allowHttp/);
});

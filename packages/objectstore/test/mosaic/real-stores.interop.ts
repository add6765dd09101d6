/** Mosaics in the buckets of real stores are read by ranges, through faults too. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fromArray, openVrt, writeCog, writeTiledVrt, type RasterSource } from '@holdfast/raster';
import { isHoldfastError } from 'holdfast';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { s3Store } from '#src/store/s3-store.js';
import type { ObjectStore } from '#src/store/object-store.js';
import { commandLineBeside } from '../command.js';
import { faults, startFaultProxy } from '../fault-proxy.js';
import { bucket, credentials, serverNames, startServer } from '../servers.js';
import { putFolder } from './put-mosaic.js';

const [WIDTH, HEIGHT] = [1100, 700];
const index = `s3://${bucket}/some folder/dem.vrt`;

function samples(label = 0): Float32Array {
  return Float32Array.from({ length: WIDTH * HEIGHT }, (_, at) => Math.sin(at) + label);
}

function sourceOf(label: number): RasterSource {
  return fromArray({ data: samples(label), width: WIDTH, height: HEIGHT });
}

async function put(t: TestContext, store: ObjectStore, label = 0): Promise<void> {
  const folder = temporaryDirectory(t);
  const options = { tileSizePx: 512, blockSizePx: 128, overviews: 'auto', threads: 0 } as const;
  await writeTiledVrt(join(folder, 'dem.vrt'), sourceOf(label), options);
  await putFolder(store, folder, 'some folder');
}

function storeAt(endpoint: string): ObjectStore {
  return s3Store({ endpoint, credentials, allowHttp: true, requestTimeoutMs: 2000 });
}

for (const name of serverNames) {
  test(`${name}: windows of a mosaic in a bucket are those of the raster, through every fault of a network`, async (t) => {
    const { endpoint } = await startServer(t, name);
    await put(t, storeAt(endpoint));
    const proxy = await startFaultProxy(t, endpoint);
    // Each request fails once, in one way after another.
    const failed = new Set<string>();
    proxy.choose = ({ path, headers }) => {
      const asked = `${path} ${headers.range}`;
      if (failed.has(asked)) return 'none';
      failed.add(asked);
      return faults[failed.size % faults.length] ?? 'none';
    };
    const mosaic = await openVrt(index, { store: storeAt(proxy.endpoint) });
    t.after(() => mosaic.close());
    assert.deepEqual((await mosaic.read()).data, samples());
    const window = { xPx: 500, yPx: 90, widthPx: 37, heightPx: 600 };
    assert.deepEqual((await mosaic.read(window)).data, (await sourceOf(0).read(window)).data);
    assert.ok(failed.size >= faults.length, `${failed.size} requests`);
  });

  test(`${name}: an object that is replaced under an opened mosaic is an error, never a mixture`, async (t) => {
    const { endpoint } = await startServer(t, name);
    const store = storeAt(endpoint);
    await put(t, store, 0);
    const mosaic = await openVrt(index, { store, maxOpenTiles: 1 });
    t.after(() => mosaic.close());
    const at = (xPx: number, yPx: number) => ({ xPx, yPx, widthPx: 20, heightPx: 20 });
    await mosaic.read(at(0, 0));
    await mosaic.read(at(600, 0));
    await put(t, store, 1);
    for (const [xPx, yPx] of [
      [0, 400],
      [600, 400],
    ] as const)
      await assert.rejects(mosaic.read(at(xPx, yPx)), (error) =>
        isHoldfastError(error, 'TARGET_CHANGED'),
      );
  });
}

test('holdfast raster tile and cog take rasters in a bucket as inputs', async (t) => {
  const { holdfast, endpoint, cwd } = await commandLineBeside(t);
  const store = storeAt(endpoint);
  await put(t, store);
  const folder = temporaryDirectory(t);
  await writeCog(join(folder, 'in.tif'), sourceOf(0), { threads: 0 });
  await putFolder(store, folder, 'inputs');
  const inputs = [index, `s3://${bucket}/inputs/in.tif`];
  for (const input of inputs) {
    const tiled = await holdfast('raster', 'tile', input, 'out.vrt', '--allow-http', '--replace');
    assert.equal(tiled.code, 0, tiled.stderr);
    const cog = await holdfast('raster', 'cog', input, 'out.tif', '--allow-http', '--replace');
    assert.equal(cog.code, 0, cog.stderr);
    for (const name of ['out.vrt', 'out.tif']) {
      const mosaic = await openVrt(join(cwd, name));
      assert.deepEqual((await mosaic.read()).data, samples());
      await mosaic.close();
    }
  }
  const refused = await holdfast('raster', 'cog', 'out.tif', 'other.tif', '--region', 'x');
  assert.match(refused.stderr, /--region is for s3:\/\/ alone/);
});

test('holdfast raster info and preview look at a mosaic in a bucket', async (t) => {
  const { holdfast, endpoint } = await commandLineBeside(t);
  await put(t, storeAt(endpoint));
  const info = await holdfast('raster', 'info', index, '--allow-http', '--json');
  const { widthPx, path, tileCount } = JSON.parse(info.stdout) as Record<string, unknown>;
  assert.deepEqual([widthPx, path, tileCount], [WIDTH, index, 6], info.stderr);
  const drawn = await holdfast('raster', 'preview', index, 'dem.png', '--allow-http', '--json');
  assert.equal((JSON.parse(drawn.stdout) as { widthPx: number }).widthPx, 1024, drawn.stderr);
  const refused = await holdfast('raster', 'info', index);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /--allow-http/);
  const none = await holdfast('raster', 'info', `s3://${bucket}/none.vrt`, '--allow-http');
  assert.equal(none.code, 3, none.stderr);
  const region = await holdfast('raster', 'info', 'dem.vrt', '--region', 'x');
  assert.match(region.stderr, /--region is for s3:\/\/ alone/);
});

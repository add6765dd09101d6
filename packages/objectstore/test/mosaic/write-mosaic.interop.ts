/** Mosaics written to real stores: read by GDAL, and under writers that are killed. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openVrt, verifyVrt, writeCog, writeTiledVrt } from '@holdfast/raster';
import { rasterioPython, temporaryDirectory } from '@holdfast/tools/testing';
import { s3Store } from '#src/store/s3-store.js';
import type { ObjectStore } from '#src/store/object-store.js';
import { commandLineAt, commandLineBeside } from '../command.js';
import { startFaultProxy } from '../fault-proxy.js';
import { bucket, credentials, serverNames, startServer } from '../servers.js';
import { height, index, options, rasterOf, samplesOf, width } from './raster.js';

const program = fileURLToPath(new URL('writer.js', import.meta.url));
const vsis3 = `/vsis3/${bucket}/maps/dem.vrt`;

function storeAt(endpoint: string): ObjectStore {
  return s3Store({ endpoint, credentials, allowHttp: true });
}

/** What each Python reads: the raw samples of all, then of an overview, to standard output. */
const pythons: Readonly<Record<string, readonly [python: () => string, script: string]>> = {
  'GDAL of Debian': [
    () => '/usr/bin/python3',
    `import sys
from osgeo import gdal
gdal.UseExceptions()
dataset = gdal.Open(sys.argv[1])
band = dataset.GetRasterBand(1)
sys.stdout.buffer.write(band.ReadRaster())
sys.stdout.buffer.write(band.GetOverview(0).ReadRaster())`,
  ],
  'the wheel of rasterio': [
    rasterioPython,
    `import sys, rasterio
with rasterio.open(sys.argv[1]) as dataset:
    sys.stdout.buffer.write(dataset.read(1).tobytes())
with rasterio.open(sys.argv[1], overview_level=0) as dataset:
    sys.stdout.buffer.write(dataset.read(1).tobytes())`,
  ],
};

async function readBy(
  python: string,
  script: string,
  endpoint: string,
  path = vsis3,
): Promise<Buffer> {
  const env = {
    ...process.env,
    AWS_S3_ENDPOINT: new URL(endpoint).host,
    AWS_HTTPS: 'NO',
    AWS_VIRTUAL_HOSTING: 'FALSE',
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: 'us-east-1',
  };
  const how = { env, encoding: 'buffer', maxBuffer: 2 ** 28 } as const;
  return (await promisify(execFile)(python, ['-c', script, path], how)).stdout;
}

/** The label of the mosaic that is there, every pixel of which was looked at. */
async function labelIn(store: ObjectStore): Promise<number> {
  const mosaic = await openVrt(index, { store });
  try {
    const { data } = await mosaic.read();
    const label = Math.round((data[0] as number) / 1e6);
    assert.deepEqual(data, samplesOf(label));
    return label;
  } finally {
    await mosaic.close();
  }
}

for (const name of serverNames) {
  test(`${name}: GDAL reads a mosaic in a bucket, its overviews, and the one that replaces it`, async (t) => {
    const { endpoint } = await startServer(t, name);
    const store = storeAt(endpoint);
    for (const label of [1, 2]) {
      await writeTiledVrt(index, rasterOf(label), { ...options, store, ifExists: 'replace' });
      const mosaic = await openVrt(index, { store });
      const overview = (await mosaic.read(undefined, { scale: 0.5 })).data as Float32Array;
      await mosaic.close();
      const expected = Buffer.concat([
        Buffer.from(samplesOf(label).buffer),
        Buffer.from(overview.buffer),
      ]);
      for (const [who, [python, script]] of Object.entries(pythons)) {
        const read = await readBy(python(), script, endpoint);
        assert.ok(read.equals(expected), `${who}: ${read.length} bytes`);
      }
    }
  });
}

test('GDAL reads the tile index of a mosaic in a bucket', async (t) => {
  const { endpoint } = await startServer(t, 'gofakes3');
  const store = storeAt(endpoint);
  const { gtiPath = '' } = await writeTiledVrt(index, rasterOf(3), {
    ...options,
    store,
    gti: true,
  });
  const script = `import sys, rasterio
with rasterio.open(sys.argv[1]) as dataset:
    assert dataset.driver == 'GTI', dataset.driver
    sys.stdout.buffer.write(dataset.read(1).tobytes())`;
  const path = gtiPath.replace('s3://', '/vsis3/');
  const read = await readBy(rasterioPython(), script, endpoint, path);
  assert.ok(read.equals(Buffer.from(samplesOf(3).buffer)), `${read.length} bytes`);
});

test('a writer that is killed at a request leaves the old mosaic or the new one, and the next goes on', async (t) => {
  const { endpoint } = await startServer(t, 'gofakes3');
  const store = storeAt(endpoint);
  await writeTiledVrt(index, rasterOf(1), { ...options, store });
  const proxy = await startFaultProxy(t, endpoint);
  let last = 1;
  const dieAt = async (at: number): Promise<'old' | 'new'> => {
    await writeAndDie(t, proxy, last + 1, at);
    const now = await labelIn(store);
    assert.ok(now === last || now === last + 1, `${now} after ${last}`);
    const outcome = now === last ? 'old' : 'new';
    last = now;
    return outcome;
  };
  // Some of the requests that send files, then each up to the commit, and some that sweep.
  let at = 1;
  while ((await dieAt(at)) === 'old') at += at < 9 ? 4 : 1;
  assert.ok(at > 9, `committed by request ${at}`);
  for (const further of [1, 4, 9]) assert.equal(await dieAt(at + further), 'new');
  await writeTiledVrt(index, rasterOf(99), {
    ...options,
    store,
    ifExists: 'replace',
    keepForMs: 0,
  });
  assert.equal(await labelIn(store), 99);
  const listed = await store.list(bucket, 'maps/dem_tiles/generations/');
  assert.equal(listed.outcome, 'found');
  assert.equal(new Set(listed.objects.map(({ key }) => key.split('/')[3])).size, 1);
});

/** Kills the writer when it makes its n-th request. Gives the files that it has sent before. */
async function writeAndDie(
  t: TestContext,
  proxy: Awaited<ReturnType<typeof startFaultProxy>>,
  label: number,
  at: number,
  ...more: readonly string[]
): Promise<readonly string[]> {
  const args = process.execArgv.filter((arg) => !arg.startsWith('--test'));
  const child = spawn(process.execPath, [...args, program, proxy.endpoint, `${label}`, ...more], {
    stdio: ['ignore', 'ignore', 'inherit'],
    // What it leaves on this machine goes with the test.
    env: { ...process.env, TMPDIR: temporaryDirectory(t) },
  });
  let made = 0;
  const files: string[] = [];
  proxy.choose = ({ method, path }) => {
    made += 1;
    const file = /\/generations\/[^/]+\/([^?]*)/.exec(path)?.[1];
    if (made !== at && method === 'PUT' && file !== undefined) files.push(file);
    if (made !== at) return 'none';
    child.kill('SIGKILL');
    return 'refuse';
  };
  await once(child, 'exit');
  proxy.choose = () => 'none';
  return files;
}

test('what a killed writer has sent with resume is not sent again, and the mosaic is the same', async (t) => {
  const { endpoint } = await startServer(t, 'gofakes3');
  const store = storeAt(endpoint);
  const proxy = await startFaultProxy(t, endpoint);
  const all = await writeAndDie(t, proxy, 1, 0);
  // So that the next one has others to send before it is killed.
  let at = 1;
  const sent: string[] = [];
  while (sent.length < 3) sent.push(...(await writeAndDie(t, proxy, 2, (at += 12), 'resume')));
  assert.equal(await labelIn(store), 1);
  const rest = await writeAndDie(t, proxy, 2, 0, 'resume');
  assert.ok(rest.length < all.length, `${rest.length} of ${all.length}`);
  // Some of those under way at the death may have arrived, and none of the others is sent twice.
  assert.ok(rest.length >= all.length - sent.length - 8, `${rest.length}, ${sent.length}`);
  assert.equal(new Set(rest).size, rest.length);
  assert.equal(await labelIn(store), 2);
  assert.ok((await verifyVrt(index, { store, deep: true })).ok);
});

test('holdfast raster tile writes to a bucket, over what is there when told to', async (t) => {
  const { holdfast, cwd, endpoint } = await commandLineBeside(t);
  await writeCog(join(cwd, 'dem.tif'), rasterOf(1), { threads: 0 });
  const tile = (...more: readonly string[]) =>
    holdfast('raster', 'tile', 'dem.tif', index, '--quiet', '--json', ...more);
  const made = await tile('--allow-http', '--tile-size', '256');
  const { path, tileCount } = JSON.parse(made.stdout) as Record<string, unknown>;
  assert.deepEqual([path, tileCount], [index, 6], made.stderr);
  assert.equal(await labelIn(storeAt(endpoint)), 1);
  const verify = () => holdfast('raster', 'verify', index, '--deep', '--allow-http');
  const { stdout, stderr } = await verify();
  assert.match(stdout, /nothing wrong with 6 tiles/, stderr);
  // As anybody has it from a bucket that is public.
  const far = `${endpoint}${bucket}/maps/dem.vrt`;
  for (const more of [[], ['--deep']]) {
    const looked = await holdfast('raster', 'verify', far, '--allow-http', ...more);
    assert.match(looked.stdout, /nothing wrong with 6 tiles, held against the checksums/);
  }
  assert.equal((await tile('--allow-http')).code, 4);
  assert.equal((await tile('--allow-http', '--replace', '--keep-for', '7d')).code, 0);
  const recover = (...more: readonly string[]) =>
    holdfast('raster', 'recover', index, '--allow-http', '--keep-for', '0s', ...more);
  assert.match((await recover('--dry-run')).stdout, /^to be removed\ts3:.*\ttiles that no index/);
  assert.match((await recover()).stdout, /^removed\ts3:/);
  assert.match((await recover()).stdout, /nothing was left/);
  assert.match((await recover('--discard')).stderr, /--discard is not for s3:\/\//);
  const again = await tile('--allow-http', '--replace', '--resume');
  assert.equal((JSON.parse(again.stdout) as { resumedTileCount: number }).resumedTileCount, 0);
  assert.match((await tile()).stderr, /--allow-http/);
  writeFileSync(join(cwd, 'x'), '');
  const local = await holdfast('raster', 'tile', 'dem.tif', 'dem.vrt', '--region', 'x');
  assert.match(local.stderr, /--region is for s3:\/\/ alone/);
  const trusted = await holdfast('raster', 'tile', 'dem.tif', 'dem.vrt', '--trust-store');
  assert.match(trusted.stderr, /--trust-store is for s3:\/\/ alone/);
  assert.deepEqual(readdirSync(cwd).toSorted(), ['dem.tif', 'x']);
  assert.equal(width * height, samplesOf(1).length);
});

test('holdfast raster tile tries the store before it changes it, unless told to trust it', async (t) => {
  const server = await startServer(t, 'gofakes3');
  const { endpoint, counts } = await startFaultProxy(t, server.endpoint);
  const { holdfast, cwd } = commandLineAt(t, endpoint);
  await writeCog(join(cwd, 'dem.tif'), rasterOf(1), { threads: 0 });
  const puts = async (place: string, ...more: readonly string[]): Promise<number> => {
    const before = counts.get('PUT') ?? 0;
    const tile = ['raster', 'tile', 'dem.tif', place, '--quiet', '--allow-http'];
    const { code, stderr } = await holdfast(...tile, ...more);
    assert.equal(code, 0, stderr);
    return (counts.get('PUT') ?? 0) - before;
  };
  const tried = await puts(index);
  const trusted = await puts(`s3://${bucket}/other/dem.vrt`, '--trust-store');
  // docs/object-stores.md says so many.
  assert.equal(tried - trusted, 96);
  assert.equal(await labelIn(storeAt(endpoint)), 1);
});

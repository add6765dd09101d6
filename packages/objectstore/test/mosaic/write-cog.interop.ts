/** Single files written to real stores: read by GDAL, through faults, under writers that are killed. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openVrt, writeCog } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { s3Store } from '#src/store/s3-store.js';
import type { ObjectStore } from '#src/store/object-store.js';
import { commandLineBeside } from '../command.js';
import { faults, startFaultProxy } from '../fault-proxy.js';
import { bucket, credentials, serverNames, startServer } from '../servers.js';
import { cogOptions, file, rasterOf, samplesOf, wideRasterOf, wideSamplesOf } from './raster.js';

const program = fileURLToPath(new URL('cog-writer.js', import.meta.url));

function storeAt(endpoint: string): ObjectStore {
  return s3Store({ endpoint, credentials, allowHttp: true, requestTimeoutMs: 5000 });
}

/** The samples that GDAL reads. */
async function readByGdal(endpoint: string): Promise<Buffer> {
  const script = `import sys
from osgeo import gdal
gdal.UseExceptions()
dataset = gdal.Open(sys.argv[1])
sys.stdout.buffer.write(dataset.GetRasterBand(1).ReadRaster())`;
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
  const args = ['-c', script, `/vsis3/${bucket}/maps/dem.tif`];
  return (await promisify(execFile)('/usr/bin/python3', args, how)).stdout;
}

/** The label of the file that is there, every pixel of which was looked at. */
async function labelIn(store: ObjectStore, samples = wideSamplesOf): Promise<number> {
  const mosaic = await openVrt(file, { store });
  try {
    const { data } = await mosaic.read();
    const label = Math.round((data[0] as number) / 1e6);
    assert.deepEqual(data, samples(label));
    return label;
  } finally {
    await mosaic.close();
  }
}

for (const name of serverNames) {
  test(`${name}: GDAL reads a single file in a bucket, in one request or in parts, and the one that replaces it`, async (t) => {
    const { endpoint } = await startServer(t, name);
    const store = storeAt(endpoint);
    const replace = { ...cogOptions, store, ifExists: 'replace' } as const;
    await writeCog(file, rasterOf(1), { ...cogOptions, store });
    assert.ok((await readByGdal(endpoint)).equals(Buffer.from(samplesOf(1).buffer)));
    await writeCog(file, wideRasterOf(2), replace);
    assert.ok((await readByGdal(endpoint)).equals(Buffer.from(wideSamplesOf(2).buffer)));
    await writeCog(file, wideRasterOf(3), replace);
    assert.equal(await labelIn(store), 3);
  });

  test(`${name}: a single file arrives through every fault of a network, or its outcome is told`, async (t) => {
    const { endpoint } = await startServer(t, name);
    const proxy = await startFaultProxy(t, endpoint);
    const store = s3Store({
      endpoint: proxy.endpoint,
      credentials,
      allowHttp: true,
      requestTimeoutMs: 5000,
      trusted: true,
    });
    // Each request that writes fails once, in one way after another.
    const failed = new Set<string>();
    proxy.choose = ({ method, path }) => {
      const asked = `${method} ${path.replace(/uploadId=[^&]+/u, '')}`;
      if (method === 'GET' || method === 'DELETE' || failed.has(asked)) return 'none';
      failed.add(asked);
      return faults[failed.size % faults.length] ?? 'none';
    };
    for (const label of [1, 2, 3]) {
      failed.delete(`PUT /${bucket}/maps/dem.tif`);
      await writeCog(file, wideRasterOf(label), { ...cogOptions, store, ifExists: 'replace' });
      await proxy.settled();
      assert.equal(await labelIn(storeAt(endpoint)), label);
    }
    assert.ok(failed.size >= 4, [...failed].join());
  });
}

test('a writer that is killed at a request leaves the old file or the new one', async (t) => {
  const { endpoint } = await startServer(t, 'gofakes3');
  const store = storeAt(endpoint);
  await writeCog(file, wideRasterOf(1), { ...cogOptions, store });
  const proxy = await startFaultProxy(t, endpoint);
  let last = 1;
  // Past the looks at what lies beside it: the upload, its parts, a look, and the commit.
  let at = 5;
  for (let isNew = false; !isNew; at += 1) {
    const args = process.execArgv.filter((arg) => !arg.startsWith('--test'));
    const temporary = temporaryDirectory(t);
    const child = spawn(process.execPath, [...args, program, proxy.endpoint, `${last + 1}`], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, TMPDIR: temporary },
    });
    let made = 0;
    proxy.choose = () => {
      made += 1;
      if (made !== at) return 'none';
      child.kill('SIGKILL');
      return 'refuse';
    };
    await once(child, 'exit');
    proxy.choose = () => 'none';
    const now = await labelIn(store);
    assert.ok(now === last || now === last + 1, `${now} after ${last}`);
    assert.deepEqual(readdirSync(temporary), []);
    isNew = now !== last;
    last = now;
  }
  assert.ok(at > 8, `committed by request ${at}`);
});

test('holdfast raster cog writes to a bucket, over what is there when told to', async (t) => {
  const { holdfast, cwd, endpoint } = await commandLineBeside(t);
  await writeCog(join(cwd, 'dem.tif'), rasterOf(1), { threads: 0 });
  const cog = (...more: readonly string[]) =>
    holdfast('raster', 'cog', 'dem.tif', file, '--quiet', '--json', ...more);
  const made = await cog('--allow-http');
  const { path, stacPath } = JSON.parse(made.stdout) as Record<string, unknown>;
  assert.deepEqual([path, stacPath], [file, undefined], made.stderr);
  assert.equal(await labelIn(storeAt(endpoint), samplesOf), 1);
  assert.equal((await cog('--allow-http')).code, 4);
  assert.equal((await cog('--allow-http', '--replace')).code, 0);
  const stac = await cog('--allow-http', '--replace', '--datetime', '2024-06-01T10:20:30Z');
  assert.match(stac.stderr, /stac is for files on disk/u);
  assert.match((await cog()).stderr, /--allow-http/u);
  const local = await holdfast('raster', 'cog', 'dem.tif', 'a.tif', '--region', 'x');
  assert.match(local.stderr, /--region is for s3:\/\/ alone/u);
  assert.deepEqual(readdirSync(cwd), ['dem.tif']);
});

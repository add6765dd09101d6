/** `holdfast raster begin`, `part`, `progress`, `commit` and `abandon` for a mosaic in a bucket. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { openVrt, writeCog } from '@holdfast/raster';
import { s3Store } from '#src/store/s3-store.js';
import { commandLineBeside } from '../command.js';
import { bucket, credentials } from '../servers.js';
import { rasterOf, samplesOf } from './raster.js';

const tiling = ['--tile-size', '256', '--overviews', '2', '--allow-http'] as const;

test('processes of the command line make one mosaic in a bucket, and are told what to do next', async (t) => {
  const { holdfast, cwd, endpoint } = await commandLineBeside(t);
  await writeCog(join(cwd, 'dem.tif'), rasterOf(1));
  const raster = async (code: number, ...args: readonly string[]): Promise<string> => {
    const ended = await holdfast('raster', ...args);
    assert.equal(ended.code, code, `${args.join(' ')}: ${ended.stderr}`);
    return code === 0 ? ended.stdout.trim() : ended.stderr;
  };
  const [output, http] = [`s3://${bucket}/many/dem.vrt`, '--allow-http'];
  const begin = ['begin', 'dem.tif', output, '--parts', '3', ...tiling];
  const id = await raster(0, ...begin);
  assert.equal(await raster(0, ...begin), id);
  assert.match(await raster(3, ...begin, '--nodata', '7'), RegExp(id));
  await raster(0, 'part', output, id, '1', http, '--threads', '1');
  assert.match(await raster(0, 'progress', output, id, http), /^open: 1 of 3 parts done/);
  assert.match(await raster(4, 'commit', output, id, http), /: 0,2\. /);
  await raster(2, 'part', 'dem.vrt', id, '0', http);
  await Promise.all(['0', '2'].map((part) => raster(0, 'part', output, id, part, http)));
  assert.match(await raster(0, 'commit', output, id, http), /: 6 tiles, /);
  assert.match(await raster(0, 'commit', output, id, http), /: 6 tiles, /);
  await raster(0, 'part', output, id, '0', http);
  assert.match(await raster(0, 'progress', output, id, http, '--watch'), /3 of 3|done/);

  await raster(0, 'tile', 'dem.tif', `s3://${bucket}/one/dem.vrt`, ...tiling, '--quiet');
  const store = s3Store({ endpoint, credentials, allowHttp: true });
  const read = async (folder: string): Promise<unknown> => {
    const mosaic = await openVrt(`s3://${bucket}/${folder}/dem.vrt`, { store });
    const { data } = await mosaic.read();
    await mosaic.close();
    assert.deepEqual(data, samplesOf(1));
    const listed = await store.list(bucket, `${folder}/dem_tiles/generations/`);
    assert.equal(listed.outcome, 'found');
    // By name, size and, as this store has it, the MD5 of the bytes.
    return listed.objects
      .filter(({ key }) => key.endsWith('.tif'))
      .map(({ key, ...told }) => [key.split('/').at(-1), told.sizeBytes, told.etag]);
  };
  assert.deepEqual(await read('many'), await read('one'));

  const next = await raster(0, ...begin, '--replace');
  await raster(0, 'abandon', output, next, http);
  await raster(3, 'part', output, next, '0', http);
});

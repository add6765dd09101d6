import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fromArray, writeTiledVrt } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';

const OVERWRITES = 200;

test('a reader process that reads through 200 overwrites never sees an error or a mix', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  const write = async (value: number): Promise<void> => {
    const source = fromArray({ data: new Uint8Array(64 * 64).fill(value), width: 64, height: 64 });
    await writeTiledVrt(path, source, {
      tileSizePx: 16,
      threads: 0,
      ifExists: 'replace',
      keepPrevious: 0,
      durability: 'atomic',
    });
  };
  await write(0);
  const reader = spawn(process.execPath, [
    fileURLToPath(new URL('mosaic-reader.js', import.meta.url)),
    path,
  ]);
  t.after(() => reader.kill());
  let output = '';
  for (const stream of [reader.stdout, reader.stderr])
    stream.on('data', (text) => (output += String(text)));
  for (let round = 1; round <= OVERWRITES; round += 1) await write(round % 256);
  reader.stdin.end();
  const [status] = (await once(reader, 'close')) as [number];
  assert.equal(status, 0, output);
  assert.ok(Number(/READS (\d+)/.exec(output)?.[1]) > 10, output);
  await write(1);
  assert.deepEqual(readdirSync(directory).filter((name) => name.includes('_tiles')).length, 1);
});

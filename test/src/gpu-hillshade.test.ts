/** The example that computes a hillshade on the GPU, run as its reader would run it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openVrt, type Pixels, verifyVrt } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';

const example = fileURLToPath(new URL('../../examples/dist/gpu-hillshade.js', import.meta.url));

/** Runs the example; gives what it has written, or nothing where there is no GPU. */
async function shadesOf(directory: string, chunkPx: number): Promise<Pixels | undefined> {
  const run = promisify(execFile)(process.execPath, [example, directory, String(chunkPx)]);
  const [outcome] = await Promise.allSettled([run]);
  if (outcome.status === 'rejected') {
    const hasNoGpu = String(outcome.reason).includes('no GPU adapter');
    if (!hasNoGpu || process.env['HOLDFAST_GPU'] === '1') throw outcome.reason;
    return undefined;
  }
  const path = `${directory}/hillshade.vrt`;
  assert.ok((await verifyVrt(path, { deep: true })).ok);
  assert.ok(statSync(`${directory}/hillshade.png`).size > 10_000);
  const mosaic = await openVrt(path);
  const pixels = await mosaic.read();
  await mosaic.close();
  return pixels;
}

test('a hillshade computed tile by tile on a GPU is the one of a single dispatch', async (t) => {
  const tiled = await shadesOf(temporaryDirectory(t), 250);
  if (!tiled) {
    t.skip('no GPU adapter');
    return;
  }
  const whole = await shadesOf(temporaryDirectory(t), 4096);
  assert.ok(whole && Buffer.from(tiled.data.buffer).equals(Buffer.from(whole.data.buffer)));
  const shades = new Set(tiled.data as Uint8Array);
  assert.ok(shades.has(0) && shades.size > 100, `${shades.size} shades`);
});

/** What the tests on the fake device say, on a real driver; see driver.ts. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isHoldfastError } from 'holdfast';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { copyWindow } from '#src/source/copy-window.js';
import { fromArray } from '#src/source/from-array.js';
import type { Cell } from '#src/source/grid.js';
import { fromGpuBuffer } from '#src/source/gpu/from-gpu-buffer.js';
import { fromGpuChunks } from '#src/source/gpu/from-gpu-chunks.js';
import { fromGpuTexture } from '#src/source/gpu/from-gpu-texture.js';
import type { RasterSource } from '#src/source/raster-source.js';
import { writeTiledVrt } from '#src/write/write-tiled-vrt.js';
import { bufferOn, newDevice, onDevice } from './driver.js';
import { formats } from './formats.js';
import { assertSamePixels, filesOf, layouts, samples } from './layouts.js';

const options = { tileSizePx: 16, threads: 0, compression: 'none', durability: 'atomic' } as const;
const shape = { width: 96, height: 64 } as const;
const size = { ...shape, dataType: 'float32' } as const;
const whole = samples('float32', 96 * 64);
const all = { xPx: 0, yPx: 0, widthPx: 96, heightPx: 64 };

async function filesWritten(t: TestContext, source: RasterSource): Promise<unknown> {
  const directory = temporaryDirectory(t);
  await writeTiledVrt(`${directory}/out.vrt`, source, options);
  await source.close?.();
  return filesOf(directory);
}

function wholeBuffer(device: GPUDevice): GPUBuffer {
  return bufferOn(device, new Uint8Array(whole.buffer));
}

/** The chunks of `whole`, each in a buffer that goes when it was read. */
function chunksOn(device: GPUDevice, chunkPx = 16): RasterSource {
  return fromGpuChunks({
    device,
    ...size,
    chunks: { width: chunkPx, height: chunkPx },
    compute({ window }: Cell) {
      const data = new Float32Array(window.widthPx * window.heightPx);
      copyWindow({ data: whole, window: all }, { data, window }, 1, 'band');
      const buffer = bufferOn(device, new Uint8Array(data.buffer));
      return { buffer, release: () => buffer.destroy() };
    },
  });
}

test('a driver gives the samples of a buffer, however they lie there', onDevice, async () => {
  const device = await newDevice();
  for (const { name, shape: given, dataType, array, bytes, layout } of layouts([
    'uint8',
    'float64',
  ])) {
    const expected = fromArray({ data: array, ...given });
    for (const stagingBytes of [undefined, 8192]) {
      const buffer = bufferOn(device, bytes);
      const source = fromGpuBuffer({ device, buffer, dataType, stagingBytes, ...given, ...layout });
      await assertSamePixels(source, expected, `${name}, ${stagingBytes} bytes of staging`);
      await source.close?.();
      buffer.destroy();
    }
  }
  device.destroy();
});

test('a driver gives the samples of a texture, by channels and by layers', onDevice, async () => {
  const device = await newDevice();
  for (const [format, dataType, channelCount, elements] of formats) {
    for (const depthOrArrayLayers of channelCount === 1 ? [1, 3] : [1]) {
      const [width, height] = [67, 35];
      const bandCount = channelCount * depthOrArrayLayers;
      const data = samples(dataType, width * height * bandCount);
      const interleave = channelCount > 1 ? 'pixel' : 'band';
      const expected = fromArray({ data, width, height, bandCount, interleave, elements });
      const usage = GPUTextureUsage.COPY_SRC | GPUTextureUsage.COPY_DST;
      const extent = { width, height, depthOrArrayLayers };
      const texture = device.createTexture({
        size: extent,
        format: format as GPUTextureFormat,
        usage,
      });
      const bytesPerRow = data.byteLength / (height * depthOrArrayLayers);
      const bytes = new Uint8Array(data.buffer as ArrayBuffer);
      device.queue.writeTexture({ texture }, bytes, { bytesPerRow, rowsPerImage: height }, extent);
      const source = fromGpuTexture({ device, texture });
      await assertSamePixels(source, expected, `${format}, ${depthOrArrayLayers} layers`);
      await source.close?.();
      texture.destroy();
    }
  }
  device.destroy();
});

test(
  'on a driver a buffer, chunks and an array are one mosaic: index, tiles, manifest',
  onDevice,
  async (t) => {
    const device = await newDevice();
    const expected = await filesWritten(t, fromArray({ data: whole, ...shape }));
    const buffer = wholeBuffer(device);
    assert.deepEqual(await filesWritten(t, fromGpuBuffer({ device, buffer, ...size })), expected);
    assert.deepEqual(await filesWritten(t, chunksOn(device)), expected);
    device.destroy();
  },
);

test(
  'what a driver says of a buffer reaches the caller, and the same write succeeds later',
  onDevice,
  async (t) => {
    const [device, other] = [await newDevice(), await newDevice()];
    const expected = await filesWritten(t, fromArray({ data: whole, ...shape }));
    const cases: readonly (readonly [RegExp, GPUBuffer, (buffer: GPUBuffer) => unknown])[] = [
      [/destroyed/u, wholeBuffer(device), (buffer) => buffer.destroy()],
      [/associated with/u, wholeBuffer(other), () => undefined],
      [
        /mapped/u,
        device.createBuffer({ size: 96 * 64 * 4, usage: 4, mappedAtCreation: true }),
        () => undefined,
      ],
    ];
    for (const [message, buffer, spoil] of cases) {
      spoil(buffer);
      const directory = temporaryDirectory(t);
      const path = `${directory}/out.vrt`;
      const failing = fromGpuBuffer({ device, buffer, ...size });
      await assert.rejects(writeTiledVrt(path, failing, options), (error: Error) => {
        assert.ok(isHoldfastError(error, 'UPDATER_FAILED'), String(error));
        assert.match(error.message, message);
        assert.equal(error.outcome, 'unchanged');
        return true;
      });
      await failing.close?.();
      assert.deepEqual(readdirSync(directory), ['out.vrt.lock']);
      const source = fromGpuBuffer({ device, buffer: wholeBuffer(device), ...size });
      await writeTiledVrt(path, source, options);
      await source.close?.();
      assert.deepEqual(filesOf(directory), expected);
    }
    device.destroy();
    other.destroy();
  },
);

test(
  'a device of a driver that is destroyed at any read is told, and another resumes',
  onDevice,
  async (t) => {
    const expected = await filesWritten(t, fromArray({ data: whole, ...shape }));
    for (const nth of [1, 3, 20]) {
      const path = `${temporaryDirectory(t)}/out.vrt`;
      const [first, second] = [await newDevice(), await newDevice()];
      const resuming = { ...options, resume: true, concurrency: 1 };
      const about = { ...size, stagingBytes: 4096, fingerprint: 'noise' };
      const buffer = wholeBuffer(first);
      let reads = 0;
      const createCommandEncoder = first.createCommandEncoder.bind(first);
      first.createCommandEncoder = () => {
        reads += 1;
        if (reads === nth) first.destroy();
        return createCommandEncoder();
      };
      const lost = fromGpuBuffer({ device: first, buffer, ...about });
      await assert.rejects(writeTiledVrt(path, lost, resuming), /lost: \(destroyed\)/u);
      await lost.close?.();
      const source = fromGpuBuffer({ device: second, buffer: wholeBuffer(second), ...about });
      const { resumedTileCount } = await writeTiledVrt(path, source, resuming);
      await source.close?.();
      assert.equal(resumedTileCount, nth - 1);
      assert.deepEqual(filesOf(path.replace(/\/out\.vrt$/u, '')), expected);
      second.destroy();
    }
  },
);

test(
  'a device that is destroyed between two windows of a strip takes no samples with it',
  onDevice,
  async () => {
    const device = await newDevice();
    const source = fromGpuBuffer({ device, buffer: wholeBuffer(device), ...size });
    const expected = fromArray({ data: whole, ...shape });
    const [second, below] = [
      { xPx: 16, yPx: 0, widthPx: 16, heightPx: 16 },
      { xPx: 0, yPx: 16, widthPx: 16, heightPx: 16 },
    ];
    await source.read({ xPx: 0, yPx: 0, widthPx: 16, heightPx: 16 });
    device.destroy();
    assert.deepEqual(await source.read(second), await expected.read(second));
    await assert.rejects(source.read(below), /lost/u);
    await source.close?.();
  },
);

test('a write from a driver is cancelled', onDevice, async (t) => {
  const device = await newDevice();
  const directory = temporaryDirectory(t);
  const cancelling = new AbortController();
  const source = chunksOn(device);
  const writing = writeTiledVrt(`${directory}/out.vrt`, source, {
    ...options,
    signal: cancelling.signal,
    onProgress: ({ tilesDone }) => tilesDone === 5 && cancelling.abort(new Error('enough')),
  });
  await assert.rejects(writing, (error) => isHoldfastError(error, 'ABORTED'));
  assert.deepEqual(readdirSync(directory), ['out.vrt.lock']);
  await source.close?.();
  device.destroy();
});

test('a thousand chunks take the memory of a hundred', onDevice, async () => {
  const device = await newDevice();
  const chunkPx = 256;
  const zeros = new Uint8Array(chunkPx * chunkPx * 4);
  const source = fromGpuChunks({
    device,
    width: chunkPx * 1000,
    height: chunkPx,
    dataType: 'float32',
    chunks: { width: chunkPx, height: chunkPx },
    compute() {
      const buffer = bufferOn(device, zeros);
      return { buffer, release: () => buffer.destroy() };
    },
  });
  const target = new ArrayBuffer(zeros.length);
  let after100 = 0;
  for (let index = 0; index < 1000; index += 1) {
    const window = { xPx: index * chunkPx, yPx: 0, widthPx: chunkPx, heightPx: chunkPx };
    await source.read(window, undefined, () => target);
    if (index === 99) after100 = process.memoryUsage.rss();
  }
  const grownMiB = (process.memoryUsage.rss() - after100) / 2 ** 20;
  // Kept, they would take 225 MiB on either side.
  assert.ok(grownMiB < 60, `${grownMiB} MiB more`);
  await source.close?.();
  device.destroy();
});

test(
  'a process that has written from a live device ends by itself, with its own status',
  onDevice,
  (t) => {
    const child = fileURLToPath(new URL('live-device.js', import.meta.url));
    const path = `${temporaryDirectory(t)}/out.vrt`;
    const { status, stdout } = spawnSync(process.execPath, [child, path], { encoding: 'utf8' });
    assert.deepEqual([status, stdout], [7, 'written\n']);
  },
);

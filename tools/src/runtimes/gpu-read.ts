/**
 * Reads rasters from whatever WebGPU a runtime has: Deno's own, or in Bun that of `bun-webgpu`.
 * Says `all works` when a buffer by strips and by rows, a texture and chunks give the samples of an
 * array, and what fails and is cancelled is told.
 */
/// <reference types="@webgpu/types" />
import type { RasterSource } from '@holdfast/raster';

const raster = '@holdfast/raster';
const { fromArray, fromGpuBuffer, fromGpuChunks, fromGpuTexture } = (await import(
  raster
)) as typeof import('@holdfast/raster');

async function openGpu(): Promise<GPU> {
  if ('Bun' in globalThis) {
    const binding = 'bun-webgpu';
    const { setupGlobals } = (await import(binding)) as { setupGlobals: () => Promise<void> };
    await setupGlobals();
  }
  return (globalThis as unknown as { navigator: { gpu: GPU } }).navigator.gpu;
}

// Kept for as long as its devices are used.
const gpu = await openGpu();
const adapter = await gpu.requestAdapter();
if (!adapter) throw new Error('there is no GPU adapter');
const device = await adapter.requestDevice();
const [width, height] = [67, 35];
const shape = { width, height } as const;
const data = Float32Array.from({ length: width * height }, (_, i) => i * 0.37);
const bytes = new Uint8Array(data.buffer);
const expected = fromArray({ data, ...shape });

function newBuffer(): GPUBuffer {
  const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ size: bytes.length, usage });
  device.queue.writeBuffer(buffer, 0, bytes);
  return buffer;
}

async function check(source: RasterSource): Promise<void> {
  for (const [xPx, yPx, widthPx, heightPx] of [
    [0, 0, 32, 32],
    [32, 0, 32, 32],
    [64, 32, 3, 3],
    [0, 0, width, height],
  ] as const) {
    const window = { xPx, yPx, widthPx, heightPx };
    const [read, wanted] = [await source.read(window), await expected.read(window)];
    const isSame = wanted.data.every((value: number | bigint, i: number) => value === read.data[i]);
    if (!isSame || read.data.length !== wanted.data.length) throw new Error('samples differ');
  }
  await source.close?.();
}

async function fails(read: Promise<unknown>, message: RegExp): Promise<void> {
  const said = await read.then(String, String);
  if (!message.test(said)) throw new Error(`it says: ${said}`);
}

const about = { device, ...shape, dataType: 'float32' } as const;
await check(fromGpuBuffer({ ...about, buffer: newBuffer() }));
await check(fromGpuBuffer({ ...about, buffer: newBuffer(), stagingBytes: 2048 }));
const usage = GPUTextureUsage.COPY_SRC | GPUTextureUsage.COPY_DST;
const texture = device.createTexture({ size: shape, format: 'r32float', usage });
device.queue.writeTexture({ texture }, bytes, { bytesPerRow: width * 4 }, shape);
await check(fromGpuTexture({ device, texture }));
const compute = (): GPUBuffer => newBuffer();
await check(fromGpuChunks({ ...about, chunks: shape, compute }));

const window = { xPx: 0, yPx: 0, widthPx: 8, heightPx: 8 };
const destroyed = newBuffer();
destroyed.destroy();
await fails(fromGpuBuffer({ ...about, buffer: destroyed }).read(window), /destroyed/u);
const last = fromGpuBuffer({ ...about, buffer: newBuffer() });
const cancelling = new AbortController();
const cancelled = last.read(window, cancelling.signal);
cancelling.abort(new Error('enough'));
await fails(cancelled, /enough/u);
device.destroy();
await device.lost;
await fails(last.read(window), /lost: \(destroyed\)/u);
await last.close?.();
console.log('all works');

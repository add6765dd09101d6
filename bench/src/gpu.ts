/**
 * Reading from a GPU: what a copy, a map and copying out of the mapped range take, each alone, and
 * what a whole write from a buffer takes next to the same write from an array. Then memory, while a
 * thousand chunks go by.
 *
 * Needs the package `webgpu` and a driver for Vulkan (or Metal or D3D12). It says which adapter it
 * measures, and refuses to measure Dawn's null backend, which carries out no commands.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import {
  fromArray,
  fromGpuBuffer,
  fromGpuChunks,
  type RasterSource,
  writeTiledVrt,
} from '@holdfast/raster';
import { create, globals } from 'webgpu';
import type { BenchOptions } from './bench-options.js';
import { median } from './rounds.js';

const MIB = 2 ** 20;
const STRIP_BYTES = 16 * MIB;
const CHUNK_PX = 256;

/** Runs the benchmark and prints its tables. */
export async function benchGpu({ quick }: BenchOptions): Promise<void> {
  Object.assign(globalThis, globals);
  // Kept for as long as the device is used: else the process may die in the binding.
  const gpu = create([]);
  const adapter = await gpu.requestAdapter();
  if (!adapter || adapter.info.device === 'null-backend') {
    console.error('bench: gpu needs a WebGPU adapter that carries out commands, and there is none');
    process.exitCode = 1;
    return;
  }
  const { vendor, architecture, description } = adapter.info;
  const device = await adapter.requestDevice();
  console.log(`\nadapter: ${[vendor, architecture, description].filter(Boolean).join(', ')}`);
  const rounds = quick ? 1 : 5;
  await printSteps(device, rounds);
  await printWrites(device, quick ? 1024 : 8192, rounds);
  await printMemory(device, quick ? 200 : 1000);
  device.destroy();
}

/** GB/s of each step that brings a strip into memory. */
async function printSteps(device: GPUDevice, rounds: number): Promise<void> {
  const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const source = device.createBuffer({ size: STRIP_BYTES, usage });
  const staging = device.createBuffer({
    size: STRIP_BYTES,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  const target = new Uint8Array(STRIP_BYTES);
  const times: Readonly<Record<string, number[]>> = { copy: [], map: [], 'copy out': [] };
  for (let round = 0; round < 4 * rounds; round += 1) {
    const began = performance.now();
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, staging, 0, STRIP_BYTES);
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    const copied = performance.now();
    await staging.mapAsync(GPUMapMode.READ);
    const range = new Uint8Array(staging.getMappedRange());
    const mapped = performance.now();
    target.set(range);
    const out = performance.now();
    staging.unmap();
    times['copy']?.push(copied - began);
    times['map']?.push(mapped - copied);
    times['copy out']?.push(out - mapped);
  }
  source.destroy();
  staging.destroy();
  console.log(`\na strip of ${STRIP_BYTES / MIB} MiB, median of ${4 * rounds}`);
  for (const [name, all] of Object.entries(times)) {
    const ms = median(all);
    const rate = name === 'map' ? '' : `${(STRIP_BYTES / 1e6 / ms).toFixed(2).padStart(8)} GB/s`;
    console.log(`  ${name.padEnd(44)}${ms.toFixed(2).padStart(10)} ms${rate}`);
  }
}

/** The same samples from an array and from a buffer. */
async function printWrites(device: GPUDevice, sizePx: number, rounds: number): Promise<void> {
  const data = terrain(sizePx);
  const shape = { width: sizePx, height: sizePx } as const;
  const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ size: data.byteLength, usage });
  device.queue.writeBuffer(buffer, 0, data);
  const staging = countStaging(device);
  const compressions = [{ compression: 'none' }, { compression: 'zstd', level: 1 }] as const;
  for (const codec of compressions) {
    const ways: readonly (readonly [string, () => RasterSource])[] = [
      ['array', () => fromArray({ data, ...shape })],
      ['buffer', () => fromGpuBuffer({ device, buffer, dataType: 'float32', ...shape })],
    ];
    const spent = ways.map(() => ({ cpuMs: [] as number[], wallMs: [] as number[] }));
    for (let round = 0; round < rounds; round += 1) {
      const turns = [...ways.entries()];
      for (const [index, [, source]] of round % 2 === 0 ? turns : turns.toReversed()) {
        const { cpuMs, wallMs } = await timedWrite(source(), codec);
        spent[index]?.cpuMs.push(cpuMs);
        spent[index]?.wallMs.push(wallMs);
      }
    }
    const codecName = Object.values(codec).join(' ');
    console.log(`\n${sizePx} x ${sizePx} float32, 512 px, ${codecName}, not synced`);
    const floor = spent[0] as (typeof spent)[number];
    for (const [index, { cpuMs, wallMs }] of spent.entries()) {
      const [cpu, wall] = [median(cpuMs), median(wallMs)];
      const ratios = [cpu / median(floor.cpuMs), wall / median(floor.wallMs)];
      console.log(
        `  ${(ways[index]?.[0] ?? '').padEnd(20)} processor ${cpu.toFixed(0).padStart(6)} ms ${ratios[0]?.toFixed(2)} x   wall ${wall.toFixed(0).padStart(6)} ms ${ratios[1]?.toFixed(2)} x`,
      );
    }
  }
  console.log(`  staging at most ${(staging.mostBytes / MIB).toFixed(1)} MiB of the 64 allowed`);
  buffer.destroy();
}

/** One write, into a directory that is removed. */
async function timedWrite(
  source: RasterSource,
  codec: { readonly compression: 'none' | 'zstd'; readonly level?: number },
): Promise<{ cpuMs: number; wallMs: number }> {
  const directory = mkdtempSync(`${process.env['HOLDFAST_BENCH_DIRECTORY'] ?? tmpdir()}/gpu-`);
  try {
    const [cpu, began] = [process.cpuUsage(), performance.now()];
    const about = { ...codec, tileSizePx: 512, durability: 'atomic' } as const;
    await writeTiledVrt(`${directory}/out.vrt`, source, about);
    await source.close?.();
    const { user, system } = process.cpuUsage(cpu);
    return { cpuMs: (user + system) / 1000, wallMs: performance.now() - began };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Resident memory while chunks are made on the device, read and destroyed, one after another. */
async function printMemory(device: GPUDevice, count: number): Promise<void> {
  const size = CHUNK_PX * CHUNK_PX * 4;
  const source = fromGpuChunks({
    device,
    width: CHUNK_PX * count,
    height: CHUNK_PX,
    dataType: 'float32',
    chunks: { width: CHUNK_PX, height: CHUNK_PX },
    compute() {
      const buffer = device.createBuffer({ size, usage: GPUBufferUsage.COPY_SRC });
      return { buffer, release: () => buffer.destroy() };
    },
  });
  const room = new ArrayBuffer(size);
  const said: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const window = { xPx: index * CHUNK_PX, yPx: 0, widthPx: CHUNK_PX, heightPx: CHUNK_PX };
    await source.read(window, undefined, () => room);
    if ((index + 1) % (count / 5) === 0) said.push((process.memoryUsage.rss() / MIB).toFixed(0));
  }
  await source.close?.();
  console.log(
    `\nresident memory over ${count} chunks of ${size / MIB} MiB: ${said.join(', ')} MiB`,
  );
}

/** Counts the mapped bytes that a device is asked for, and those alive at most. */
function countStaging(device: GPUDevice): { readonly mostBytes: number } {
  const counts = { aliveBytes: 0, mostBytes: 0 };
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    if ((descriptor.usage & GPUBufferUsage.MAP_READ) === 0) return buffer;
    counts.aliveBytes += buffer.size;
    counts.mostBytes = Math.max(counts.mostBytes, counts.aliveBytes);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      counts.aliveBytes -= buffer.size;
      return destroy();
    };
    return buffer;
  };
  return counts;
}

/** Smooth heights with some noise, as terrain compresses. */
function terrain(sizePx: number): Float32Array<ArrayBuffer> {
  const data = new Float32Array(sizePx * sizePx);
  let state = 1;
  for (let y = 0; y < sizePx; y += 1) {
    for (let x = 0; x < sizePx; x += 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      const hills = Math.sin(x / 97) * Math.cos(y / 131) * 400 + Math.sin((x + y) / 23) * 30;
      data[y * sizePx + x] = Math.round((hills + (state >>> 24) / 50) * 100) / 100;
    }
  }
  return data;
}

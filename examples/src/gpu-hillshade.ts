/**
 * A hillshade that is computed on the GPU, tile by tile, while it is written as a mosaic: neither
 * the GPU nor the memory ever holds it whole. Then a preview to look at.
 *
 *   node examples/dist/gpu-hillshade.js [DIRECTORY] [CHUNK_PX]
 *
 * Any WebGPU device will do: here Dawn's, from the package `webgpu`, on whatever Vulkan driver
 * there is.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromGpuChunks, openVrt, renderPreview, writeTiledVrt } from '@holdfast/raster';
import { create, globals } from 'webgpu';
import { relief } from './relief.js';

/**
 * Horn's method, light from the north-west, 45 degrees high; 1 to 255, and 0 where there is no
 * height.
 */
const shader = /* wgsl */ `
struct Place { x: u32, y: u32, width: u32, height: u32, rowWords: u32, rasterWidth: i32, rasterHeight: i32 }
@group(0) @binding(0) var<storage, read> heights: array<u32>;
@group(0) @binding(1) var<storage, read_write> shades: array<u32>;
@group(0) @binding(2) var<uniform> place: Place;

fn heightAt(x: i32, y: i32) -> f32 {
  let column = u32(clamp(x, 0, place.rasterWidth - 1));
  let row = u32(clamp(y, 0, place.rasterHeight - 1));
  let index = row * u32(place.rasterWidth) + column;
  return f32((heights[index / 4u] >> (8u * (index % 4u))) & 255u);
}

fn shadeAt(x: i32, y: i32) -> u32 {
  if (heightAt(x, y) == 0.0) { return 0u; }
  let west = heightAt(x - 1, y - 1) + 2.0 * heightAt(x - 1, y) + heightAt(x - 1, y + 1);
  let east = heightAt(x + 1, y - 1) + 2.0 * heightAt(x + 1, y) + heightAt(x + 1, y + 1);
  let north = heightAt(x - 1, y - 1) + 2.0 * heightAt(x, y - 1) + heightAt(x + 1, y - 1);
  let south = heightAt(x - 1, y + 1) + 2.0 * heightAt(x, y + 1) + heightAt(x + 1, y + 1);
  let normal = normalize(vec3f(west - east, south - north, 40.0));
  let light = vec3f(-0.5, 0.5, 0.70710678);
  return u32(clamp(1.0 + 254.0 * dot(normal, light), 1.0, 255.0));
}

// Four pixels of a row at a time, since a shader writes words.
@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= place.rowWords || id.y >= place.height) { return; }
  var word = 0u;
  for (var byte = 0u; byte < 4u; byte++) {
    let x = id.x * 4u + byte;
    if (x < place.width) { word |= shadeAt(i32(place.x + x), i32(place.y + id.y)) << (8u * byte); }
  }
  shades[id.y * place.rowWords + id.x] = word;
}`;

const [directory = 'gpu-hillshade', chunkPx = '256'] = process.argv.slice(2);
Object.assign(globalThis, globals);
// Kept for as long as the device is used: else the process may die in the binding.
const gpu = create([]);
const adapter = await gpu.requestAdapter();
if (!adapter)
  throw new Error('no GPU adapter: install a Vulkan driver, SwiftShader or Mesa will do');
const device = await adapter.requestDevice();

const terrain = relief();
const heights = device.createBuffer({
  size: terrain.data.byteLength,
  usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
});
device.queue.writeBuffer(heights, 0, terrain.data);
const pipeline = device.createComputePipeline({
  layout: 'auto',
  compute: { module: device.createShaderModule({ code: shader }) },
});

let chunkCount = 0;
const { width, height, crs, transform } = terrain;
const source = fromGpuChunks({
  device,
  width,
  height,
  crs,
  transform,
  dataType: 'uint8',
  nodata: 0,
  chunks: { width: Number(chunkPx), height: Number(chunkPx) },
  compute({ window: { xPx, yPx, widthPx, heightPx } }) {
    chunkCount += 1;
    const rowWords = Math.ceil(widthPx / 4);
    const buffer = device.createBuffer({
      size: rowWords * 4 * heightPx,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
    });
    const place = device.createBuffer({
      size: 32,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    const about = [xPx, yPx, widthPx, heightPx, rowWords, width, height];
    device.queue.writeBuffer(place, 0, Uint32Array.from(about));
    const entries = [heights, buffer, place].map((each, binding) => ({
      binding,
      resource: { buffer: each },
    }));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }),
    );
    pass.dispatchWorkgroups(Math.ceil(rowWords / 8), Math.ceil(heightPx / 8));
    pass.end();
    device.queue.submit([encoder.finish()]);
    const release = (): void => {
      buffer.destroy();
      place.destroy();
    };
    return { buffer, bytesPerRow: rowWords * 4, release };
  },
});

mkdirSync(directory, { recursive: true });
const path = join(directory, 'hillshade.vrt');
const written = await writeTiledVrt(path, source, { ifExists: 'replace' });
await source.close?.();
device.destroy();

const mosaic = await openVrt(path);
const preview = await renderPreview(mosaic, { maxSizePx: 1024 });
await mosaic.close();
writeFileSync(join(directory, 'hillshade.png'), preview.png);
console.log(`${written.tileCount} tiles of ${chunkCount} chunks: ${path}, hillshade.png`);

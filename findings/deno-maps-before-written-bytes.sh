#!/usr/bin/env bash
# Deno's WebGPU: a buffer that is mapped after writeBuffer holds zeros, and a destroyed device leaves what is mapped as it was.
#
# Versions: Deno 2.9.6, SwiftShader of Debian's chromium-common 156, Linux x86-64.
# One would guess: writeBuffer is on the queue before mapAsync is called, so the map has its bytes; and destroy() of a device unmaps all its
# buffers, which detaches their ranges (WebGPU, 4.4 GPUDevice destroy).
# What happens: the bytes are there only after a submit, and be it of nothing: until then the map resolves, and has zeros. After destroy()
# the range keeps its length, and unmap() throws 'Parent device is lost'. Dawn (webgpu 0.6.2) does both as guessed.
# Output seen:
#   written, then mapped: 0
#   written, submitted nothing, then mapped: 7
#   after destroy() the range has 1024 bytes, unmap() throws OperationError: Parent device is lost
# What it means: whoever fills a staging buffer by writeBuffer submits something before the map. What was mapped is copied out at once; a
# range that is kept says nothing of the device's end (docs/decisions/0021-rasters-on-a-gpu.md).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund @deno/linux-x64-glibc@2.9.6
cat >map.js <<'JS'
const adapter = await navigator.gpu.requestAdapter();
if (!adapter) throw new Error('no GPU adapter: .ci/run shows how SwiftShader is unpacked');
const device = await adapter.requestDevice();
const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
let buffer;
for (const submits of [false, true]) {
  buffer = device.createBuffer({ size: 1024, usage });
  device.queue.writeBuffer(buffer, 0, new Uint8Array(1024).fill(7));
  if (submits) device.queue.submit([]);
  await buffer.mapAsync(GPUMapMode.READ);
  const first = new Uint8Array(buffer.getMappedRange(0, 8))[0];
  console.log(`written, ${submits ? 'submitted nothing, ' : ''}then mapped: ${first}`);
}
buffer = device.createBuffer({ size: 1024, usage });
await buffer.mapAsync(GPUMapMode.READ);
const range = new Uint8Array(buffer.getMappedRange());
device.destroy();
const left = range.length;
let thrown = 'nothing';
try {
  buffer.unmap();
} catch (error) {
  thrown = String(error);
}
console.log(`after destroy() the range has ${left} bytes, unmap() throws ${thrown}`);
JS
chmod +x node_modules/@deno/linux-x64-glibc/deno
node_modules/@deno/linux-x64-glibc/deno run --allow-all map.js | tee seen
diff seen - <<'SEEN'
written, then mapped: 0
written, submitted nothing, then mapped: 7
after destroy() the range has 1024 bytes, unmap() throws OperationError: Parent device is lost
SEEN

/**
 * A device of a real driver, through Dawn. Where there is none tests are skipped, which is said
 * once and loudly; with HOLDFAST_GPU=1, as in CI, that is a failure.
 */
import type { TestOptions } from 'node:test';

interface Driver {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
}

async function openDriver(): Promise<Driver | undefined> {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const gpu = create([]);
  const adapter = await gpu.requestAdapter();
  // Dawn's null backend takes every command, and carries out none.
  if (adapter && adapter.info.device !== 'null-backend') return { gpu, adapter };
  return undefined;
}

// What `create` gives is kept for as long as its devices are used: else the process may die in the
// binding.
const driver = await openDriver().catch((error: unknown) => {
  console.error(String(error));
  return undefined;
});
if (!driver) {
  const what = 'NO GPU: WebGPU has no adapter here (a Vulkan driver such as SwiftShader is enough)';
  if (process.env['HOLDFAST_GPU'] === '1') throw new Error(what);
  console.error(`##### ${what}. TESTS ON A DEVICE ARE SKIPPED.`);
}

/** What tests on a device take. */
export const onDevice: TestOptions = { skip: driver ? false : 'no GPU adapter' };

/** Another device. Every adapter gives one device only, so each has its own. */
export async function newDevice(): Promise<GPUDevice> {
  const adapter = await driver?.gpu.requestAdapter();
  if (!adapter) throw new Error('there was an adapter before');
  return adapter.requestDevice();
}

/** A buffer that can be copied from, with these bytes; its size is a multiple of 4. */
export function bufferOn(device: GPUDevice, bytes: Uint8Array): GPUBuffer {
  const size = bytes.length + (-bytes.length & 3);
  const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ size, usage, mappedAtCreation: true });
  new Uint8Array(buffer.getMappedRange()).set(bytes);
  buffer.unmap();
  return buffer;
}

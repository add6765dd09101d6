/**
 * A device of plain objects, which copies bytes and checks what WebGPU checks of copies, and does
 * at will what no driver does: runs out of memory, tells of its loss late, resolves maps when it is
 * told to, refuses `unmap` as Deno does and error scopes as Bun does.
 */
import type {
  GpuBuffer,
  GpuCommandEncoder,
  GpuDevice,
  GpuMappableBuffer,
  GpuTexture,
} from '#src/source/gpu/webgpu.js';

export interface FakeBuffer extends GpuMappableBuffer {
  readonly bytes: Uint8Array;
  readonly destroyed: boolean;
}

export interface FakeTexture extends GpuTexture {
  /** Texels, layer after layer, row after row. */
  readonly bytes: Uint8Array;
}

export interface FakeDevice extends GpuDevice {
  createBuffer(descriptor: { size: number; usage: number }): FakeBuffer;
  /** Loses the device; `lost` tells so after some turns of the event loop. */
  lose(reason: string, message: string, turnsLate?: number): void;
  /** Every staging buffer that was made. */
  readonly staging: readonly FakeBuffer[];
  /** Maps that were asked for and not settled; each entry settles one. */
  readonly maps: (() => void)[];
  readonly counts: {
    /** Bytes of staging buffers that are not destroyed, now and at most. */
    aliveBytes: number;
    mostAliveBytes: number;
    copies: number;
    reads: number;
  };
}

/** What the device does otherwise than a good one. */
export interface Faults {
  /** Called before each read's commands, with its number from 1. */
  readonly onRead?: (device: FakeDevice, read: number) => void;
  /** Maps wait in `maps` rather than resolve at once. */
  readonly holdsMaps?: boolean;
  /** Staging over so many bytes is not to be had. */
  readonly memoryBytes?: number;
  /** As Deno: the buffer of a failed map says that it is not mapped. */
  readonly destroyThrows?: boolean;
  /** As Bun: a lost device takes no error scopes. */
  readonly scopesThrowWhenLost?: boolean;
  readonly maxBufferSize?: number;
}

const MAP_READ = 1;

export function fakeDevice(faults: Faults = {}): FakeDevice {
  const counts = { aliveBytes: 0, mostAliveBytes: 0, copies: 0, reads: 0 };
  const maps: (() => void)[] = [];
  const scopes: { filter: string; message: string | undefined }[] = [];
  const own = new Set<GpuBuffer>();
  const staging: FakeBuffer[] = [];
  let isLost = false;
  let tellLoss: (info: { reason: string; message: string }) => void = () => undefined;
  const lost = new Promise<{ reason: string; message: string }>((resolve) => (tellLoss = resolve));

  const report = (filter: string, message: string): void => {
    const scope = scopes.findLast((open) => open.filter === filter);
    if (!scope) throw new Error(`outside of every scope: ${message}`);
    scope.message ??= message;
  };

  const makeBuffer = (size: number, usage: number): FakeBuffer => {
    const bytes = new Uint8Array(size);
    let state: 'unmapped' | 'pending' | 'mapped' | 'destroyed' = 'unmapped';
    let range: ArrayBuffer | undefined;
    let reject: (error: Error) => void = () => undefined;
    const isStaging = (usage & MAP_READ) !== 0;
    let isShort = false;
    if (isStaging && counts.aliveBytes + size > (faults.memoryBytes ?? Number.POSITIVE_INFINITY)) {
      isShort = true;
      report('out-of-memory', 'Out of memory');
    }
    if (isStaging) counts.aliveBytes += size;
    counts.mostAliveBytes = Math.max(counts.mostAliveBytes, counts.aliveBytes);
    const unmap = (): void => {
      if (state === 'pending') reject(named('AbortError', 'unmapped'));
      if (range) structuredClone(range, { transfer: [range] });
      range = undefined;
      if (state !== 'destroyed') state = 'unmapped';
    };
    const buffer: FakeBuffer = {
      size,
      usage,
      bytes,
      get destroyed() {
        return state === 'destroyed';
      },
      async mapAsync() {
        if (state !== 'unmapped' || isLost || isShort) throw named('OperationError', '');
        state = 'pending';
        await new Promise<void>((resolve, fail) => {
          reject = fail;
          const settle = (): void => (isLost ? fail(named('OperationError', '')) : resolve());
          if (faults.holdsMaps) maps.push(settle);
          else setImmediate(settle);
        });
        state = 'mapped';
      },
      getMappedRange() {
        if (state !== 'mapped' || range) throw named('OperationError', 'not mapped');
        range = bytes.slice().buffer;
        return range;
      },
      unmap,
      destroy() {
        if (state === 'destroyed') return;
        unmap();
        state = 'destroyed';
        if (isStaging) counts.aliveBytes -= size;
        if (faults.destroyThrows) throw named('OperationError', 'buffer was never mapped');
      },
    };
    own.add(buffer);
    if (isStaging) staging.push(buffer);
    return buffer;
  };

  const checkCopy = (source: GpuBuffer, ...numbers: readonly number[]): string | undefined => {
    if (!own.has(source)) return '[Buffer] is associated with another device';
    if ((source as FakeBuffer).destroyed) return '[Buffer] used in submit while destroyed';
    if (numbers.some((number) => number % 4 !== 0)) return 'not a multiple of 4';
    return undefined;
  };

  const encoder = (): GpuCommandEncoder => {
    const commands: (() => void)[] = [];
    return {
      copyBufferToBuffer(source, sourceOffset, destination, destinationOffset, size) {
        commands.push(() => {
          const wrong = checkCopy(source, sourceOffset, destinationOffset, size);
          if (wrong) report('validation', wrong);
          const part = (source as FakeBuffer).bytes.subarray(sourceOffset, sourceOffset + size);
          if (part.length !== size) report('validation', 'the copy leaves the buffer');
          counts.copies += 1;
          if (!wrong) (destination as FakeBuffer).bytes.set(part, destinationOffset);
        });
      },
      copyTextureToBuffer({ texture, origin }, rows, extent) {
        commands.push(() => {
          const { buffer, offset = 0, bytesPerRow = 0, rowsPerImage = 0 } = rows;
          const from = origin as { readonly x: number; readonly y: number; readonly z: number };
          if (bytesPerRow % 256 !== 0) report('validation', 'bytesPerRow of 256');
          const { width, height, depthOrArrayLayers, bytes } = texture as FakeTexture;
          const texel = bytes.length / (width * height * depthOrArrayLayers);
          for (let layer = 0; layer < extent.depthOrArrayLayers; layer += 1) {
            for (let row = 0; row < extent.height; row += 1) {
              const above = (from.z + layer) * height + from.y + row;
              const first = (above * width + from.x) * texel;
              const to = offset + (layer * rowsPerImage + row) * bytesPerRow;
              const part = bytes.subarray(first, first + extent.width * texel);
              (buffer as FakeBuffer).bytes.set(part, to);
            }
          }
          counts.copies += 1;
        });
      },
      finish: () => commands,
    };
  };

  const device: FakeDevice = {
    limits: { maxBufferSize: faults.maxBufferSize ?? 2 ** 28 },
    lost,
    staging,
    maps,
    counts,
    queue: {
      submit(buffers) {
        if (isLost) return;
        for (const commands of buffers as Iterable<(() => void)[]>)
          for (const command of commands) command();
      },
    },
    createBuffer: ({ size, usage }) => makeBuffer(size, usage),
    createCommandEncoder: encoder,
    pushErrorScope(filter) {
      if (filter === 'validation') {
        counts.reads += 1;
        faults.onRead?.(device, counts.reads);
      }
      if (isLost && faults.scopesThrowWhenLost) throw named('OperationError', 'no scope');
      scopes.push({ filter, message: undefined });
    },
    async popErrorScope() {
      const { message } = scopes.pop() ?? { message: 'no scope is open' };
      return isLost || message === undefined ? null : { message };
    },
    lose(reason, message, turnsLate = 0) {
      isLost = true;
      const tell = (turns: number): void => {
        if (turns === 0) tellLoss({ reason, message });
        else setImmediate(() => tell(turns - 1));
      };
      tell(turnsLate);
    },
  };
  return device;
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

/** A buffer that can be copied from, with these bytes. */
export function bufferWith(device: FakeDevice, bytes: Uint8Array): FakeBuffer {
  const buffer = device.createBuffer({ size: bytes.length + (-bytes.length & 3), usage: 4 });
  buffer.bytes.set(bytes);
  return buffer;
}

/** A texture that can be copied from, with these texels: layer after layer, row after row. */
export function textureWith(
  format: string,
  size: { readonly width: number; readonly height: number; readonly depthOrArrayLayers: number },
  bytes: Uint8Array,
): FakeTexture {
  return { format, ...size, dimension: '2d', sampleCount: 1, usage: 1, bytes };
}

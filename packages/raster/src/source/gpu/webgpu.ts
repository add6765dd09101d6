/**
 * The part of WebGPU that a read needs, as structural types: the `GPUDevice`, `GPUBuffer` and
 * `GPUTexture` of lib.dom and of `@webgpu/types` fit them, and so does what Dawn (`webgpu`), Deno,
 * Bun and browsers give. Names, units and values are those of the standard
 * (https://www.w3.org/TR/webgpu/).
 */

/** A buffer on a device, as far as a source looks at it. */
export interface GpuBuffer {
  /** In bytes. */
  readonly size: number;
  /** `GPUBufferUsage` flags; samples are read from a buffer that has `COPY_SRC`. */
  readonly usage: number;
}

/** A buffer that can be mapped into the memory of the process. */
export interface GpuMappableBuffer extends GpuBuffer {
  /** Resolves when what was submitted before is done and the bytes can be read. */
  mapAsync(mode: number, offset?: number, size?: number): Promise<unknown>;
  /** The bytes of a mapped buffer, until it is unmapped. */
  getMappedRange(offset?: number, size?: number): ArrayBuffer;
  /** Takes the mapped bytes away, and ends a map that is pending. */
  unmap(): void;
  /** Gives the memory back. */
  destroy(): void;
}

/** A texture on a device, as far as a source looks at it. */
export interface GpuTexture {
  /** In texels. */
  readonly width: number;
  /** In texels. */
  readonly height: number;
  readonly depthOrArrayLayers: number;
  readonly dimension: string;
  readonly format: string;
  readonly sampleCount: number;
  /** `GPUTextureUsage` flags; samples are read from a texture that has `COPY_SRC`. */
  readonly usage: number;
}

/** Where a copy of a texture begins. */
export interface GpuTextureOrigin {
  readonly texture: GpuTexture;
  /** `{ x, y, z }`, in texels and layers. */
  readonly origin?: unknown;
}

/** Rows of texels in a buffer. */
export interface GpuTexelRows {
  readonly buffer: GpuMappableBuffer;
  readonly offset?: number | undefined;
  readonly bytesPerRow?: number | undefined;
  readonly rowsPerImage?: number | undefined;
}

/** The size of a copy, in texels. */
export interface GpuExtent {
  readonly width: number;
  readonly height: number;
  readonly depthOrArrayLayers: number;
}

/** Records commands. */
export interface GpuCommandEncoder {
  /** Records a copy; offsets and size are multiples of 4 bytes. */
  copyBufferToBuffer(
    source: GpuBuffer,
    sourceOffset: number,
    destination: GpuMappableBuffer,
    destinationOffset: number,
    size: number,
  ): void;
  /** Records a copy; rows in the buffer begin at multiples of 256 bytes. */
  copyTextureToBuffer(
    source: GpuTextureOrigin,
    destination: GpuTexelRows,
    copySize: GpuExtent,
  ): void;
  /** The commands, to be submitted. */
  finish(): object;
}

/** A device, as far as reading from it goes. */
export interface GpuDevice {
  readonly limits: { readonly maxBufferSize: number };
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  readonly queue: {
    /** Has the device carry out commands, in the order in which they are submitted. */
    submit(commandBuffers: Iterable<object>): void;
  };
  /** Makes a buffer; what is wrong is told to the error scopes. */
  createBuffer(descriptor: { size: number; usage: number }): GpuMappableBuffer;
  /** Begins to record commands. */
  createCommandEncoder(): GpuCommandEncoder;
  /** From now on errors of this kind are kept for the scope. */
  pushErrorScope(filter: 'validation' | 'out-of-memory'): void;
  /** Ends the innermost scope, and gives its first error if there was one. */
  popErrorScope(): Promise<{ readonly message: string } | null>;
}

/** `GPUMapMode.READ`. */
export const MAP_MODE_READ = 1;

/** Flags of `GPUBufferUsage`. */
export const BUFFER_USAGE = { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8 } as const;

/** Flags of `GPUTextureUsage`. */
export const TEXTURE_USAGE = { COPY_SRC: 1 } as const;

/** Copies between buffers begin and end at multiples of so many bytes. */
export const COPY_ALIGNMENT = 4;

/** A row of texels in a buffer begins at a multiple of so many bytes. */
export const TEXEL_ROW_ALIGNMENT = 256;

/** A range of a buffer is mapped from a multiple of so many bytes. */
export const MAP_ALIGNMENT = 8;

export function roundedUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

export function roundedDown(value: number, multiple: number): number {
  return Math.floor(value / multiple) * multiple;
}

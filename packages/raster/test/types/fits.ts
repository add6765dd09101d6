/**
 * The devices, buffers and textures of lib.dom and of @webgpu/types fit what the sources on a GPU
 * take, as they are. Compiled with either (tsconfig.dom.json, tsconfig.webgpu.json), never run.
 */
import {
  fromGpuBuffer,
  fromGpuChunks,
  fromGpuTexture,
  type GpuDevice,
  type RasterSource,
} from '@holdfast/raster';

export function fits(
  device: GPUDevice,
  buffer: GPUBuffer,
  texture: GPUTexture,
): readonly RasterSource[] {
  const shape = { device, width: 4, height: 4, dataType: 'uint8' } as const;
  const chunks = { width: 4, height: 4 };
  return [
    fromGpuBuffer({ ...shape, buffer }),
    fromGpuTexture({ device, texture }),
    fromGpuChunks({ ...shape, chunks, compute: () => buffer }),
    fromGpuChunks({
      ...shape,
      chunks,
      compute: () => ({ buffer, bytesPerRow: 256, release: () => buffer.destroy() }),
    }),
  ];
}

// @ts-expect-error An adapter is no device: the check would say so.
export const asDevice = (adapter: GPUAdapter): GpuDevice => adapter;

/** A raster that lies in a texture on a GPU. */
import { checkOptions, invalidArgument } from 'holdfast/options';
import type { DataType, RasterArray, Window } from '../../model.js';
import { bytesOf } from '../copy-window.js';
import { regularGrid } from '../grid.js';
import { halfToFloat } from '../half-float.js';
import { rasterInfo, type RasterProfile } from '../profile.js';
import { checkWindow, givenFingerprint, type RasterSource, roomFor } from '../raster-source.js';
import type { Rows } from './buffer-rows.js';
import { type GpuOptions, gpuOptionNames } from './gpu-options.js';
import { readPieces } from './read-pieces.js';
import { type Copying, Readback } from './readback.js';
import { type GpuTexture, roundedUp, TEXEL_ROW_ALIGNMENT, TEXTURE_USAGE } from './webgpu.js';

/** What {@link fromGpuTexture} takes. */
export interface GpuTextureRaster extends RasterProfile, GpuOptions {
  /**
   * Made with `COPY_SRC`, two-dimensional, and left as it is while the mosaic is written: a change
   * is not noticed. Its first mip level is the raster. Its channels are bands that lie together
   * (`pixel`), or its layers are bands (`band`).
   */
  readonly texture: GpuTexture;
}

/** What a texel is. */
interface TexelFormat {
  readonly dataType: DataType;
  /** What lies in the texture: half floats become float32. */
  readonly isHalf: boolean;
  readonly channelCount: number;
  readonly texelBytes: number;
}

/**
 * A source on a texture of a GPU, written tile by tile, each by one copy. Formats: `r`, `rg` and
 * `rgba` with 8, 16 or 32 bits of `uint` or `sint`, `32float`, `16float` (written as float32) and
 * `8unorm` (as uint8, the bits as they are).
 *
 * The texture is only copied from: never changed or destroyed. Staging is reused; `close` destroys
 * it.
 *
 * @throws HoldfastError INVALID_ARGUMENT for a texture without `COPY_SRC`, of another dimension,
 * multisampled, of another format, or with several channels in several layers. Reads throw
 * UPDATER_FAILED as those of `fromGpuBuffer`
 */
export function fromGpuTexture(raster: GpuTextureRaster): RasterSource {
  const call = 'fromGpuTexture';
  checkOptions(call, raster, [...gpuOptionNames, 'texture']);
  const { device, texture } = raster;
  const { dataType, isHalf, channelCount, texelBytes } = checkedFormat(call, texture);
  const { width: widthPx, height: heightPx, depthOrArrayLayers: layerCount } = texture;
  const bandCount = channelCount * layerCount;
  const info = rasterInfo(call, { widthPx, heightPx, bandCount, dataType }, raster);
  const readback = new Readback(call, device, raster.stagingBytes);
  const interleave = channelCount > 1 ? 'pixel' : 'band';
  const copyingOf = (piece: Window): Copying & Rows =>
    copyOfTexels(texture, piece, layerCount, texelBytes);
  return {
    info,
    interleave,
    blocks: regularGrid(widthPx, heightPx, widthPx, heightPx),
    tiling: 'tileSize',
    ...givenFingerprint(raster.fingerprint),
    async read(window, signal, takeBuffer) {
      checkWindow(info, window);
      const length = window.widthPx * window.heightPx * bandCount;
      const texels = isHalf ? new Uint16Array(length) : roomFor(dataType, length, takeBuffer);
      const target = bytesOf(texels);
      const wanted = { window, copyingOf, target };
      await readback.run(signal, () => readPieces(readback, wanted, signal));
      const data: RasterArray = isHalf ? halfToFloat(texels as Uint16Array) : texels;
      return { data, widthPx: window.widthPx, heightPx: window.heightPx, bandCount, interleave };
    },
    close: () => readback.close(),
  };
}

/**
 * One copy of all layers of a window. Each row begins at a multiple of 256 bytes, as WebGPU wants
 * it.
 */
function copyOfTexels(
  texture: GpuTexture,
  { xPx, yPx, widthPx, heightPx }: Window,
  layerCount: number,
  texelBytes: number,
): Copying & Rows {
  const bytesPerRow = roundedUp(widthPx * texelBytes, TEXEL_ROW_ALIGNMENT);
  return {
    sizeBytes: layerCount * heightPx * bytesPerRow,
    planeCount: layerCount,
    pixelBytes: texelBytes,
    record(encoder, staging) {
      encoder.copyTextureToBuffer(
        { texture, origin: { x: xPx, y: yPx, z: 0 } },
        { buffer: staging, offset: 0, bytesPerRow, rowsPerImage: heightPx },
        { width: widthPx, height: heightPx, depthOrArrayLayers: layerCount },
      );
    },
    at: (plane, row) => (plane * heightPx + row) * bytesPerRow,
  };
}

/**
 * @throws HoldfastError INVALID_ARGUMENT for a texture that is no raster, or cannot be copied from
 */
function checkedFormat(call: string, texture: GpuTexture): TexelFormat {
  const refused = (what: string): Error => invalidArgument(call, what);
  if (typeof texture?.format !== 'string') throw refused('texture is a GPUTexture');
  const { dimension, sampleCount, usage, depthOrArrayLayers } = texture;
  const format = texelFormat(texture.format);
  if (!format) {
    throw refused(
      `no sample type has texels of ${texture.format}: copy them into r, rg or rgba of 8, 16 or 32 bits first`,
    );
  }
  if (dimension !== '2d') throw refused(`a raster is a texture of 2d, not of ${dimension}`);
  if (sampleCount !== 1)
    throw refused(`the texture has ${sampleCount} samples a texel: resolve it first`);
  if ((usage & TEXTURE_USAGE.COPY_SRC) === 0)
    throw refused('the texture cannot be copied from: make it with GPUTextureUsage.COPY_SRC');
  if (format.channelCount > 1 && depthOrArrayLayers > 1) {
    throw refused(
      `bands are the channels of a texture or its layers, but this has ${format.channelCount} channels and ${depthOrArrayLayers} layers`,
    );
  }
  return format;
}

/** What the names of the standard say (https://www.w3.org/TR/webgpu/#texture-formats). */
function texelFormat(name: string): TexelFormat | undefined {
  const parts = /^(r|rg|rgba)(8|16|32)(uint|sint|float|unorm)$/u.exec(name);
  if (!parts) return undefined;
  const [, channels = '', bits = '', kind = ''] = parts;
  const type = kinds[`${bits}${kind}`];
  if (!type) return undefined;
  const channelCount = channels.length;
  const texelBytes = channelCount * (Number(bits) / 8);
  return { dataType: type, isHalf: bits === '16' && kind === 'float', channelCount, texelBytes };
}

const kinds: Readonly<Record<string, DataType>> = {
  '8uint': 'uint8',
  '8sint': 'int8',
  '8unorm': 'uint8',
  '16uint': 'uint16',
  '16sint': 'int16',
  '16float': 'float32',
  '32uint': 'uint32',
  '32sint': 'int32',
  '32float': 'float32',
};

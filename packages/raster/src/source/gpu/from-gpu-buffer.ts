/** A raster that lies in a buffer on a GPU. */
import { checkOptions } from 'holdfast/options';
import type { DataType, Interleave, Window } from '../../model.js';
import { bytesOf } from '../copy-window.js';
import { regularGrid } from '../grid.js';
import { checkDataType, rasterInfo, type RasterProfile } from '../profile.js';
import { checkWindow, givenFingerprint, type RasterSource, roomFor } from '../raster-source.js';
import { type BufferLayout, bufferRows, copyOfRows, planesOf, type Rows } from './buffer-rows.js';
import { type GpuOptions, gpuOptionNames } from './gpu-options.js';
import { readPieces } from './read-pieces.js';
import { type Copying, DEFAULT_STAGING_BYTES, Readback } from './readback.js';
import { Strips } from './strips.js';
import type { GpuBuffer } from './webgpu.js';

/** What {@link fromGpuBuffer} takes. */
export interface GpuBufferRaster extends RasterProfile, GpuOptions, BufferLayout {
  /**
   * Made with `COPY_SRC`, not mapped, and left as it is while the mosaic is written: a change is
   * not noticed.
   */
  readonly buffer: GpuBuffer;
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Of any type: bytes are bytes, also those that WGSL has no words for. */
  readonly dataType: DataType;
  /** 1 by default. */
  readonly bandCount?: number | undefined;
  /** How several bands lie in the buffer: `band` (whole planes) by default. */
  readonly interleave?: Interleave | undefined;
}

const optionNames = [
  ...gpuOptionNames,
  'buffer',
  'offset',
  'bytesPerRow',
  'rowsPerImage',
  'width',
  'height',
  'dataType',
  'bandCount',
  'interleave',
] as const;

/**
 * A source on a buffer of a GPU, written tile by tile with the bytes that the same samples in an
 * array give. Rows come in strips, by one copy for a row of tiles, and are kept in memory until
 * each tile has taken its part: `stagingBytes` of them at most, two strips at least. Where a strip
 * would be larger, each row of a tile is a copy of its own.
 *
 * The buffer is only copied from: never mapped, changed or destroyed. Staging is reused from window
 * to window; `close` destroys it. When a read fails or is cancelled, the source can be read again,
 * unless its device is lost.
 *
 * @throws HoldfastError INVALID_ARGUMENT for a buffer without `COPY_SRC`, one that is too small,
 * one whose last samples lie in bytes past a multiple of 4 (no copy reaches them), a size of zero,
 * an unknown data type. Reads throw UPDATER_FAILED with what the device says: buffer destroyed,
 * mapped or of another device, no memory, device lost
 */
export function fromGpuBuffer(raster: GpuBufferRaster): RasterSource {
  const call = 'fromGpuBuffer';
  checkOptions(call, raster, optionNames);
  const { device, buffer, width: widthPx, height: heightPx, dataType } = raster;
  const { bandCount = 1, stagingBytes = DEFAULT_STAGING_BYTES } = raster;
  checkDataType(call, dataType);
  const info = rasterInfo(call, { widthPx, heightPx, bandCount, dataType }, raster);
  const interleave = bandCount > 1 ? (raster.interleave ?? 'band') : 'band';
  const planes = planesOf(info, interleave);
  const rows = bufferRows({ call, what: 'buffer' }, buffer, raster, { ...info, ...planes });
  const readback = new Readback(call, device, stagingBytes);
  const strips = new Strips(readback, rows, widthPx, stagingBytes);
  return {
    info,
    interleave,
    blocks: regularGrid(widthPx, heightPx, widthPx, heightPx),
    tiling: 'tileSize',
    ...givenFingerprint(raster.fingerprint),
    async read(window, signal, takeBuffer) {
      checkWindow(info, window);
      const data = roomFor(dataType, window.widthPx * window.heightPx * bandCount, takeBuffer);
      const target = bytesOf(data);
      await readback.run(signal, () => {
        const isWide = window.widthPx === widthPx;
        if (!isWide && strips.fits(window)) return strips.read(window, target, signal);
        const by = isWide ? 'span' : 'row';
        const copyingOf = (piece: Window): Copying & Rows => copyOfRows(rows, piece, by);
        return readPieces(readback, { window, copyingOf, target }, signal);
      });
      return { data, widthPx: window.widthPx, heightPx: window.heightPx, bandCount, interleave };
    },
    close() {
      strips.clear();
      return readback.close();
    },
  };
}

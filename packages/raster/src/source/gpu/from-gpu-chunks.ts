/** A lazy raster whose chunks are computed on a GPU when they are needed, each of them once. */
import { checkOptions, invalidArgument } from 'holdfast/options';
import { type Interleave, type RasterInfo, sampleBytes, type Window } from '../../model.js';
import { bytesOf } from '../copy-window.js';
import { type ChunkedShape, chunkOptionNames, chunkSource, planChunks } from '../from-chunks.js';
import { type Cell, type Grid, largestCell } from '../grid.js';
import { type RasterSource, roomFor } from '../raster-source.js';
import { type BufferLayout, bufferRows, copyOfRows, planesOf } from './buffer-rows.js';
import { type GpuOptions, gpuOptionNames } from './gpu-options.js';
import { readPieces } from './read-pieces.js';
import { DEFAULT_STAGING_BYTES, Readback } from './readback.js';
import type { GpuBuffer, GpuDevice } from './webgpu.js';

/** Where the samples of a chunk lie, once they are computed. */
export interface GpuChunk extends BufferLayout {
  /** Made with `COPY_SRC`. */
  readonly buffer: GpuBuffer;
  /**
   * Called once when the samples are out, and also when they could not be read or the write was
   * cancelled: here the buffer goes back to whoever lends it, or is destroyed.
   */
  readonly release?: (() => void | Promise<void>) | undefined;
}

/** What {@link fromGpuChunks} takes. */
export interface GpuChunkedRaster extends ChunkedShape, GpuOptions {
  /**
   * Computes one chunk: `window.widthPx * window.heightPx * bandCount` samples in a buffer, from
   * its beginning unless the layout says otherwise. The commands need only be submitted: what is
   * submitted later sees their results. Several calls may be under way at once, as many as the
   * write's `concurrency`; the writer makes one call a chunk. An error that it throws reaches the
   * caller of the write; what it had made by then, it lets go of itself.
   */
  readonly compute: (
    chunk: Cell,
    signal?: AbortSignal,
  ) => GpuBuffer | GpuChunk | Promise<GpuBuffer | GpuChunk>;
}

/**
 * A source whose chunks are computed on a GPU on demand. Each chunk becomes one tile of the mosaic;
 * at most as many as the write's `concurrency` are on the device, and nothing is there whole.
 *
 * The buffers are only copied from. `close` destroys the staging.
 *
 * @throws HoldfastError INVALID_ARGUMENT for a size of zero, an unknown data type, chunks that do
 * not add up, a chunk that is larger than the device's `maxBufferSize`. Reads throw
 * INVALID_ARGUMENT for a buffer that does not hold its chunk, what `compute` throws, and
 * UPDATER_FAILED with what the device says, as those of `fromGpuBuffer`
 */
export function fromGpuChunks(raster: GpuChunkedRaster): RasterSource {
  const call = 'fromGpuChunks';
  checkOptions(call, raster, [...gpuOptionNames, ...chunkOptionNames]);
  const { device, stagingBytes = DEFAULT_STAGING_BYTES } = raster;
  const plan = planChunks(call, raster);
  const { info, interleave } = plan;
  const readback = new Readback(call, device, stagingBytes);
  checkChunkSizes(call, device, info, plan.blocks);
  const computed = async (chunk: Cell, signal: AbortSignal | undefined): Promise<GpuChunk> => {
    const given = await raster.compute(chunk, signal);
    return isChunk(given) ? given : { buffer: given };
  };
  const source = chunkSource(
    plan,
    raster,
    (chunk, signal, takeBuffer) =>
      readback.run(signal, async () => {
        signal?.throwIfAborted();
        const samples = await computed(chunk, signal);
        return thenReleased(samples, async () => {
          signal?.throwIfAborted();
          const rows = rowsOf(chunk, samples, info, interleave);
          const { widthPx, heightPx } = chunk.window;
          const data = roomFor(info.dataType, widthPx * heightPx * info.bands.length, takeBuffer);
          const wanted = {
            window: { ...chunk.window, xPx: 0, yPx: 0 },
            copyingOf: (piece: Window) => copyOfRows(rows, piece, 'span'),
            target: bytesOf(data),
          };
          await readPieces(readback, wanted, signal);
          return data;
        });
      }),
    stagingBytes,
  );
  return { ...source, close: () => readback.close() };
}

function isChunk(given: GpuBuffer | GpuChunk): given is GpuChunk {
  return typeof given === 'object' && given !== null && 'buffer' in given;
}

function rowsOf(
  { row, column, window }: Cell,
  { buffer, ...layout }: GpuChunk,
  info: RasterInfo,
  interleave: Interleave,
): ReturnType<typeof bufferRows> {
  const whose = { call: 'compute', what: `the chunk at row ${row}, column ${column}` };
  return bufferRows(whose, buffer, layout, { ...window, ...planesOf(info, interleave) });
}

/** No buffer of the device could hold a larger chunk. */
function checkChunkSizes(call: string, device: GpuDevice, info: RasterInfo, blocks: Grid): void {
  const { maxBufferSize } = device.limits;
  const { widthPx, heightPx } = largestCell(blocks);
  const window = { xPx: 0, yPx: 0, widthPx, heightPx };
  const { dataType, bands } = info;
  const sizeBytes = sampleBytes(window, { dataType, bandCount: bands.length });
  if (sizeBytes <= maxBufferSize) return;
  throw invalidArgument(
    call,
    `a chunk of ${widthPx}x${heightPx} pixels takes ${sizeBytes} bytes, but a buffer of this device has ${maxBufferSize} at most: take smaller chunks, or ask for the device with requiredLimits: { maxBufferSize: ${sizeBytes} }`,
  );
}

/**
 * Uses the samples of a chunk and lets go of them, whatever comes of it. What failed first is
 * thrown.
 */
async function thenReleased<T>({ release }: GpuChunk, use: () => Promise<T>): Promise<T> {
  const [used] = await Promise.allSettled([use()]);
  const [released] = await Promise.allSettled([(async () => release?.())()]);
  if (used.status === 'rejected') throw used.reason;
  if (released.status === 'rejected') throw released.reason;
  return used.value;
}

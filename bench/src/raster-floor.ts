/**
 * The floor of the raster benchmark, in a process of its own: two or more threads read the samples
 * of tiles, have the system's library compress them and write them to files, and one syncfs makes
 * these durable. No TIFF, no checksum, no index, no stage, no lock. What is to be done is the JSON
 * in the first argument.
 */
import { mkdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { inlineFileSystem } from 'holdfast/os';

export interface RasterFloor {
  /** A file that ends with the samples of a square raster, row after row. */
  readonly input: string;
  readonly sizePx: number;
  readonly sampleBytes: number;
  readonly tileSizePx: number;
  readonly compression: 'none' | 'deflate' | 'zstd';
  readonly level: number;
  /** A directory to make. */
  readonly directory: string;
}

/** What compresses into a room, and gives the number of bytes. */
type Compress = (input: Uint8Array, output: Uint8Array) => number;

const MOST_READ_TOGETHER = 8;

async function writeTiles(floor: RasterFloor, first: number, step: number): Promise<void> {
  const { input, sizePx, sampleBytes, tileSizePx, directory } = floor;
  const compress = compressorOf(floor);
  const file = await inlineFileSystem.open(input, { access: 'read' });
  const start = statSync(input).size - sizePx * sizePx * sampleBytes;
  const rowBytes = sizePx * sampleBytes;
  const tileRowBytes = tileSizePx * sampleBytes;
  const together = Math.min(MOST_READ_TOGETHER, sizePx / tileSizePx);
  const tiles = Array.from({ length: together }, () => new Uint8Array(tileSizePx * tileRowBytes));
  const output = new Uint8Array(2 * tileSizePx * tileRowBytes);
  const groupBytes = together * tileRowBytes;
  const groups = rowBytes / groupBytes;
  for (let group = first; group < groups * (sizePx / tileSizePx); group += step) {
    const row = Math.floor(group / groups);
    const offset = start + row * tileSizePx * rowBytes + (group % groups) * groupBytes;
    await file.readStrided?.(tiles, tileSizePx, offset, rowBytes);
    for (const [index, tile] of tiles.entries()) {
      const bytes = compress ? output.subarray(0, compress(tile, output)) : tile;
      const path = `${directory}/${group}-${index}`;
      const written = await inlineFileSystem.open(path, { access: 'write', create: 'exclusive' });
      await written.write(bytes, 0);
      written.startWriteOut?.();
      await written.close();
    }
  }
}

function compressorOf({ compression, level }: RasterFloor): Compress | undefined {
  if (compression === 'none') return undefined;
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const bytes = 'const uint8_t *in, size_t size, uint8_t *out, size_t room';
  if (compression === 'deflate') {
    const library = koffi.load('libdeflate.so.0');
    const compressor: unknown = library.func('void *libdeflate_alloc_compressor(int level)')(level);
    const compress = library.func(`size_t libdeflate_zlib_compress(void *compressor, ${bytes})`);
    return (input, output) =>
      compress(compressor, input, input.length, output, output.length) as number;
  }
  const library = koffi.load('libzstd.so.1');
  const context: unknown = library.func('void *ZSTD_createCCtx()')();
  const compress = library.func(
    'size_t ZSTD_compressCCtx(void *context, uint8_t *out, size_t room, const uint8_t *in, size_t size, int level)',
  );
  return (input, output) =>
    compress(context, output, output.length, input, input.length, level) as number;
}

if (isMainThread) {
  const floor = JSON.parse(process.argv[2] ?? '') as RasterFloor;
  mkdirSync(floor.directory);
  const threads = availableParallelism();
  const ended = Array.from({ length: threads }, (_, first) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { floor, first, threads } });
    return new Promise<void>((resolve, reject) => {
      worker.once('error', reject);
      worker.once('exit', () => resolve());
    });
  });
  await Promise.all(ended);
  const directory = await inlineFileSystem.openDirectory(floor.directory);
  await directory.syncFilesystem();
  await directory.close();
} else {
  const { floor, first, threads } = workerData as {
    floor: RasterFloor;
    first: number;
    threads: number;
  };
  await writeTiles(floor, first, threads);
}

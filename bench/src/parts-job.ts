/**
 * One job of the benchmark of parts, in a process of its own: what to do is the JSON in the first
 * argument. Prints what took how long, in milliseconds by the clock and of a processor, as JSON.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  beginMosaic,
  fromChunks,
  fromGeoTiff,
  joinMosaic,
  type MosaicPartsOptions,
  type RasterSource,
  writeTiledVrt,
} from '@holdfast/raster';

/** What the mosaic is made of: a GeoTIFF, or so many tiles of 16 x 16 bytes. */
export type PartsInput = { readonly input: string } | { readonly tileCount: number };

export type PartsJob = PartsInput & {
  readonly path: string;
  readonly options?: MosaicPartsOptions;
} & (
    | { readonly do: 'whole' | 'commit'; readonly id?: string }
    | { readonly do: 'begin'; readonly partCount: number }
    | {
        readonly do: 'parts';
        readonly id: string;
        readonly threads: number;
        readonly worker: Share;
      }
    /** All of it: begin, so many workers, which share the parts, and the commit. */
    | {
        readonly do: 'session';
        readonly partCount: number;
        readonly workers: number;
        readonly threads: number;
      }
  );

/** One of so many workers, each of which makes every `of`-th part. */
interface Share {
  readonly index: number;
  readonly of: number;
}

const TILE_PX = 16;

async function open(what: PartsInput): Promise<RasterSource> {
  if ('input' in what) return fromGeoTiff(what.input);
  const columns = Math.round(Math.sqrt(what.tileCount));
  return fromChunks({
    width: columns * TILE_PX,
    height: Math.round(what.tileCount / columns) * TILE_PX,
    dataType: 'uint8',
    chunks: { width: TILE_PX, height: TILE_PX },
    fingerprint: 'by row and column',
    compute: ({ row, column }) => new Uint8Array(TILE_PX * TILE_PX).fill(row * 7 + column),
  });
}

async function runWorker(of: object): Promise<void> {
  const program = fileURLToPath(import.meta.url);
  const stdio = ['ignore', 'ignore', 'inherit'] as const;
  const child = spawn(process.execPath, [program, JSON.stringify(of)], { stdio: [...stdio] });
  const [status] = (await once(child, 'exit')) as [number | null];
  if (status !== 0) throw new Error(`a worker ended with ${status}`);
}

async function session(
  job: PartsJob & { readonly do: 'session' },
  source: RasterSource,
): Promise<object> {
  const { path, partCount, options, workers, threads } = job;
  const began = performance.now();
  const { id } = await beginMosaic(path, source, { ...options, partCount });
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: workers }, (_, index) =>
      runWorker({ ...job, do: 'parts', id, threads, worker: { index, of: workers } }),
    ),
  );
  const made = performance.now();
  await (await joinMosaic(path, id, source)).commit();
  const committed = performance.now();
  return { begin: begun - began, parts: made - begun, commit: committed - made };
}

async function work(job: PartsJob): Promise<object> {
  const source = await open(job);
  const { path, options = {} } = job;
  const began = performance.now();
  const usedBefore = process.cpuUsage();
  const told: Record<string, unknown> = {};
  if (job.do === 'session') return session(job, source);
  if (job.do === 'whole') await writeTiledVrt(path, source, options);
  if (job.do === 'begin')
    told['id'] = (await beginMosaic(path, source, { ...options, partCount: job.partCount })).id;
  if (job.do === 'parts') {
    const { threads, worker } = job;
    const joined = await joinMosaic(path, job.id, source, { threads });
    for (let part = worker.index; part < joined.partCount; part += worker.of)
      await joined.writePart(part);
  }
  if (job.do === 'commit') await (await joinMosaic(path, job.id ?? '', source)).commit();
  const used = process.cpuUsage(usedBefore);
  const processorMs = (used.user + used.system) / 1000;
  return { ...told, processorMs, [job.do]: performance.now() - began };
}

const [text = ''] = process.argv.slice(2);
const took = await work(JSON.parse(text) as PartsJob);
const peakBytes = process.resourceUsage().maxRSS * 1024;
process.stdout.write(JSON.stringify({ ...took, peakBytes }));

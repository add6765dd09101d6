/**
 * One job of the raster benchmark, in a process of its own: what to do is the JSON in the first
 * argument.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import {
  type CogOptions,
  fromChunks,
  fromGeoTiff,
  type Mosaic,
  openVrt,
  type PreviewStyle,
  serveRaster,
  type Window,
  writeCog,
  type WriteOptions,
  writeTiledVrt,
} from '@holdfast/raster';

export type RasterJob =
  | {
      readonly do: 'terrain';
      readonly path: string;
      readonly dataType: 'float32' | 'uint16';
      readonly sizePx: number;
    }
  | {
      readonly do: 'tile';
      readonly input: string;
      readonly path: string;
      readonly options: WriteOptions;
    }
  | {
      readonly do: 'cog';
      readonly input: string;
      readonly path: string;
      readonly options: CogOptions;
    }
  | {
      readonly do: 'read';
      readonly path: string;
      readonly how: 'sequential' | 'random' | 'scale';
      readonly count: number;
    }
  | {
      readonly do: 'serve';
      readonly path: string;
      readonly style: PreviewStyle;
      readonly count: number;
    }
  | { readonly do: 'lazy'; readonly path: string; readonly sizePx: number }
  | {
      readonly do: 'many';
      readonly path: string;
      readonly tileCount: number;
      /** 16 by default; larger ones say where they lie. */
      readonly tilePx?: number;
    };

export interface RasterJobResult {
  readonly timeMs: number;
  readonly peakBytes: number;
  /** Of all threads. */
  readonly processorMs: number;
}

const SEED = 20_260_722;
const LATTICE = 64;
const OCTAVES = 4;
/** Below this height, in metres, there is no data. */
const SEA_LEVEL = 500;
const TILE_PX = 512;

/**
 * A generator of numbers from 0 to 1, the same for the same seed (Numerical Recipes' linear
 * congruence).
 */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function makeTerrain(path: string, dataType: 'float32' | 'uint16', sizePx: number): void {
  const random = randomNumbers(SEED);
  const lattice = Float64Array.from({ length: LATTICE * LATTICE }, random);
  const row = dataType === 'float32' ? new Float32Array(sizePx) : new Uint16Array(sizePx);
  const file = openSync(path, 'w');
  for (let y = 0; y < sizePx; y += 1) {
    for (let x = 0; x < sizePx; x += 1) {
      const height = heightAt(lattice, x, y) + random() * 0.3;
      row[x] = height < SEA_LEVEL ? 0 : Math.round(height * 100) / 100;
    }
    writeSync(file, row);
  }
  closeSync(file);
}

function heightAt(lattice: Float64Array, x: number, y: number): number {
  let [height, amplitude, frequency] = [0, 1000, 1 / 700];
  for (let octave = 0; octave < OCTAVES; octave += 1) {
    height += amplitude * smoothNoise(lattice, x * frequency, y * frequency);
    amplitude *= 0.45;
    frequency *= 2.3;
  }
  return height;
}

function smoothNoise(lattice: Float64Array, x: number, y: number): number {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const at = (column: number, row: number): number =>
    lattice[(row % LATTICE) * LATTICE + (column % LATTICE)] as number;
  const smooth = (share: number): number => share * share * (3 - 2 * share);
  const [across, down] = [smooth(x - left), smooth(y - top)];
  const above = at(left, top) * (1 - across) + at(left + 1, top) * across;
  const below = at(left, top + 1) * (1 - across) + at(left + 1, top + 1) * across;
  return above * (1 - down) + below * down;
}

async function cog(input: string, path: string, options: CogOptions): Promise<void> {
  const source = await fromGeoTiff(input);
  await writeCog(path, source, options);
  await source.close();
}

async function tile(input: string, path: string, options: WriteOptions): Promise<void> {
  const source = await fromGeoTiff(input);
  await writeTiledVrt(path, source, options);
  await source.close();
}

/**
 * Chunks given when they are asked for, so that all memory is Holdfast's; beyond 8192 pixels they
 * are nodata and left out.
 */
async function lazy(path: string, sizePx: number): Promise<void> {
  const random = randomNumbers(SEED);
  const noise = Float32Array.from({ length: TILE_PX * TILE_PX }, () => Math.round(random() * 1e5));
  const empty = new Float32Array(TILE_PX * TILE_PX).fill(-1);
  const source = fromChunks({
    width: sizePx,
    height: sizePx,
    dataType: 'float32',
    nodata: -1,
    chunks: { width: TILE_PX, height: TILE_PX },
    compute: ({ window: { xPx, yPx } }) => (xPx < 8192 && yPx < 8192 ? noise : empty),
  });
  await writeTiledVrt(path, source, { compression: 'deflate', skipEmpty: true });
}

async function manyTiles({ path, tileCount, tilePx = 16 }: RasterJob & { do: 'many' }) {
  const columns = Math.round(Math.sqrt(tileCount));
  const rows = Math.round(tileCount / columns);
  const place = { crs: 32632, transform: [500_000, 1, 0, 5_000_000, 0, -1] } as const;
  const source = fromChunks({
    width: columns * tilePx,
    height: rows * tilePx,
    dataType: 'uint8',
    chunks: { width: tilePx, height: tilePx },
    compute: ({ row, column }) => new Uint8Array(tilePx ** 2).fill(row * 7 + column),
    ...(tilePx > 16 && place),
  });
  await writeTiledVrt(path, source, { compression: 'none' });
}

const WINDOW_PX = 1024;
const MAP_TILE_PX = 256;
const IN_FLIGHT = 4;

/** Reads a mosaic, as the benchmark's program for GDAL does. */
async function read({ path, how, count }: RasterJob & { do: 'read' }): Promise<void> {
  const mosaic = await openVrt(path);
  if (how === 'scale') await mosaic.read(undefined, { scale: 1 / 8 });
  else {
    const windows = how === 'sequential' ? windowsOf(mosaic) : randomWindows(mosaic, count);
    const work = async (): Promise<void> => {
      for (const window of windows) await mosaic.read(window);
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  }
  await mosaic.close();
}

/** Asks for map squares anywhere, of all levels alike, as a page does. */
async function serve({ path, style, count }: RasterJob & { do: 'serve' }): Promise<void> {
  const server = await serveRaster(path, { port: 0 });
  const description = await fetch(`${server.url}tilejson.json`);
  const { maxzoom, raster } = (await description.json()) as {
    maxzoom: number;
    raster: { widthPx: number; heightPx: number; squarePx: number };
  };
  const random = randomNumbers(1);
  const along = (lengthPx: number, z: number): number => {
    const squares = Math.ceil(lengthPx / (raster.squarePx * 2 ** (maxzoom - z)));
    return Math.floor(random() * squares);
  };
  let left = count;
  const ask = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const z = left % (maxzoom + 1);
      const place = `${z}/${along(raster.widthPx, z)}/${along(raster.heightPx, z)}`;
      const response = await fetch(`${server.url}tiles/${place}.png?style=${style}`);
      if (!response.ok) throw new Error(await response.text());
      await response.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, ask));
  await server.close();
}

function* windowsOf({ info: { widthPx, heightPx } }: Mosaic): Generator<Window> {
  for (let yPx = 0; yPx < heightPx; yPx += WINDOW_PX)
    for (let xPx = 0; xPx < widthPx; xPx += WINDOW_PX)
      yield {
        xPx,
        yPx,
        widthPx: Math.min(WINDOW_PX, widthPx - xPx),
        heightPx: Math.min(WINDOW_PX, heightPx - yPx),
      };
}

function* randomWindows({ info: { widthPx, heightPx } }: Mosaic, count: number): Generator<Window> {
  const random = randomNumbers(1);
  const size = { widthPx: MAP_TILE_PX, heightPx: MAP_TILE_PX };
  for (let index = 0; index < count; index += 1) {
    const xPx = Math.floor(random() * (widthPx - MAP_TILE_PX + 1));
    const yPx = Math.floor(random() * (heightPx - MAP_TILE_PX + 1));
    yield { xPx, yPx, ...size };
  }
}

const [text = ''] = process.argv.slice(2);
const job = JSON.parse(text) as RasterJob;
const startMs = performance.now();
if (job.do === 'terrain') makeTerrain(job.path, job.dataType, job.sizePx);
if (job.do === 'tile') await tile(job.input, job.path, job.options);
if (job.do === 'cog') await cog(job.input, job.path, job.options);
if (job.do === 'read') await read(job);
if (job.do === 'serve') await serve(job);
if (job.do === 'lazy') await lazy(job.path, job.sizePx);
if (job.do === 'many') await manyTiles(job);
const timeMs = performance.now() - startMs;
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
const result: RasterJobResult = {
  timeMs,
  peakBytes: maxRSS * 1024,
  processorMs: (userCPUTime + systemCPUTime) / 1000,
};
process.stdout.write(JSON.stringify(result));

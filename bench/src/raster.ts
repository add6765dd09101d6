/**
 * Tiling a raster of 8192 x 8192 terrain with nodata holes: `writeTiledVrt` in a process of its
 * own, next to what GDAL's own programs take for the same pixels, codec and tile size. Holdfast's
 * tiles are durable, GDAL's are not synced. Then memory from lazy sources, and what a tile costs
 * among very many.
 *
 * The first line of each table is gdal_translate into one tiled file with all processors, which has
 * the least to do. The last one is what a Node program cannot do without (raster-floor.ts): the
 * same samples read, compressed and written. HOLDFAST_BENCH_DIRECTORY names the directory to work
 * in, where the terrain stays for the next run; the default is a temporary one; HOLDFAST_BENCH_SIZE
 * another size than 8192. `--only TEXT` picks tables by their title, such as 'float32, 512 px,
 * lzw', 'compressed', 'cog', 'read', 'serve', 'memory', 'tiles' or 'index' (of HOLDFAST_BENCH_TILES, 10000).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import * as nodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { BenchOptions } from './bench-options.js';
import { compressedTables } from './raster-compressed.js';
import { printIndex } from './raster-index.js';
import type { RasterFloor } from './raster-floor.js';
import type { RasterJob, RasterJobResult } from './raster-job.js';
import { type Contender, medianTimesMs, printTimes } from './rounds.js';

interface Setting {
  readonly tileSizePx: number;
  readonly compression: 'none' | 'lzw' | 'deflate' | 'zstd';
  readonly level?: number;
}

const settings: readonly Setting[] = [
  { tileSizePx: 512, compression: 'none' },
  { tileSizePx: 512, compression: 'lzw' },
  { tileSizePx: 512, compression: 'deflate', level: 6 },
  { tileSizePx: 512, compression: 'zstd', level: 1 },
  { tileSizePx: 512, compression: 'zstd', level: 9 },
  { tileSizePx: 256, compression: 'deflate', level: 6 },
];
const dataTypes = ['float32', 'uint16'] as const;

/** The raster to tile. */
type Terrain = Pick<RasterFloor, 'input' | 'sizePx' | 'sampleBytes'>;

const ROUNDS = 5;
const job = fileURLToPath(new URL('./raster-job.js', import.meta.url));
const floorJob = fileURLToPath(new URL('./raster-floor.js', import.meta.url));

/** One table. */
interface Table {
  readonly title: string;
  readonly print: (root: string, title: string) => Promise<void> | void;
}

/** Runs the benchmark and prints its tables. */
export async function benchRaster({ quick, only = '' }: BenchOptions): Promise<void> {
  const parent = process.env['HOLDFAST_BENCH_DIRECTORY'] ?? tmpdir();
  const root = nodeFs.mkdtempSync(`${parent}/holdfast-bench-`);
  const inputs = process.env['HOLDFAST_BENCH_DIRECTORY'] ?? root;
  try {
    const chosen = tables(inputs, quick).filter(({ title }) => title.includes(only));
    if (chosen.length === 0) console.error(`bench: no table of raster holds '${only}'`);
    for (const { title, print } of chosen) await print(root, title);
  } finally {
    nodeFs.rmSync(root, { recursive: true, force: true });
  }
}

function tables(inputs: string, quick: boolean): readonly Table[] {
  const sizePx = quick ? 1024 : Number(process.env['HOLDFAST_BENCH_SIZE'] ?? 8192);
  const speed = dataTypes.flatMap((dataType) =>
    settings.map((setting): Table => {
      const { tileSizePx, compression, level } = setting;
      const codec = level === undefined ? compression : `${compression} ${level}`;
      return {
        title: `${sizePx} x ${sizePx} ${dataType}, ${tileSizePx} px, ${codec}`,
        print: (root, title) =>
          printSpeed(root, title, terrainOf(inputs, dataType, sizePx), setting, quick),
      };
    }),
  );
  const memory = 'peak memory from a lazy source of float32, 512 px, deflate 6';
  const tiles = 'cost of a tile of 16 x 16 bytes, uncompressed and durable, among many tiles';
  const tileCount = quick ? 100 : Number(process.env['HOLDFAST_BENCH_TILES'] ?? 10_000);
  const terrain = (): string => terrainOf(inputs, 'float32', sizePx).input;
  return [
    ...speed,
    ...compressedTables({ inputs, terrain, sizePx, rounds: quick ? 1 : ROUNDS }),
    {
      title: `serve: map squares of ${sizePx} x ${sizePx} float32, deflate, with overviews`,
      print: (root, title) => printSquares(root, title, terrain(), quick ? 100 : 1000),
    },
    { title: memory, print: (root, title) => printMemory(root, title, quick) },
    { title: tiles, print: (root, title) => printManyTiles(root, title, quick) },
    {
      title: `index: over ${tileCount} GeoTIFFs of 64 KiB in one directory`,
      print: (root, title) =>
        printIndex({ inputs, tileCount, rounds: quick ? 1 : ROUNDS }, root, title),
    },
  ];
}

async function printSpeed(
  root: string,
  title: string,
  terrain: Terrain,
  setting: Setting,
  quick: boolean,
): Promise<void> {
  const contenders = contendersOf(root, terrain, setting);
  printTimes(title, contenders, await medianTimesMs(contenders, quick ? 1 : ROUNDS));
}

/**
 * An uncompressed GeoTIFF of terrain: noise of four octaves, in centimetres, from a fixed seed, the
 * lowlands nodata.
 */
export function terrainOf(
  inputs: string,
  dataType: (typeof dataTypes)[number],
  sizePx: number,
): Terrain {
  const terrain = { sizePx, sampleBytes: dataType === 'float32' ? 4 : 2 };
  const tiff = `${inputs}/terrain-${dataType}-${sizePx}.tif`;
  if (nodeFs.existsSync(tiff)) return { ...terrain, input: tiff };
  const raw = `${inputs}/terrain.img`;
  const header = `${inputs}/terrain.hdr`;
  runJob({ do: 'terrain', path: raw, dataType, sizePx });
  const enviType = dataType === 'float32' ? 4 : 12;
  nodeFs.writeFileSync(
    header,
    `ENVI\nsamples = ${sizePx}\nlines = ${sizePx}\nbands = 1\ndata type = ${enviType}\ninterleave = bsq\nbyte order = 0\nheader offset = 0\n`,
  );
  const place = ['-a_srs', 'EPSG:32632', '-a_ullr', '0', `${sizePx}`, `${sizePx}`, '0'];
  execFileSync('gdal_translate', [
    '-q',
    '-of',
    'GTiff',
    '-a_nodata',
    '0',
    ...place,
    raw,
    `${tiff}.part`,
  ]);
  nodeFs.renameSync(`${tiff}.part`, tiff);
  for (const path of [raw, header]) nodeFs.rmSync(path);
  return { ...terrain, input: tiff };
}

function contendersOf(root: string, terrain: Terrain, setting: Setting): readonly Contender[] {
  const { input } = terrain;
  let target = root;
  const prepare = (): void => {
    if (target !== root) emptyFiles(target);
    target = nodeFs.mkdtempSync(`${root}/target-`);
    touchMemory();
    spawnSync('sync');
  };
  const write = (durability: 'durable' | 'atomic', environment = {}, statistics = true): void => {
    const path = `${target}/out.vrt`;
    const options = { ...setting, predictor: 1, durability, statistics } as const;
    runJob({ do: 'tile', input, path, options }, environment);
  };
  const ways: Readonly<Record<string, () => void>> = {
    'gdal_translate, one file, ALL_CPUS': () => translate(input, `${target}/out.tif`, setting),
    'gdal_retile + gdalbuildvrt': () => retile(input, target, setting),
    'holdfast, durable': () => write('durable'),
    'holdfast, not synced': () => write('atomic'),
    'holdfast, durable, without statistics': () => write('durable', {}, false),
    'holdfast, not synced, without statistics': () => write('atomic', {}, false),
  };
  const fallback = {
    'holdfast, durable, without system libraries': () =>
      write('durable', { HOLDFAST_CODEC_LIBRARIES: 'none' }),
  };
  const { compression, level = 0 } = setting;
  const floor: Record<string, () => void> = {};
  // There is no library for LZW.
  if (compression !== 'lzw') {
    floor['floor: bare calls from as many threads'] = () =>
      runFloor({ ...terrain, ...setting, compression, level, directory: `${target}/floor` });
  }
  const all = { ...ways, ...(compression === 'deflate' ? fallback : {}), ...floor };
  return Object.entries(all).map(([name, run]) => ({ name, prepare, run }));
}

/**
 * Gives the room of a run back, but keeps its files: where many were removed, ext4 goes over all of
 * their inodes for each file that is made in the next minutes, and the next run would pay for it.
 */
function emptyFiles(directory: string): void {
  for (const entry of nodeFs.readdirSync(directory, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) nodeFs.truncateSync(`${entry.parentPath}/${entry.name}`);
}

/**
 * Uses as much memory as a run will need, and gives it back: a virtual machine may have to ask its
 * host for pages that lay idle, which takes a second for 268 MB, and whoever writes first would pay
 * for it.
 */
function touchMemory(): void {
  execFileSync(process.execPath, ['--eval', 'Buffer.alloc(700_000_000, 1)']);
}

function creation({ compression, level, tileSizePx }: Setting): readonly string[] {
  const levelName = { deflate: 'ZLEVEL', zstd: 'ZSTD_LEVEL', none: undefined, lzw: undefined };
  const name = levelName[compression];
  const options = [
    `COMPRESS=${compression.toUpperCase()}`,
    ...(name === undefined ? [] : [`${name}=${level}`]),
    'TILED=YES',
    `BLOCKXSIZE=${tileSizePx}`,
    `BLOCKYSIZE=${tileSizePx}`,
  ];
  return options.flatMap((option) => ['-co', option]);
}

function translate(input: string, output: string, setting: Setting): void {
  const parallel = ['-co', 'NUM_THREADS=ALL_CPUS'];
  execFileSync('gdal_translate', ['-q', ...creation(setting), ...parallel, input, output]);
}

function retile(input: string, target: string, setting: Setting): void {
  const size = String(setting.tileSizePx);
  const where = ['-ps', size, size, '-targetDir', target];
  execFileSync('gdal_retile.py', ['-q', ...where, ...creation(setting), input]);
  const tiles = nodeFs.readdirSync(target).map((name) => `${target}/${name}`);
  execFileSync('gdalbuildvrt', ['-q', `${target}/out.vrt`, ...tiles]);
}

/** Runs a job in a process of its own, so that memory is that of the job alone. */
function runJob(what: RasterJob, environment: NodeJS.ProcessEnv = {}): RasterJobResult {
  return JSON.parse(runNode(job, what, environment)) as RasterJobResult;
}

function runFloor(what: RasterFloor): void {
  runNode(floorJob, what);
}

function runNode(program: string, what: object, environment: NodeJS.ProcessEnv = {}): string {
  // Certificates of the machine's own, which Node would parse at every start for 40 ms, are no part
  // of the work.
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: undefined, ...environment };
  return execFileSync(process.execPath, [program, JSON.stringify(what)], { encoding: 'utf8', env });
}

/**
 * Peak memory from sources that are never whole anywhere; the larger one is sparse, so that its
 * tiles are few.
 */
function printMemory(root: string, title: string, quick: boolean): void {
  console.log(`\n${title}`);
  for (const sizePx of quick ? [1024, 2048] : [8192, 65_536]) {
    const path = `${root}/lazy-${sizePx}.vrt`;
    const { peakBytes, timeMs } = runJob({ do: 'lazy', path, sizePx });
    const seconds = (timeMs / 1000).toFixed(1).padStart(8);
    console.log(
      `  ${`${sizePx} x ${sizePx}`.padEnd(44)}${(peakBytes / 1e6).toFixed(0).padStart(10)} MB${seconds} s`,
    );
    nodeFs.rmSync(`${root}/lazy-${sizePx}_tiles`, { recursive: true });
  }
}

/** The server and who asks it, in one process. */
function printSquares(root: string, title: string, input: string, count: number): void {
  const path = `${root}/served.vrt`;
  const options = { compression: 'deflate', level: 6, overviews: 'auto' } as const;
  runJob({ do: 'tile', input, path, options });
  console.log(`\n${title}, ${count} of all levels`);
  for (const style of ['auto', 'hillshade', 'ramp'] as const) {
    const { timeMs, processorMs, peakBytes } = runJob({ do: 'serve', path, style, count });
    const [byClock, byProcessor] = [timeMs, processorMs].map((ms) =>
      ((1000 * count) / ms).toFixed(0),
    );
    const memory = (peakBytes / 1e6).toFixed(0);
    console.log(
      `  ${style.padEnd(10)} ${byClock} a second, ${byProcessor} a second of processor time, ${memory} MB`,
    );
  }
}

function printManyTiles(root: string, title: string, quick: boolean): void {
  console.log(`\n${title}`);
  for (const tileCount of quick ? [100, 1000] : [1000, 100_000]) {
    const path = `${root}/many-${tileCount}.vrt`;
    const { peakBytes, timeMs } = runJob({ do: 'many', path, tileCount });
    const microseconds = ((1000 * timeMs) / tileCount).toFixed(0).padStart(10);
    console.log(
      `  ${`${tileCount} tiles`.padEnd(44)}${microseconds} µs${(peakBytes / 1e6).toFixed(0).padStart(8)} MB`,
    );
    nodeFs.rmSync(`${root}/many-${tileCount}_tiles`, { recursive: true });
  }
}

/**
 * Rasters that are compressed, beside GDAL in the same rounds: made into a mosaic, read back,
 * verified and drawn; and what a small one costs. Whole processes, by the clock and by processor
 * time, which tells more on a machine that has other work too.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import * as nodeFs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ProgramContender, printUse } from './process-use.js';
import type { RasterJob } from './raster-job.js';
import { printWhere } from './where-time-goes.js';

const job = fileURLToPath(new URL('./raster-job.js', import.meta.url));
const commandLine = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));
const THREADS = { GDAL_NUM_THREADS: 'ALL_CPUS' };

/** One table. */
export interface CompressedTable {
  readonly title: string;
  readonly print: (root: string, title: string) => void;
}

/** Where the input lies and what is to be done with it. */
export interface CompressedBench {
  /** A directory that keeps what was made for the next run. */
  readonly inputs: string;
  /** The uncompressed terrain, float32. */
  readonly terrain: () => string;
  readonly sizePx: number;
  readonly rounds: number;
}

/** The inputs, by what gdal_translate makes them with. */
const inputs: Readonly<Record<string, readonly string[]>> = {
  none: tiled(512, 'NONE', 1),
  deflate: tiled(512, 'DEFLATE'),
  lzw: tiled(512, 'LZW'),
  zstd: tiled(512, 'ZSTD'),
  'deflate, blocks of 256 (COG)': [
    '-of',
    'COG',
    ...creation('COMPRESS=DEFLATE', 'PREDICTOR=YES', 'BLOCKSIZE=256', 'OVERVIEWS=NONE'),
  ],
  'deflate, blocks of 1008': tiled(1008, 'DEFLATE'),
  'deflate, strips': creation('COMPRESS=DEFLATE', 'PREDICTOR=3'),
  'zstd, blocks of 1008': tiled(1008, 'ZSTD'),
  'lzw, strips': creation('COMPRESS=LZW', 'PREDICTOR=3'),
  lerc: tiled(512, 'LERC', 1),
  jpeg: ['-ot', 'Byte', '-scale', '500', '2500', '1', '255', ...tiled(512, 'JPEG', 1)],
};

function creation(...options: readonly string[]): readonly string[] {
  return options.flatMap((option) => ['-co', option]);
}

function tiled(blockPx: number, compression: string, predictor = 3): readonly string[] {
  const predicted = predictor === 1 ? [] : [`PREDICTOR=${predictor}`];
  const size = [`BLOCKXSIZE=${blockPx}`, `BLOCKYSIZE=${blockPx}`];
  return creation('TILED=YES', ...size, `COMPRESS=${compression}`, ...predicted);
}

export function compressedTables(bench: CompressedBench): readonly CompressedTable[] {
  const { sizePx } = bench;
  const reads = [
    ['sequential', 'windows of 1024 over the whole'],
    ['random', 'map tiles: 1000 windows of 256 anywhere'],
    ['scale', 'the whole at an eighth, through overviews'],
  ] as const;
  const [codecs, caches] = [['zstd', 'deflate', 'lzw'] as const, ['warm', 'cold'] as const];
  return [
    ...Object.keys(inputs).map((name): CompressedTable => ({
      title: `compressed: ${sizePx} x ${sizePx}, ${name}, to zstd 1 with a predictor, 512 px`,
      print: (root, title) => printTiling(bench, name, root, title),
    })),
    ...(['none', 'deflate', 'lzw', 'zstd'] as const).map((name): CompressedTable => ({
      title: `where the time goes: ${sizePx} x ${sizePx}, ${name}, to zstd 1, one thread`,
      print: (root, title) => printWhereOf(bench, name, root, title),
    })),
    ...cogCodecs.map((compression): CompressedTable => ({
      title: `cog: ${sizePx} x ${sizePx} into one file with average overviews, ${compression}`,
      print: (root, title) => printCog(bench, compression, root, title),
    })),
    ...codecs.flatMap((codec) =>
      reads.flatMap(([how, what]) =>
        caches.map((cache): CompressedTable => ({
          title: `read: a mosaic of ${sizePx} x ${sizePx}, ${codec}, ${how}, ${cache}: ${what}`,
          print: (root, title) => printReading(bench, { codec, how, cache }, root, title),
        })),
      ),
    ),
    {
      title: `verify: a mosaic of ${sizePx} x ${sizePx}, zstd`,
      print: (root, title) => printVerify(bench, root, title),
    },
    {
      title: `preview: a mosaic of ${sizePx} x ${sizePx}, zstd, without overviews`,
      print: (root, title) => printPreview(bench, root, title),
    },
    {
      title: 'start-up: holdfast raster tile of 256 x 256',
      print: (root, title) => printStartUp(bench, root, title),
    },
  ];
}

function inputOf({ inputs: directory, terrain, sizePx }: CompressedBench, name: string): string {
  const path = `${directory}/terrain-${sizePx}-${name.replaceAll(/[^a-z0-9]+/g, '-')}.tif`;
  if (nodeFs.existsSync(path)) return path;
  const options = inputs[name] as readonly string[];
  execFileSync('gdal_translate', ['-q', ...options, terrain(), `${path}.part.tif`], {
    env: { ...process.env, ...THREADS },
  });
  nodeFs.renameSync(`${path}.part.tif`, path);
  return path;
}

function nodeJob(what: RasterJob): readonly [string, ...string[]] {
  return [process.execPath, job, JSON.stringify(what)];
}

const tileOptions = { compression: 'zstd', level: 1, tileSizePx: 512 } as const;

function printTiling(bench: CompressedBench, name: string, root: string, title: string): void {
  const input = inputOf(bench, name);
  const isByte = name === 'jpeg';
  let target = root;
  const prepare = (): void => {
    if (target !== root) nodeFs.rmSync(target, { recursive: true });
    target = nodeFs.mkdtempSync(`${root}/target-`);
    spawnSync('sync');
  };
  const predictor = isByte ? 2 : 3;
  const [zstd, level] = ['COMPRESS=ZSTD', 'ZSTD_LEVEL=1'];
  const blocks = ['TILED=YES', 'BLOCKXSIZE=512', 'BLOCKYSIZE=512', 'NUM_THREADS=ALL_CPUS'];
  const made = creation(zstd, level, `PREDICTOR=${predictor}`, ...blocks);
  const write = (durability: 'durable' | 'atomic'): readonly [string, ...string[]] => {
    const options = { ...tileOptions, predictor, durability } as const;
    return nodeJob({ do: 'tile', input, path: `${target}/out.vrt`, options });
  };
  const contenders: readonly ProgramContender[] = [
    {
      name: 'gdal_translate, one file, ALL_CPUS',
      prepare,
      command: () => ['gdal_translate', '-q', ...made, input, `${target}/out.tif`],
      environment: THREADS,
    },
    { name: 'holdfast, durable', prepare, command: () => write('durable') },
    { name: 'holdfast, not synced', prepare, command: () => write('atomic') },
    {
      name: 'holdfast, not synced, without libraries',
      prepare,
      command: () => write('atomic'),
      environment: { HOLDFAST_CODEC_LIBRARIES: 'none' },
    },
  ];
  // Without libzstd, only newer Nodes have it.
  const usable = 'zstd' in process.versions ? contenders : contenders.slice(0, -1);
  printUse(title, usable, bench.rounds);
}

function printWhereOf(bench: CompressedBench, name: string, root: string, title: string): void {
  const input = inputOf(bench, name);
  const path = `${root}/where.vrt`;
  const options = { ...tileOptions, predictor: 3, durability: 'atomic', threads: 0 } as const;
  const what: RasterJob = { do: 'tile', input, path, options };
  printWhere(title, root, job, [JSON.stringify(what)]);
  nodeFs.rmSync(path);
  nodeFs.rmSync(`${root}/where_tiles`, { recursive: true });
}

const cogCodecs = ['none', 'deflate', 'zstd'] as const;

function printCog(
  bench: CompressedBench,
  compression: (typeof cogCodecs)[number],
  root: string,
  title: string,
): void {
  const input = inputOf(bench, 'none');
  const [path, theirs] = [`${root}/holdfast.tif`, `${root}/gdal.tif`];
  const level = { none: undefined, deflate: 6, zstd: 1 }[compression];
  const isPlain = compression === 'none';
  const made = creation(
    `COMPRESS=${compression.toUpperCase()}`,
    ...(isPlain ? [] : [`LEVEL=${level}`, 'PREDICTOR=FLOATING_POINT']),
    'NUM_THREADS=ALL_CPUS',
    'OVERVIEW_RESAMPLING=AVERAGE',
  );
  const prepareFor = (own: string) => (): void => {
    nodeFs.rmSync(own, { force: true });
    spawnSync('sync');
  };
  const prepare = prepareFor(path);
  const write = (durability: 'durable' | 'atomic'): readonly [string, ...string[]] => {
    const predictor = isPlain ? 1 : 3;
    // As GDAL, which finds no statistics.
    const options = { compression, level, predictor, durability, statistics: false } as const;
    return nodeJob({ do: 'cog', input, path, options });
  };
  const contenders: readonly ProgramContender[] = [
    {
      name: 'gdal_translate -of COG, ALL_CPUS',
      prepare: prepareFor(theirs),
      command: () => ['gdal_translate', '-q', '-of', 'COG', ...made, input, theirs],
      environment: THREADS,
    },
    { name: 'holdfast, durable', prepare, command: () => write('durable') },
    { name: 'holdfast, not synced', prepare, command: () => write('atomic') },
  ];
  printUse(title, contenders, bench.rounds);
  const compared = execFileSync('/usr/bin/python3', ['-c', COMPARE, path, theirs, input], {
    encoding: 'utf8',
  });
  console.log(`  ${compared.trim()}`);
}

/** Says whether files show the same pixels, the last one in its raster alone. */
const COMPARE = `
import sys
from osgeo import gdal
gdal.UseExceptions()
def pictures(path):
    dataset = gdal.Open(path)
    band = dataset.GetRasterBand(1)
    levels = [band] + [band.GetOverview(index) for index in range(band.GetOverviewCount())]
    return {"%dx%d" % (level.XSize, level.YSize): level.Checksum() for level in levels}
own, theirs, given = [pictures(path) for path in sys.argv[1:]]
sizes = [size for size in own if size in theirs]
differing = [size for size in sizes if own[size] != theirs[size]]
differing += [size + " (input)" for size in given if own[size] != given[size]]
print("pixels by GDAL's checksums, %s: %s" % (", ".join(sizes), "differ at " + ", ".join(differing) if differing else "equal"))
`;

type Codec = 'zstd' | 'deflate' | 'lzw';

function mosaicOf(bench: CompressedBench, codec: Codec, overviews: boolean): string {
  const { inputs: directory, terrain, sizePx } = bench;
  const path = `${directory}/mosaic-${sizePx}-${codec}${overviews ? '-overviews' : ''}.vrt`;
  if (nodeFs.existsSync(path)) return path;
  const level = { zstd: { level: 1 }, deflate: { level: 6 }, lzw: {} }[codec];
  const how = { compression: codec, ...level, predictor: 3, tileSizePx: 512 } as const;
  const options = overviews ? ({ ...how, overviews: 'auto' } as const) : how;
  const [program, ...parameters] = nodeJob({ do: 'tile', input: terrain(), path, options });
  execFileSync(program, parameters);
  return path;
}

interface Reading {
  readonly codec: Codec;
  readonly how: 'sequential' | 'random' | 'scale';
  readonly cache: 'warm' | 'cold';
}

const RANDOM_WINDOWS = 1000;

/** The same windows as the job's. */
const GDAL_READ = `
import sys
from osgeo import gdal
gdal.UseExceptions()
path, how, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
dataset = gdal.Open(path)
band = dataset.GetRasterBand(1)
width, height = band.XSize, band.YSize
if how == "sequential":
    for y in range(0, height, 1024):
        for x in range(0, width, 1024):
            band.ReadAsArray(x, y, min(1024, width - x), min(1024, height - y))
elif how == "random":
    state = 1
    def draw(limit):
        global state
        state = (state * 1664525 + 1013904223) % 2**32
        return state * limit // 2**32
    for _ in range(count):
        x, y = draw(width - 255), draw(height - 255)
        band.ReadAsArray(x, y, 256, 256)
else:
    band.ReadAsArray(0, 0, width, height, width // 8, height // 8)
`;

const EVICT = `
import os, sys
for path in sys.argv[1:]:
    file = os.open(path, os.O_RDONLY)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)
`;

/** Takes a mosaic out of the page cache, or puts it there. */
function fillCache(path: string, cache: Reading['cache']): void {
  const tiles = path.replace(/\.vrt$/, '_tiles');
  const files = nodeFs.readdirSync(tiles).map((name) => `${tiles}/${name}`);
  if (cache === 'cold') execFileSync('/usr/bin/python3', ['-c', EVICT, path, ...files]);
  else execFileSync('cat', [path, ...files], { maxBuffer: 2 ** 31, stdio: 'ignore' });
}

function printReading(bench: CompressedBench, reading: Reading, _: string, title: string): void {
  const { codec, how, cache } = reading;
  const path = mosaicOf(bench, codec, how === 'scale');
  const prepare = (): void => fillCache(path, cache);
  spawnSync('sync');
  const contenders: readonly ProgramContender[] = [
    {
      name: 'GDAL, ReadAsArray, ALL_CPUS',
      prepare,
      command: () => ['/usr/bin/python3', '-c', GDAL_READ, path, how, `${RANDOM_WINDOWS}`],
      environment: THREADS,
    },
    {
      name: 'holdfast, four reads in flight',
      prepare,
      command: () => nodeJob({ do: 'read', path, how, count: RANDOM_WINDOWS }),
    },
  ];
  printUse(title, contenders, bench.rounds);
}

function cli(...parameters: readonly string[]): readonly [string, ...string[]] {
  return [process.execPath, commandLine, ...parameters];
}

function printVerify(bench: CompressedBench, _: string, title: string): void {
  const path = mosaicOf(bench, 'zstd', false);
  const contenders: readonly ProgramContender[] = [
    {
      name: 'GDAL, gdalinfo -checksum, ALL_CPUS',
      command: () => ['gdalinfo', '-checksum', path],
      environment: THREADS,
    },
    { name: 'holdfast raster verify', command: () => cli('raster', 'verify', path) },
    {
      name: 'holdfast raster verify --deep',
      command: () => cli('raster', 'verify', '--deep', path),
    },
  ];
  printUse(title, contenders, bench.rounds);
}

function printPreview(bench: CompressedBench, root: string, title: string): void {
  const path = mosaicOf(bench, 'zstd', false);
  const size = ['-outsize', '1024', '0', '-ot', 'Byte', '-scale', '500', '2500'];
  let count = 0;
  const output = (): string => `${root}/preview-${(count += 1)}.png`;
  const contenders: readonly ProgramContender[] = [
    {
      name: 'gdal_translate -of PNG, average, ALL_CPUS',
      command: () => [
        'gdal_translate',
        '-q',
        '-of',
        'PNG',
        '-r',
        'average',
        ...size,
        path,
        output(),
      ],
      environment: THREADS,
    },
    {
      name: 'gdal_translate -of PNG, nearest, ALL_CPUS',
      command: () => ['gdal_translate', '-q', '-of', 'PNG', ...size, path, output()],
      environment: THREADS,
    },
    { name: 'holdfast raster preview', command: () => cli('raster', 'preview', path, output()) },
  ];
  printUse(title, contenders, bench.rounds);
}

function printStartUp(bench: CompressedBench, root: string, title: string): void {
  const input = `${root}/small.tif`;
  execFileSync('gdal_translate', ['-q', '-srcwin', '0', '0', '256', '256', bench.terrain(), input]);
  let count = 0;
  const output = (suffix: string): string => `${root}/small-${(count += 1)}${suffix}`;
  const contenders: readonly ProgramContender[] = [
    { name: 'node --eval 0', command: () => [process.execPath, '--eval', '0'] },
    { name: 'holdfast raster tile', command: () => cli('raster', 'tile', input, output('.vrt')) },
    { name: 'gdal_translate', command: () => ['gdal_translate', '-q', input, output('.tif')] },
  ];
  printUse(title, contenders, 4 * bench.rounds);
}

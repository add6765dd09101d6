/** `holdfast raster …`: rasters as mosaics of GeoTIFF tiles under a VRT index. */
import {
  compressionNames,
  fromGeoTiff,
  fromVrt,
  joinSources,
  mend,
  type Mending,
  type NamedSource,
  type Nodata,
  overviewMethods,
  type CompressionName,
  type OverviewMethod,
  type Predictor,
  type RasterSource,
  type WriteOptions,
  type WrittenMosaic,
  writeTiledVrt,
} from '@holdfast/raster';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { isHoldfastError } from 'holdfast';
import { interruptible } from '../interrupt.js';
import { wholeNumber } from '../flags.js';
import { jsonOf, print, shown, tell, type Shown } from '../outputs.js';
import { ProgressBar } from '../progress-bar.js';
import { addRasterLookCommands } from './raster-look.js';
import { addRasterRecoverCommand } from './raster-recover.js';

interface TileFlags {
  readonly output?: string;
  readonly tileSize?: number;
  readonly compress?: CompressionName;
  readonly level?: number;
  readonly predictor?: Predictor;
  readonly blockSize?: number;
  readonly threads?: number;
  readonly skipEmpty?: boolean;
  readonly mask?: 'band' | 'alpha';
  readonly statistics?: boolean;
  readonly histogram?: boolean;
  readonly overviews?: 'auto' | readonly number[];
  readonly resampling?: OverviewMethod;
  readonly srs?: string;
  readonly nodata?: Nodata | 'none';
  readonly bounds?: readonly number[];
  readonly transform?: readonly number[];
  readonly bands?: readonly number[];
  readonly scale?: number;
  readonly offset?: number;
  readonly window?: readonly number[];
  readonly outside?: boolean;
  readonly replace?: boolean;
  readonly keepPrevious?: number;
  readonly keepFor?: number;
  readonly resume?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const TILE_EXAMPLES = `
Examples:
  holdfast raster tile dem.tif dem.vrt
      writes dem.vrt and dem_tiles/, or nothing at all
  holdfast raster tile dem.tif dem.vrt --tile-size 256 --compress zstd --level 9
  holdfast raster tile dem.tif dem.vrt --overviews auto --histogram
  holdfast raster tile scan.tif map.vrt --srs EPSG:32633 --bounds 500000,5990000,510000,6000000 --nodata 0
  holdfast raster tile rgbn.vrt part.vrt --bands 4,1 --window 0,0,4096,4096
  holdfast raster tile north.tif south.tif -o all.vrt
      rasters on one grid, those that come later over those before
  holdfast raster tile dem.tif dem.vrt --replace
      swings dem.vrt to new tiles; programs that read the old ones read on
  holdfast raster tile dem.tif dem.vrt --replace --keep-for 7d
      and keeps the old ones for a week, for programs that hold dem.vrt open
  holdfast raster tile dem.tif dem.vrt --resume
      after Ctrl-C, a failure or a kill, the same line again makes only what is missing
  holdfast raster tile dem.tif dem.vrt --json --quiet | jq .tileCount

Ctrl-C leaves nothing behind, and neither does a run that fails; one that is killed leaves what the next one sweeps.
With --resume all three leave the finished tiles for the next run of the same job.`;

export function addRasterCommands(program: Command): void {
  const raster = program
    .command('raster')
    .description('Write rasters as mosaics of GeoTIFF tiles under a GDAL VRT index');
  raster
    .command('tile')
    .description('Tile GeoTIFFs or VRTs into OUTPUT.vrt and OUTPUT_tiles/, whole or not at all')
    .argument('<input>', 'a GeoTIFF, or a VRT of simple sources; it is read window by window')
    .argument(
      '[more...]',
      'further inputs on the same grid, and OUTPUT.vrt last unless --output names it',
    )
    .option('-o, --output <path>', 'the index to make, SOMETHING.vrt')
    .option('--tile-size <px>', 'width and height of a tile, a multiple of 16 (512)', wholeNumber)
    .addOption(new Option('--compress <name>', 'compression (deflate)').choices(compressionNames))
    .option('--level <n>', 'level of the compression', wholeNumber)
    .option('--predictor <n>', 'TIFF predictor: 1, 2, 3 or auto (auto)', predictor)
    .option('--block-size <px>', 'width and height of the blocks inside a tile', wholeNumber)
    .option('--threads <n>', 'threads that encode (one a processor)', wholeNumber)
    .option('--skip-empty', 'leave out tiles that hold nothing but nodata')
    .addOption(
      new Option('--mask <kind>', 'how a mask of the input is written (band)').choices([
        'band',
        'alpha',
      ]),
    )
    .option('--no-statistics', 'put no statistics of the bands into the index')
    .option('--histogram', 'put a histogram of each band into the index')
    .option('--overviews <factors>', 'overviews by these factors (2,4,8) or auto', factors)
    .addOption(
      new Option('--resampling <name>', 'how overviews are made (average)').choices(
        overviewMethods,
      ),
    )
    .option('--srs <crs>', 'the CRS that is meant: an EPSG code, WKT or a PROJ string')
    .option('--nodata <value>', 'the value that means "no data", or none', nodata)
    .option(
      '--bounds <x,y,X,Y>',
      'where the edges of the input lie: least x and y, largest x and y',
      numbers(4),
    )
    .option('--transform <six>', 'the geotransform of the input, as GDAL has it', numbers(6))
    .option('--bands <list>', 'the bands to take, from 1, in this order: 3,2,1', bandList)
    .option('--scale <n>', 'what samples are to be multiplied by to have their unit', finite)
    .option('--offset <n>', 'what is to be added then', finite)
    .option('--window <x,y,w,h>', 'the pixels of the input to take', numbers(4))
    .option('--outside', 'follow an input VRT that names files outside its own folder')
    .option('--replace', 'replace a mosaic that is there, while its readers read on')
    .option('--keep-previous <n>', 'tiles of earlier mosaics to keep (1)', wholeNumber)
    .option('--keep-for <time>', 'how long to keep further ones: 90s, 15m, 12h, 7d (0s)', duration)
    .option('--resume', 'keep what was finished when this run ends early, and go on from there')
    .option('--json', 'print the result as one JSON object')
    .option('--quiet', 'show no progress')
    .addHelpText('after', TILE_EXAMPLES)
    .action(tile);
  addRasterLookCommands(raster);
  addRasterRecoverCommand(raster);
}

const unitsMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function duration(text: string): number {
  const [, number, unit = ''] = /^(\d+)([smhd])$/u.exec(text) ?? [];
  const unitMs = unitsMs[unit];
  if (unitMs !== undefined) return Number(number) * unitMs;
  throw new InvalidArgumentError('It must be a whole number and a unit: 90s, 15m, 12h or 7d.');
}

function factors(text: string): 'auto' | readonly number[] {
  if (text === 'auto') return text;
  if (/^\d+(?:,\d+)*$/u.test(text)) return text.split(',').map(Number);
  throw new InvalidArgumentError('It must be auto, or whole numbers with commas between them.');
}

function predictor(text: string): Predictor {
  const known = ([1, 2, 3, 'auto'] as const).find((each) => String(each) === text);
  if (known !== undefined) return known;
  throw new InvalidArgumentError('It must be 1, 2, 3 or auto.');
}

async function tile(
  this: Command,
  input: string,
  more: readonly string[],
  flags: TileFlags,
): Promise<void> {
  const startMs = performance.now();
  const output = flags.output ?? more.at(-1);
  if (output === undefined) this.error("error: missing required argument 'output'");
  const inputs = [input, ...(flags.output === undefined ? more.slice(0, -1) : more)];
  const written = await interruptible((signal) => tileFiles(inputs, output, flags, signal));
  const seconds = (performance.now() - startMs) / 1000;
  for (const note of notes(written)) tell(note);
  print(flags.json ? jsonOf({ ...written, seconds }) : sentence(written, seconds));
}

/** What was not as a caller may have thought. */
function notes({
  path,
  lostIndexOf,
  retiredCompanions,
  notCarried,
  averagedClasses,
}: WrittenMosaic): readonly Shown[] {
  const lost =
    lostIndexOf === undefined
      ? []
      : [
          shown`${path}: its index no longer named ${lostIndexOf}, which a finished write had given it: another program had put an older one back, or broken it. It is replaced now; docs/guarantees.md says how to prevent it.`,
        ];
  const companions = retiredCompanions.map(
    (name) => shown`${name}: it spoke of the old pixels and went with them`,
  );
  const left = notCarried.map(
    ({ what, where, why }) => shown`not carried: ${what} (${where}): ${why}`,
  );
  const classes = averagedClasses.map(
    (band) =>
      shown`band ${band} has few values, which look like classes: overviews of their means show what is not there; --resampling mode or nearest does not`,
  );
  return [...lost, ...companions, ...left, ...classes];
}

async function tileFiles(
  inputs: readonly string[],
  output: string,
  flags: TileFlags,
  signal: AbortSignal,
): Promise<WrittenMosaic> {
  const source = await openInputs(inputs, flags);
  const bar = flags.quiet ? undefined : new ProgressBar(process.stderr);
  try {
    return await writeTiledVrt(output, source, {
      ...writeOptions(flags),
      signal,
      ...(bar && { onProgress: (progress) => bar.update(progress) }),
    });
  } catch (error) {
    if (flags.resume && !isHoldfastError(error, 'ALREADY_EXISTS'))
      tell(shown`Finished tiles are kept; the same command goes on from there.`);
    throw error;
  } finally {
    bar?.end();
    await source.close?.();
  }
}

/** Together they keep as many decoded blocks as one input does. */
const CACHE_BYTES = 256 * 1024 * 1024;

async function openInputs(inputs: readonly string[], flags: TileFlags): Promise<RasterSource> {
  const outside = flags.outside ? 'allow' : 'refuse';
  const cacheBytes = Math.floor(CACHE_BYTES / inputs.length);
  const opened: NamedSource[] = [];
  try {
    for (const name of inputs) {
      const isVrt = /\.vrt$/iu.test(name);
      const source = isVrt
        ? await fromVrt(name, { outside })
        : await fromGeoTiff(name, { cacheBytes });
      opened.push({ name, source });
    }
    const source = joinSources(opened);
    const mending = mendingOf(flags);
    const isMended = Object.values(mending).some((value) => value !== undefined);
    return isMended ? mend(source, mending) : source;
  } catch (error) {
    for (const { source } of opened) await source.close?.();
    throw error;
  }
}

function mendingOf({ srs, window, ...flags }: TileFlags): Mending {
  const [xPx = 0, yPx = 0, widthPx = 0, heightPx = 0] = window ?? [];
  return {
    crs: srs !== undefined && /^\d+$/u.test(srs) ? Number(srs) : srs,
    nodata: flags.nodata,
    bounds: flags.bounds as Mending['bounds'],
    transform: flags.transform as Mending['transform'],
    bands: flags.bands,
    scale: flags.scale,
    offset: flags.offset,
    window: window && { xPx, yPx, widthPx, heightPx },
  };
}

function finite(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number.');
}

function numbers(count: number): (text: string) => readonly number[] {
  return (text) => {
    const parts = text.split(/[\s,]+/u);
    if (parts.length === count) return parts.map(finite);
    throw new InvalidArgumentError(`It must be ${count} numbers with commas between them.`);
  };
}

function bandList(text: string): readonly number[] {
  if (/^\d+(?:,\d+)*$/u.test(text)) return text.split(',').map(Number);
  throw new InvalidArgumentError('It must be whole numbers with commas between them.');
}

/** Whole numbers past 2^53 keep all their digits. */
function nodata(text: string): Nodata | 'none' {
  if (/^none$/iu.test(text)) return 'none';
  if (/^nan$/iu.test(text)) return Number.NaN;
  if (/^[+-]?inf(?:inity)?$/iu.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  const value = finite(text);
  return /^[+-]?\d+$/u.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

function writeOptions(flags: TileFlags): WriteOptions {
  return {
    tileSizePx: flags.tileSize,
    compression: flags.compress,
    level: flags.level,
    predictor: flags.predictor,
    blockSizePx: flags.blockSize,
    threads: flags.threads,
    skipEmpty: flags.skipEmpty,
    mask: flags.mask,
    statistics: flags.statistics,
    histogram: flags.histogram,
    overviews: flags.overviews,
    resampling: flags.resampling,
    ifExists: flags.replace ? 'replace' : 'fail',
    keepPrevious: flags.keepPrevious,
    keepForMs: flags.keepFor,
    resume: flags.resume,
  };
}

function sentence(
  { path, tilesPath, tileCount, sizeBytes, resumedTileCount }: WrittenMosaic,
  seconds: number,
): Shown {
  const megabytes = (sizeBytes / 1e6).toFixed(1);
  const taken = resumedTileCount > 0 ? ` (${resumedTileCount} from the run before)` : '';
  return shown`${path}: ${tileCount} tiles${taken}, ${megabytes} MB in ${tilesPath}, ${seconds.toFixed(1)} s`;
}

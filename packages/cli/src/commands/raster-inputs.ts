/**
 * What the commands that write rasters have in common: their inputs, and how samples are stored.
 */
import {
  type CompressionName,
  compressionNames,
  fromGeoTiff,
  fromVrt,
  joinSources,
  mend,
  type Mending,
  type NamedSource,
  type Nodata,
  type NotCarried,
  type OverviewMethod,
  overviewMethods,
  type Predictor,
  type RasterSource,
  type WriteOptions,
} from '@holdfast/raster';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { accessTo } from '../far-access.js';
import { wholeNumber } from '../flags.js';
import { shown, type Shown } from '../outputs.js';
import type { StoreFlags } from '../store-flags.js';

/** What is said of the inputs. */
export interface InputFlags {
  readonly srs?: string;
  readonly nodata?: Nodata | 'none';
  readonly bounds?: readonly number[];
  readonly transform?: readonly number[];
  readonly bands?: readonly number[];
  readonly scale?: number;
  readonly offset?: number;
  readonly window?: readonly number[];
  readonly outside?: boolean;
}

/** How samples are stored. */
export interface FormatFlags extends StacFlags {
  readonly compress?: CompressionName;
  readonly level?: number;
  readonly predictor?: Predictor;
  readonly blockSize?: number;
  readonly threads?: number;
  readonly skipEmpty?: boolean;
  readonly mask?: 'band' | 'alpha';
  readonly statistics?: boolean;
  readonly overviews?: 'auto' | readonly number[];
  readonly resampling?: OverviewMethod;
}

export const INPUT_TEXT =
  'a GeoTIFF, or a VRT of simple sources, or its address, https://… or s3://bucket/…; it is read window by window';

export function addInputFlags(command: Command): Command {
  return command
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
    .option('--outside', 'follow an input VRT that names files outside its own folder');
}

export interface StacFlags {
  readonly stac?: boolean;
  readonly stacTiles?: boolean;
  readonly datetime?: string;
}

export function addStacFlags(command: Command): Command {
  return command
    .option('--stac', 'write a STAC item too')
    .addOption(
      new Option(
        '--datetime <when>',
        'when the raster was taken, for its STAC item: 2024-06-01T10:20:30Z, or two of these with / (its DateTime tag)',
      ).implies({ stac: true }),
    );
}

export function addTileItemsFlag(command: Command): Command {
  return command.addOption(
    new Option('--stac-tiles', 'write a STAC item of each tile too, all in one file').implies({
      stac: true,
    }),
  );
}

export function stacOption({ stac, datetime, stacTiles: tiles }: StacFlags): WriteOptions['stac'] {
  return stac && { datetime, tiles };
}

export function addFormatFlags(command: Command): Command {
  command
    .addOption(new Option('--compress <name>', 'compression (deflate)').choices(compressionNames))
    .option('--level <n>', 'level of the compression', wholeNumber)
    .option('--predictor <n>', 'TIFF predictor: 1, 2, 3 or auto (auto)', predictor)
    .option('--block-size <px>', 'width and height of the blocks inside a file', wholeNumber)
    .option('--threads <n>', 'threads that encode (one a processor)', wholeNumber)
    .option('--skip-empty', 'leave out what holds nothing but nodata')
    .addOption(
      new Option('--mask <kind>', 'how a mask of the input is written (band)').choices([
        'band',
        'alpha',
      ]),
    )
    .option('--no-statistics', 'write no statistics of the bands');
  return addStacFlags(command).addOption(
    new Option('--resampling <name>', 'how overviews are made (average)').choices(overviewMethods),
  );
}

/** The flags of how samples are stored, as options. */
export function formatOptions(
  flags: FormatFlags,
): Pick<
  WriteOptions,
  | 'compression'
  | 'level'
  | 'predictor'
  | 'blockSizePx'
  | 'threads'
  | 'skipEmpty'
  | 'mask'
  | 'statistics'
  | 'stac'
  | 'overviews'
  | 'resampling'
> {
  return {
    compression: flags.compress,
    level: flags.level,
    predictor: flags.predictor,
    blockSizePx: flags.blockSize,
    threads: flags.threads,
    skipEmpty: flags.skipEmpty,
    mask: flags.mask,
    statistics: flags.statistics,
    stac: stacOption(flags),
    overviews: flags.overviews,
    resampling: flags.resampling,
  };
}

/** What is told of something that stayed behind. */
export function noteOf({ what, where, why }: NotCarried): Shown {
  return shown`not carried: ${what} (${where}): ${why}`;
}

/** What is told of a band whose overviews are means of classes. */
export function noteOfClasses(band: number): Shown {
  return shown`band ${band} has few values, which look like classes: overviews of their means show what is not there; --resampling mode or nearest does not`;
}

/** As `factors`, or none. */
export function factorsOrNone(text: string): 'auto' | readonly number[] {
  return text === 'none' ? [] : factors(text);
}

/** Factors of overviews. */
export function factors(text: string): 'auto' | readonly number[] {
  if (text === 'auto') return text;
  if (/^\d+(?:,\d+)*$/u.test(text)) return text.split(',').map(Number);
  throw new InvalidArgumentError('It must be auto, or whole numbers with commas between them.');
}

function predictor(text: string): Predictor {
  const known = ([1, 2, 3, 'auto'] as const).find((each) => String(each) === text);
  if (known !== undefined) return known;
  throw new InvalidArgumentError('It must be 1, 2, 3 or auto.');
}

/** Together they keep as many decoded blocks as one input does. */
const CACHE_BYTES = 256 * 1024 * 1024;

/** The inputs as one source, mended as the flags say. */
export async function openInputs(
  inputs: readonly string[],
  flags: InputFlags & StoreFlags,
): Promise<RasterSource> {
  const outside = flags.outside ? 'allow' : 'refuse';
  const cacheBytes = Math.floor(CACHE_BYTES / inputs.length);
  const opened: NamedSource[] = [];
  try {
    for (const name of inputs) {
      const access = await accessTo(name, flags);
      // What stands behind the path of an address is for the request alone.
      const isVrt = /\.vrt$/iu.test(/^https?:/iu.test(name) ? name.replace(/[?#].*$/su, '') : name);
      const source = isVrt
        ? await fromVrt(name, { outside, ...access })
        : await fromGeoTiff(name, { cacheBytes, ...access });
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

function mendingOf({ srs, window, ...flags }: InputFlags): Mending {
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
export function nodata(text: string): Nodata | 'none' {
  if (/^none$/iu.test(text)) return 'none';
  if (/^nan$/iu.test(text)) return Number.NaN;
  if (/^[+-]?inf(?:inity)?$/iu.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  const value = finite(text);
  return /^[+-]?\d+$/u.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

const unitsMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A time, in milliseconds. */
export function duration(text: string): number {
  const [, number, unit = ''] = /^(\d+)([smhd])$/u.exec(text) ?? [];
  const unitMs = unitsMs[unit];
  if (unitMs !== undefined) return Number(number) * unitMs;
  throw new InvalidArgumentError('It must be a whole number and a unit: 90s, 15m, 12h or 7d.');
}

/** `holdfast raster …`: rasters as mosaics of GeoTIFF tiles under a VRT index. */
import {
  compressionNames,
  fromGeoTiff,
  overviewMethods,
  type CompressionName,
  type OverviewMethod,
  type Predictor,
  type WriteOptions,
  type WrittenMosaic,
  writeTiledVrt,
} from '@holdfast/raster';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { isHoldfastError } from 'holdfast';
import { interruptible } from '../interrupt.js';
import { ProgressBar } from '../progress-bar.js';
import { addRasterLookCommands } from './raster-look.js';
import { addRasterRecoverCommand } from './raster-recover.js';

interface TileFlags {
  readonly tileSize?: number;
  readonly compress?: CompressionName;
  readonly level?: number;
  readonly predictor?: Predictor;
  readonly blockSize?: number;
  readonly threads?: number;
  readonly skipEmpty?: boolean;
  readonly statistics?: boolean;
  readonly overviews?: 'auto' | readonly number[];
  readonly resampling?: OverviewMethod;
  readonly replace?: boolean;
  readonly keepPrevious?: number;
  readonly resume?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const TILE_EXAMPLES = `
Examples:
  holdfast raster tile dem.tif dem.vrt
      writes dem.vrt and dem_tiles/, or nothing at all
  holdfast raster tile dem.tif dem.vrt --tile-size 256 --compress zstd --level 9
  holdfast raster tile dem.tif dem.vrt --overviews auto --statistics
  holdfast raster tile dem.tif dem.vrt --replace
      swings dem.vrt to new tiles; programs that read the old ones read on
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
    .description('Tile a GeoTIFF into OUTPUT.vrt and OUTPUT_tiles/, whole or not at all')
    .argument('<input>', 'a GeoTIFF; it is read window by window')
    .argument('<output>', 'the index to make, SOMETHING.vrt')
    .option('--tile-size <px>', 'width and height of a tile, a multiple of 16 (512)', wholeNumber)
    .addOption(new Option('--compress <name>', 'compression (deflate)').choices(compressionNames))
    .option('--level <n>', 'level of the compression', wholeNumber)
    .option('--predictor <n>', 'TIFF predictor: 1, 2, 3 or auto (auto)', predictor)
    .option('--block-size <px>', 'width and height of the blocks inside a tile', wholeNumber)
    .option('--threads <n>', 'threads that encode (one a processor)', wholeNumber)
    .option('--skip-empty', 'leave out tiles that hold nothing but nodata')
    .option('--statistics', 'put statistics and a histogram of each band into the index')
    .option('--overviews <factors>', 'overviews by these factors (2,4,8) or auto', factors)
    .addOption(
      new Option('--resampling <name>', 'how overviews are made (average)').choices(
        overviewMethods,
      ),
    )
    .option('--replace', 'replace a mosaic that is there, while its readers read on')
    .option('--keep-previous <n>', 'tiles of earlier mosaics to keep (1)', wholeNumber)
    .option('--resume', 'keep what was finished when this run ends early, and go on from there')
    .option('--json', 'print the result as one JSON object')
    .option('--quiet', 'show no progress')
    .addHelpText('after', TILE_EXAMPLES)
    .action(tile);
  addRasterLookCommands(raster);
  addRasterRecoverCommand(raster);
}

function wholeNumber(text: string): number {
  if (/^\d+$/u.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
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

async function tile(input: string, output: string, flags: TileFlags): Promise<void> {
  const startMs = performance.now();
  const written = await interruptible((signal) => tileFile(input, output, flags, signal));
  const seconds = (performance.now() - startMs) / 1000;
  if (flags.json) process.stdout.write(`${JSON.stringify({ ...written, seconds })}\n`);
  else process.stdout.write(sentence(written, seconds));
}

async function tileFile(
  input: string,
  output: string,
  flags: TileFlags,
  signal: AbortSignal,
): Promise<WrittenMosaic> {
  const source = await fromGeoTiff(input);
  const bar = flags.quiet ? undefined : new ProgressBar(process.stderr);
  try {
    return await writeTiledVrt(output, source, {
      ...writeOptions(flags),
      signal,
      ...(bar && { onProgress: (progress) => bar.update(progress) }),
    });
  } catch (error) {
    if (flags.resume && !isHoldfastError(error, 'ALREADY_EXISTS'))
      process.stderr.write('Finished tiles are kept; the same command goes on from there.\n');
    throw error;
  } finally {
    bar?.end();
    await source.close();
  }
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
    statistics: flags.statistics,
    overviews: flags.overviews,
    resampling: flags.resampling,
    ifExists: flags.replace ? 'replace' : 'fail',
    keepPrevious: flags.keepPrevious,
    resume: flags.resume,
  };
}

function sentence(
  { path, tilesPath, tileCount, sizeBytes, resumedTileCount }: WrittenMosaic,
  seconds: number,
): string {
  const megabytes = (sizeBytes / 1e6).toFixed(1);
  const taken = resumedTileCount > 0 ? ` (${resumedTileCount} from the run before)` : '';
  return `${path}: ${tileCount} tiles${taken}, ${megabytes} MB in ${tilesPath}, ${seconds.toFixed(1)} s\n`;
}

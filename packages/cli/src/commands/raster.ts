/** `holdfast raster …`: rasters as mosaics of GeoTIFF tiles under a VRT index. */
import { type WriteOptions, type WrittenMosaic, writeTiledVrt } from '@holdfast/raster';
import type { Command } from 'commander';
import { isHoldfastError, type JsonObject } from 'holdfast';
import { accessTo, refuseUnusedFlags } from '../far-access.js';
import { interruptible } from '../interrupt.js';
import { wholeNumber } from '../flags.js';
import { jsonOf, print, shown, tell, type Shown } from '../outputs.js';
import { ProgressBar } from '../progress-bar.js';
import { type StoreFlags, withStoreFlags, withTrustFlag } from '../store-flags.js';
import { addRasterCogCommand } from './raster-cog.js';
import {
  addFormatFlags,
  addTileItemsFlag,
  addInputFlags,
  duration,
  type FormatFlags,
  INPUT_TEXT,
  type InputFlags,
  factors,
  formatOptions,
  nodata,
  noteOf,
  noteOfClasses,
  openInputs,
} from './raster-inputs.js';
import { addRasterIndexCommand } from './raster-index.js';
import { addRasterLookCommands } from './raster-look.js';
import { addRasterOverviewsCommand } from './raster-overviews.js';
import { addRasterPartsCommands } from './raster-parts.js';
import { addRasterRecoverCommand } from './raster-recover.js';
import { addRasterServeCommand } from './raster-serve.js';

interface TileFlags extends InputFlags, FormatFlags, StoreFlags {
  readonly output?: string;
  readonly tileSize?: number;
  readonly histogram?: boolean;
  readonly gti?: boolean;
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
  holdfast raster tile dem.tif dem.vrt --stac --datetime 2024-06-01T10:20:30Z
      and its STAC item, dem_tiles/dem.vrt.stac.json
  holdfast raster tile dem.tif dem.vrt --resume
      after Ctrl-C, a failure or a kill, the same line again makes only what is missing
  holdfast raster tile dem.tif s3://bucket/maps/dem.vrt --region eu-central-1 --replace --keep-for 7d
      to a bucket: tiles are made in the temporary directory, and sent meanwhile below a name that nobody has used
  holdfast raster tile https://tiles.example/dem.tif dem.vrt
      from far away, by requests for ranges of one version of the file
  holdfast raster tile dem.tif dem.vrt --json --quiet | jq .tileCount

Ctrl-C leaves nothing behind, and neither does a run that fails; one that is killed leaves what the next one sweeps.
With --resume all three leave the finished tiles for the next run of the same job.`;

export function addRasterCommands(program: Command): void {
  const raster = program
    .command('raster')
    .description('Write rasters as mosaics of GeoTIFF tiles under a GDAL VRT index');
  const command = raster
    .command('tile')
    .description('Tile GeoTIFFs or VRTs into OUTPUT.vrt and OUTPUT_tiles/, whole or not at all')
    .argument('<input>', INPUT_TEXT)
    .argument(
      '[more...]',
      'further inputs on the same grid, and OUTPUT.vrt last unless --output names it',
    )
    .option('-o, --output <path>', 'the index to make, SOMETHING.vrt or s3://bucket/SOMETHING.vrt')
    .option('--tile-size <px>', 'width and height of a tile, a multiple of 16 (512)', wholeNumber);
  addTileItemsFlag(addFormatFlags(command))
    .option('--histogram', 'put a histogram of each band into the index')
    .option('--gti', 'write an index as GTI too, which GDAL 3.9 reads (needs the package sql.js)')
    .option('--overviews <factors>', 'overviews by these factors (2,4,8) or auto', factors);
  addInputFlags(command)
    .option('--replace', 'replace a mosaic that is there, while its readers read on')
    .option('--keep-previous <n>', 'tiles of earlier mosaics to keep (1)', wholeNumber)
    .option('--keep-for <time>', 'how long to keep further ones: 90s, 15m, 12h, 7d (0s)', duration)
    .option('--resume', 'keep what was finished when this run ends early, and go on from there')
    .option('--json', 'print the result as one JSON object')
    .option('--quiet', 'show no progress');
  withTrustFlag(withStoreFlags(command)).addHelpText('after', TILE_EXAMPLES).action(tile);
  addRasterCogCommand(raster);
  addRasterIndexCommand(raster);
  addRasterOverviewsCommand(raster);
  addRasterLookCommands(raster);
  addRasterServeCommand(raster);
  addRasterRecoverCommand(raster);
  addRasterPartsCommands<TileFlags>(raster, {
    command,
    pack: ({
      nodata: value,
      endpoint: _endpoint,
      region: _region,
      allowHttp: _http,
      trustStore: _trust,
      ...flags
    }) => ({
      ...(flags as JsonObject),
      ...(value !== undefined && { nodata: String(value) }),
    }),
    unpack: (packed) => {
      const { nodata: text, ...flags } = packed as JsonObject;
      return { ...flags, ...(typeof text === 'string' && { nodata: nodata(text) }) };
    },
    open: openInputs,
    options: writeOptions,
    store: storeOf,
  });
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
  const left = notCarried.map(noteOf);
  const classes = averagedClasses.map(noteOfClasses);
  return [...lost, ...companions, ...left, ...classes];
}

async function tileFiles(
  inputs: readonly string[],
  output: string,
  flags: TileFlags,
  signal: AbortSignal,
): Promise<WrittenMosaic> {
  const store = await storeOf(output, flags, inputs);
  const source = await openInputs(inputs, flags);
  const bar = flags.quiet ? undefined : new ProgressBar(process.stderr);
  try {
    return await writeTiledVrt(output, source, {
      ...writeOptions(flags),
      ...store,
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

/** The store of an output in a bucket; flags that neither it nor an input has a use for are refused. */
async function storeOf(
  output: string,
  flags: StoreFlags,
  inputs: readonly string[] = [],
): Promise<Pick<WriteOptions, 'store'>> {
  refuseUnusedFlags([output, ...inputs], flags);
  return output.startsWith('s3://') ? accessTo(output, flags) : {};
}

function writeOptions(flags: TileFlags): WriteOptions {
  return {
    tileSizePx: flags.tileSize,
    ...formatOptions(flags),
    histogram: flags.histogram,
    gti: flags.gti,
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

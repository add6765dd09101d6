/** `holdfast raster overviews`: other overviews for a mosaic that is there. */
import {
  addOverviews,
  type CompressionName,
  compressionNames,
  type OverviewMethod,
  overviewMethods,
  type WrittenMosaic,
} from '@holdfast/raster';
import { type Command, Option } from 'commander';
import { wholeNumber } from '../flags.js';
import { interruptible } from '../interrupt.js';
import { jsonOf, print, shown, type Shown } from '../outputs.js';
import { duration, factorsOrNone } from './raster-inputs.js';

interface OverviewsFlags {
  readonly factors?: 'auto' | readonly number[];
  readonly resampling?: OverviewMethod;
  readonly compress?: CompressionName;
  readonly level?: number;
  readonly threads?: number;
  readonly keepPrevious?: number;
  readonly keepFor?: number;
  readonly json?: boolean;
}

const HELP = `
The tiles stay the same files: they are held against their checksums and linked into a new tiles directory, beside which the old one
retires as after --replace of raster tile. Programs that read the mosaic read on. For an index of other programs there is gdaladdo.

Examples:
  holdfast raster overviews dem.vrt
  holdfast raster overviews classes.vrt --factors 4,16 --resampling mode --compress zstd
  holdfast raster overviews dem.vrt --factors none --json | jq .tilesPath`;

export function addRasterOverviewsCommand(raster: Command): void {
  raster
    .command('overviews')
    .description('Make other overviews for a mosaic that is there, in one commit')
    .argument('<vrt>', 'the index of a mosaic of Holdfast')
    .option(
      '--factors <list>',
      'overviews by these factors (2,4,8), auto or none (auto)',
      factorsOrNone,
    )
    .addOption(
      new Option('--resampling <name>', 'how overviews are made (average)').choices(
        overviewMethods,
      ),
    )
    .addOption(
      new Option('--compress <name>', 'compression of the overviews (deflate)').choices(
        compressionNames,
      ),
    )
    .option('--level <n>', 'level of the compression', wholeNumber)
    .option('--threads <n>', 'threads that encode (one a processor)', wholeNumber)
    .option('--keep-previous <n>', 'tiles directories of earlier indexes to keep (1)', wholeNumber)
    .option('--keep-for <time>', 'how long to keep further ones: 90s, 15m, 12h, 7d (0s)', duration)
    .option('--json', 'print the result as one JSON object')
    .addHelpText('after', HELP)
    .action(overviews);
}

async function overviews(path: string, flags: OverviewsFlags): Promise<void> {
  const startMs = performance.now();
  const written = await interruptible((signal) =>
    addOverviews(path, {
      overviews: flags.factors,
      resampling: flags.resampling,
      compression: flags.compress,
      level: flags.level,
      threads: flags.threads,
      keepPrevious: flags.keepPrevious,
      keepForMs: flags.keepFor,
      signal,
    }),
  );
  const seconds = (performance.now() - startMs) / 1000;
  print(flags.json ? jsonOf({ ...written, seconds }) : sentence(written, seconds));
}

function sentence({ path, tilesPath, tileCount }: WrittenMosaic, seconds: number): Shown {
  return shown`${path}: overviews of ${tileCount} tiles in ${tilesPath}, ${seconds.toFixed(1)} s`;
}

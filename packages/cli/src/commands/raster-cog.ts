/** `holdfast raster cog`: a raster as one file that is read over a network. */
import { type CogOptions, writeCog, type WrittenCog } from '@holdfast/raster';
import type { Command } from 'commander';
import { accessTo, refuseUnusedFlags } from '../far-access.js';
import { interruptible } from '../interrupt.js';
import { jsonOf, print, shown, type Shown, tell } from '../outputs.js';
import { ProgressBar } from '../progress-bar.js';
import { type StoreFlags, withStoreFlags, withTrustFlag } from '../store-flags.js';
import {
  addFormatFlags,
  addInputFlags,
  factorsOrNone,
  type FormatFlags,
  formatOptions,
  INPUT_TEXT,
  type InputFlags,
  noteOf,
  noteOfClasses,
  openInputs,
} from './raster-inputs.js';

interface CogFlags extends InputFlags, FormatFlags, StoreFlags {
  readonly output?: string;
  readonly bigtiff?: boolean;
  readonly replace?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const HELP = `
Examples:
  holdfast raster cog dem.tif dem-cog.tif
      writes dem-cog.tif with overviews inside, or nothing at all
  holdfast raster cog dem.vrt dem-cog.tif --compress zstd --level 9 --block-size 256
  holdfast raster cog north.tif south.tif -o all.tif --replace
  holdfast raster cog s3://bucket/dem.vrt dem-cog.tif --region eu-central-1
  holdfast raster cog dem.tif dem-cog.tif --stac
      and its STAC item, dem-cog.tif.stac.json
  holdfast raster cog dem.tif s3://bucket/maps/dem.tif --region eu-central-1 --replace
      to a bucket, as one object; it is made in scratch files of the temporary directory
  holdfast raster cog classes.tif classes-cog.tif --resampling mode --json --quiet | jq .overviews

A run that fails, or is ended by Ctrl-C or a kill, leaves the file that was there before, or none.`;

export function addRasterCogCommand(raster: Command): void {
  const command = raster
    .command('cog')
    .description('Write GeoTIFFs or VRTs as one Cloud Optimized GeoTIFF, whole or not at all')
    .argument('<input>', INPUT_TEXT)
    .argument(
      '[more...]',
      'further inputs on the same grid, and OUTPUT.tif last unless --output names it',
    )
    .option('-o, --output <path>', 'the file to make, SOMETHING.tif or s3://bucket/SOMETHING.tif');
  addFormatFlags(command)
    .option(
      '--overviews <factors>',
      'overviews by these factors (2,4,8), auto or none (auto)',
      factorsOrNone,
    )
    .option('--bigtiff', 'write a BigTIFF, whatever its size');
  addInputFlags(command)
    .option('--replace', 'replace a file that is there, and what lies beside it and spoke of it')
    .option('--json', 'print the result as one JSON object')
    .option('--quiet', 'show no progress');
  withTrustFlag(withStoreFlags(command)).addHelpText('after', HELP).action(cog);
}

async function cog(
  this: Command,
  input: string,
  more: readonly string[],
  flags: CogFlags,
): Promise<void> {
  const startMs = performance.now();
  const output = flags.output ?? more.at(-1);
  if (output === undefined) this.error("error: missing required argument 'output'");
  const inputs = [input, ...(flags.output === undefined ? more.slice(0, -1) : more)];
  const written = await interruptible((signal) => writeFrom(inputs, output, flags, signal));
  const seconds = (performance.now() - startMs) / 1000;
  for (const note of notes(written)) tell(note);
  print(flags.json ? jsonOf({ ...written, seconds }) : sentence(written, seconds));
}

async function writeFrom(
  inputs: readonly string[],
  output: string,
  flags: CogFlags,
  signal: AbortSignal,
): Promise<WrittenCog> {
  refuseUnusedFlags([output, ...inputs], flags);
  const source = await openInputs(inputs, flags);
  const bar = flags.quiet ? undefined : new ProgressBar(process.stderr);
  const options: CogOptions = {
    ...formatOptions(flags),
    bigTiff: flags.bigtiff ? 'always' : 'auto',
    ifExists: flags.replace ? 'replace' : 'fail',
    signal,
    ...(bar && { onProgress: (progress) => bar.update(progress) }),
  };
  try {
    return await writeCog(output, source, {
      ...options,
      ...(output.startsWith('s3://') && (await accessTo(output, flags))),
    });
  } finally {
    bar?.end();
    await source.close?.();
  }
}

function notes({ removedCompanions, notCarried, averagedClasses }: WrittenCog): readonly Shown[] {
  return [
    ...removedCompanions.map((name) => shown`${name}: it spoke of the old pixels and was removed`),
    ...notCarried.map(noteOf),
    ...averagedClasses.map(noteOfClasses),
  ];
}

function sentence({ path, sizeBytes, overviews }: WrittenCog, seconds: number): Shown {
  const megabytes = (sizeBytes / 1e6).toFixed(1);
  return shown`${path}: ${megabytes} MB with ${overviews.length} overviews, ${seconds.toFixed(1)} s`;
}

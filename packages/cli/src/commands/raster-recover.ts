/** `holdfast raster recover`: what killed runs have left of mosaics. */
import { recoverVrt, type RecoverVrtOptions, type VrtLeftover } from '@holdfast/raster';
import type { Command } from 'commander';
import { wholeNumber } from '../flags.js';
import { interruptible } from '../interrupt.js';
import { jsonOf, print, shown, type Shown } from '../outputs.js';
import {
  isInStore,
  openStore,
  type StoreFlags,
  withStoreFlags,
  withTrustFlag,
} from '../store-flags.js';
import { duration } from './raster-inputs.js';

interface RecoverFlags extends StoreFlags {
  readonly dryRun?: boolean;
  readonly discard?: boolean;
  readonly keepFor?: number;
  readonly keepPrevious?: number;
  readonly json?: boolean;
}

export function addRasterRecoverCommand(raster: Command): void {
  const command = raster
    .command('recover')
    .description(
      'Bring back a lost index, clear away what killed runs have left, tell what can be resumed',
    )
    .argument(
      '<path>',
      'the index of a mosaic, whether it exists or not, or a directory of them; or an index in a bucket, s3://bucket/…',
    )
    .option('--dry-run', 'only say what would be done')
    .option('--discard', 'also remove finished tiles that could be resumed')
    .option(
      '--keep-for <time>',
      'in a bucket: younger tiles stay: 90s, 15m, 12h, 7d (1d)',
      duration,
    )
    .option('--keep-previous <n>', 'in a bucket: how many earlier mosaics stay (0)', wholeNumber)
    .option('--json', 'print what was found as one JSON array');
  withTrustFlag(withStoreFlags(command)).addHelpText('after', HELP).action(recover);
}

const HELP = `
The index of the last finished write is brought back where another program (GDAL, after it has computed statistics) has put an
older one in its place, or has broken it. Finished work is left, unless --discard is given: the same \`holdfast raster tile … --resume\` goes on from it.
In a bucket the tiles of earlier mosaics and of writers that have died are removed when they are old enough, as every write does at its end.

Examples:
  holdfast raster recover /srv/rasters --dry-run
  holdfast raster recover dem.vrt --discard --json | jq '.[].path'
  holdfast raster recover s3://bucket/dem.vrt --keep-for 7d --dry-run`;

async function recover(path: string, flags: RecoverFlags, command: Command): Promise<void> {
  const dryRun = flags.dryRun ?? false;
  const inStore = isInStore(path, command, [
    ...(['--dry-run', '--keep-for', '--keep-previous', '--json'] as const),
  ]);
  const { discard, keepFor: keepForMs, keepPrevious } = flags;
  const options = { dryRun, discard, keepForMs, keepPrevious };
  const left = inStore
    ? await recoverInStore(path, options, flags)
    : await recoverVrt(path, options);
  if (flags.json) print(jsonOf(left));
  else if (left.length === 0) print(shown`${path}: nothing was left`);
  else for (const each of left) print(line(each, dryRun));
}

async function recoverInStore(
  path: string,
  options: RecoverVrtOptions,
  flags: RecoverFlags,
): Promise<readonly VrtLeftover[]> {
  const { store } = await openStore('recover', path, flags);
  return interruptible((signal) => recoverVrt(path, { ...options, store, signal }));
}

const kinds: Readonly<Record<VrtLeftover['kind'], string>> = {
  index: 'an index that another program put back or broke',
  stage: 'a stage that nobody can resume',
  resumableStage: 'a stage that can be resumed',
  tiles: 'tiles that no index names',
  record: 'a record of finished tiles',
};

const done: Readonly<Record<VrtLeftover['action'], string>> = {
  kept: 'kept',
  removed: 'removed',
  broughtBack: 'brought back',
};
const planned: Readonly<Partial<typeof done>> = {
  removed: 'to be removed',
  broughtBack: 'to be brought back',
};

function line({ path, kind, finishedTileCount, action }: VrtLeftover, dryRun: boolean): Shown {
  const tiles = finishedTileCount > 0 ? `, ${finishedTileCount} finished tiles` : '';
  return shown`${(dryRun && planned[action]) || done[action]}\t${path}\t${kinds[kind]}${tiles}`;
}

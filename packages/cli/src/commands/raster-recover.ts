/** `holdfast raster recover`: what killed runs have left of mosaics. */
import { recoverVrt, type VrtLeftover } from '@holdfast/raster';
import type { Command } from 'commander';
import { jsonOf, print, shown, type Shown } from '../outputs.js';

interface RecoverFlags {
  readonly dryRun?: boolean;
  readonly discard?: boolean;
  readonly json?: boolean;
}

export function addRasterRecoverCommand(raster: Command): void {
  raster
    .command('recover')
    .description(
      'Bring back a lost index, clear away what killed runs have left, tell what can be resumed',
    )
    .argument('<path>', 'the index of a mosaic, whether it exists or not, or a directory of them')
    .option('--dry-run', 'only say what would be done')
    .option('--discard', 'also remove finished tiles that could be resumed')
    .option('--json', 'print what was found as one JSON array')
    .addHelpText('after', HELP)
    .action(recover);
}

const HELP = `
The index of the last finished write is brought back where another program (GDAL, after it has computed statistics) has put an
older one in its place, or has broken it. Finished work is left, unless --discard is given: the same \`holdfast raster tile … --resume\` goes on from it.

Examples:
  holdfast raster recover /srv/rasters --dry-run
  holdfast raster recover dem.vrt --discard --json | jq '.[].path'`;

async function recover(path: string, flags: RecoverFlags): Promise<void> {
  const dryRun = flags.dryRun ?? false;
  const left = await recoverVrt(path, { dryRun, discard: flags.discard ?? false });
  if (flags.json) print(jsonOf(left));
  else if (left.length === 0) print(shown`${path}: nothing was left`);
  else for (const each of left) print(line(each, dryRun));
}

const kinds: Readonly<Record<VrtLeftover['kind'], string>> = {
  index: 'an index that another program put back or broke',
  stage: 'a stage that nobody can resume',
  resumableStage: 'a stage that can be resumed',
  tiles: 'whole tiles that no index names',
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

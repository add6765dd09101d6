/** `holdfast raster recover`: what killed runs have left of mosaics. */
import { recoverVrt, type VrtLeftover } from '@holdfast/raster';
import type { Command } from 'commander';

interface RecoverFlags {
  readonly dryRun?: boolean;
  readonly discard?: boolean;
  readonly json?: boolean;
}

export function addRasterRecoverCommand(raster: Command): void {
  raster
    .command('recover')
    .description('Clear away what killed runs have left of a mosaic, and tell what can be resumed')
    .argument('<path>', 'the index of a mosaic, whether it exists or not, or a directory of them')
    .option('--dry-run', 'only say what would be done')
    .option('--discard', 'also remove finished tiles that could be resumed')
    .option('--json', 'print what was found as one JSON array')
    .addHelpText('after', HELP)
    .action(recover);
}

const HELP = `
Finished work is left, unless --discard is given: the same \`holdfast raster tile … --resume\` goes on from it.

Examples:
  holdfast raster recover /srv/rasters --dry-run
  holdfast raster recover dem.vrt --discard --json | jq '.[].path'`;

async function recover(path: string, flags: RecoverFlags): Promise<void> {
  const dryRun = flags.dryRun ?? false;
  const left = await recoverVrt(path, { dryRun, discard: flags.discard ?? false });
  if (flags.json) process.stdout.write(`${JSON.stringify(left)}\n`);
  else if (left.length === 0) process.stdout.write(`${path}: nothing was left\n`);
  else for (const each of left) process.stdout.write(line(each, dryRun));
}

const kinds: Readonly<Record<VrtLeftover['kind'], string>> = {
  stage: 'a stage that nobody can resume',
  resumableStage: 'a stage that can be resumed',
  tiles: 'whole tiles that no index names',
  record: 'a record of finished tiles',
};

function line({ path, kind, finishedTileCount, action }: VrtLeftover, dryRun: boolean): string {
  const tiles = finishedTileCount > 0 ? `, ${finishedTileCount} finished tiles` : '';
  return `${dryRun && action === 'removed' ? 'to be removed' : action}\t${path}\t${kinds[kind]}${tiles}\n`;
}

/**
 * `holdfast publish`, `orphans` and `doctor`: whole directories, what dead runs left of them, and
 * where they work.
 */
import { type Command } from 'commander';
import {
  isHoldfastError,
  listOrphans,
  probe,
  publishDirectory,
  sweepOrphans,
  type JsonValue,
  type Orphan,
  type ProbeReport,
  type SweptOrphan,
} from 'holdfast';
import type { StoreReport } from '@holdfast/objectstore';
import { type LockFlags, otherLockerOptions, wholeNumber, withOtherLockerFlags } from '../flags.js';
import { jsonOf, linesOf, print, shown, tell, type Shown } from '../outputs.js';
import { inOwnWords, messageInOwnWords } from '../own-words.js';
import { CommandFailed, runCommand } from '../run-command.js';
import { publishToStore } from '../publish-to-store.js';
import {
  isInStore,
  openStore,
  withStoreFlags,
  withTrustFlag,
  type StoreFlags,
} from '../store-flags.js';

interface PublishFlags extends StoreFlags, Omit<LockFlags, 'lockFile'> {
  readonly replace?: true;
  readonly ifUnchanged?: true;
  readonly twoRenames?: true;
  readonly keep?: number;
  readonly resume?: true;
  readonly json?: true;
}

interface OrphansFlags {
  readonly sweep?: true;
  readonly salvage?: string;
  readonly recursive?: true;
  readonly resumable?: true;
  readonly json?: true;
}

interface DoctorFlags extends StoreFlags {
  readonly json?: true;
}

/** Adds the commands to the program. */
export function addDirectoryCommands(program: Command): void {
  addPublish(program);
  addOrphans(program);
  addDoctor(program);
}

function addPublish(program: Command): void {
  const command = withTrustFlag(withStoreFlags(program.command('publish')))
    .description(
      'Run a command that fills a directory, and publish that directory whole if it succeeds.\n\n' +
        'The command finds the directory to fill in $HOLDFAST_STAGE, and {} in its arguments is replaced by it. ' +
        'When it fails nothing is published, and its exit status is the one of holdfast.\n\n' +
        'To a store, s3://bucket/prefix, the files are sent when the command has ended; PREFIX/current.json leads readers to them.',
    )
    .argument('<target>', 'the directory to publish, or s3://bucket/prefix')
    .argument('<command...>', 'the command, after --')
    .option('--replace', 'replace a target that is not empty')
    .option(
      '--if-unchanged',
      'with --replace: fail when somebody else has replaced the target meanwhile, in place of replacing theirs',
    )
    .option(
      '--two-renames',
      'with --replace: where two directories cannot be exchanged (NFS, most of FUSE), let the target be missing for an instant',
    )
    .option('--keep <n>', 'keep the last n replaced trees as TARGET.previous-<number>', wholeNumber)
    .option('--resume', 'keep what a failed run made, and go on from what an earlier one kept')
    .option('--json', 'print what was published as JSON');
  withOtherLockerFlags(command)
    .addHelpText(
      'after',
      `
Examples:
  holdfast publish site --replace -- hugo --destination {}
  holdfast publish data/2024 -- sh -c 'tar -x -C "$HOLDFAST_STAGE" -f data.tar'
  holdfast publish app --replace --keep 3 -- cp -a build/. {}
  holdfast publish s3://bucket/site --replace -- hugo --destination {}`,
    )
    .action(publish);
}

async function publish(
  target: string,
  command: readonly string[],
  flags: PublishFlags,
  program: Command,
): Promise<void> {
  const inStore = isInStore(target, program, ['--replace', '--if-unchanged', '--keep', '--json']);
  const fill = (directory: string): Promise<void> =>
    runCommand(
      filledIn(command, directory),
      { ...process.env, HOLDFAST_STAGE: directory },
      flags.json ? 'stderr' : 'stdout',
    );
  try {
    const published = await (inStore ? publishObjects : publishTree)(target, fill, flags);
    if (flags.json) print(jsonOf(published, 2));
  } catch (error) {
    const failed = isHoldfastError(error) ? error.cause : undefined;
    if (!(failed instanceof CommandFailed)) throw error;
    tell(shown`holdfast: ${failed.message}; ${target} was not published.`);
    process.exitCode = failed.exitStatus;
  }
}

type FillDirectory = (directory: string) => Promise<void>;

async function publishTree(
  target: string,
  fill: FillDirectory,
  flags: PublishFlags,
): Promise<JsonValue> {
  const { path, fileCount, previousPath } = await publishDirectory(
    target,
    (stage) => fill(stage.path),
    {
      ...replaceOptions(flags),
      resume: flags.resume ?? false,
      ...(flags.twoRenames && { withoutExchange: 'twoRenames' }),
      ...otherLockerOptions(flags),
    },
  );
  return { path, fileCount, previousPath: previousPath ?? null };
}

async function publishObjects(
  target: string,
  fill: FillDirectory,
  flags: PublishFlags,
): Promise<JsonValue> {
  return { ...(await publishToStore(target, fill, flags, replaceOptions(flags))) };
}

function replaceOptions({ replace, ifUnchanged, keep = 0 }: PublishFlags): {
  readonly ifExists: 'replace' | 'fail';
  readonly ifChanged: 'replace' | 'fail';
  readonly keepPrevious: number;
} {
  return {
    ifExists: replace ? 'replace' : 'fail',
    ifChanged: ifUnchanged ? 'fail' : 'replace',
    keepPrevious: keep,
  };
}

function filledIn(command: readonly string[], stagePath: string): string[] {
  return command.map((part) => part.replaceAll('{}', () => stagePath));
}

function addOrphans(program: Command): void {
  program
    .command('orphans')
    .description(
      'List what dead processes left in a directory: staged files and directories that nobody owns.',
    )
    .argument('<directory>', 'the directory to look in')
    .option('--sweep', 'remove them')
    .option('--salvage <directory>', 'move them into this directory')
    .option('--recursive', 'also look in the directories below')
    .option('--resumable', 'also sweep what was kept to be resumed')
    .option('--json', 'print them as JSON')
    .addHelpText(
      'after',
      `
Examples:
  holdfast orphans /srv/data
  holdfast orphans /srv/data --recursive --sweep
  holdfast orphans /srv/data --salvage /srv/rescued`,
    )
    .action(orphans);
}

async function orphans(directory: string, flags: OrphansFlags): Promise<void> {
  const recursive = flags.recursive ?? false;
  if (!flags.sweep && flags.salvage === undefined) {
    printItems(flags, await listOrphans(directory, { recursive }), orphanLine);
    return;
  }
  const swept = await sweepOrphans(directory, {
    recursive,
    resumable: flags.resumable ?? false,
    ...(flags.salvage === undefined ? {} : { salvageTo: flags.salvage }),
  });
  printItems(flags, swept, sweptLine);
  if (swept.some(({ error }) => error !== undefined)) process.exitCode = 1;
}

function orphanLine({ path, kind, owner }: Orphan): Shown {
  return shown`${kind}\towner ${owner}\t${path}`;
}

function sweptLine({ path, action, movedTo, owner, error }: SweptOrphan): Shown {
  if (movedTo !== undefined) return shown`${action}\t${path}\tto ${movedTo}`;
  if (action === 'removed') return shown`${action}\t${path}`;
  const why = error ? messageInOwnWords(error) : `its owner is ${owner}`;
  return shown`${action}\t${path}\t${why}`;
}

function addDoctor(program: Command): void {
  withStoreFlags(program.command('doctor'))
    .description(
      'Try in a directory what Holdfast needs, and print which of its guarantees hold there; or race an object store, and ' +
        'print whether it loses updates.\n\n' +
        'Exits with 0 when all of them hold, with 1 when one does not or cannot be known.',
    )
    .argument(
      '<place>',
      'the directory to try; a scratch directory is made in it and removed. Or s3://bucket/key, beside which objects are',
    )
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  holdfast doctor /srv/data
  holdfast doctor . --json
  holdfast doctor s3://bucket/state.json --region eu-central-1`,
    )
    .action(async (directory: string, flags: DoctorFlags, doctor: Command) => {
      if (isInStore(directory, doctor, ['--json'])) return doctorOfStore(directory, flags);
      const report = inWords(await probe(directory));
      print(flags.json ? jsonOf(report, 2) : doctorText(report));
      if (report.guarantees.some(({ holds }) => holds !== 'yes')) process.exitCode = 1;
    });
}

/** Races a store. Its credentials come from the environment. */
async function doctorOfStore(url: string, flags: DoctorFlags): Promise<void> {
  const { stores, store } = await openStore('doctor', url, flags);
  const report = await stores.probeStore(url, { store });
  print(flags.json ? jsonOf(report, 2) : storeText(report));
  if (report.checks.some(({ works }) => !works)) process.exitCode = 1;
}

function storeText({ endpoint, checks, losesUpdates }: StoreReport): Shown {
  return linesOf([
    shown`${'store'.padEnd(16)}${endpoint}`,
    shown``,
    shown`Tried:`,
    ...checks.map(({ name, works, detail }) => line(works ? 'ok' : 'FAILS', name, detail)),
    shown``,
    losesUpdates
      ? shown`It loses updates that it has acknowledged: use it for nothing that several writers update.`
      : shown`It was not found to lose updates. A trial finds a store guilty; it cannot acquit.`,
  ]);
}

/** Where something does not hold, the report says what to do. */
function inWords(report: ProbeReport): ProbeReport {
  const guarantees = report.guarantees.map(({ because, ...guarantee }) => ({
    ...guarantee,
    because: inOwnWords(because),
  }));
  return { ...report, guarantees };
}

function doctorText({ directory, filesystem, checks, guarantees }: ProbeReport): Shown {
  const facts = [
    ['directory', directory],
    ['filesystem', filesystem.name],
    ['mounted at', filesystem.mountPoint ?? 'unknown'],
    ['bind mount', filesystem.isBindMount ? 'yes: renames end at its edge' : 'no'],
    ['mount options', filesystem.mountOptions.join(',')],
    ['free', `${(filesystem.freeBytes / 2 ** 20).toFixed(0)} MiB`],
  ] as const;
  return linesOf([
    ...facts.map(([name, value]) => shown`${name.padEnd(16)}${value}`),
    shown``,
    shown`Tried:`,
    ...checks.map(({ name, works, detail }) => line(works ? 'ok' : 'FAILS', name, detail)),
    shown``,
    shown`Guarantees:`,
    ...guarantees.map(({ name, holds, because }) => line(verdicts[holds], name, because, 18)),
  ]);
}

const verdicts: Readonly<Record<ProbeReport['guarantees'][number]['holds'], string>> = {
  yes: 'yes',
  no: 'no',
  unknown: 'unknown',
  thisMachine: 'only this machine',
  thisMount: 'only this mount',
};

function line(mark: string, name: string, detail: string, width = 8): Shown {
  return shown`  ${mark.padEnd(width)}${name}${detail === '' ? '' : `: ${detail}`}`;
}

function printItems<T>(
  flags: { readonly json?: true },
  items: readonly T[],
  toLine: (item: T) => Shown,
): void {
  if (flags.json) print(jsonOf(items, 2));
  else for (const item of items) print(toLine(item));
}

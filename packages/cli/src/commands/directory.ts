/** `holdfast publish`, `orphans` and `doctor`: whole directories, what dead runs left of them, and where they work. */
import { InvalidArgumentError, type Command } from 'commander';
import {
  isHoldfastError,
  listOrphans,
  probe,
  publishDirectory,
  sweepOrphans,
  type Orphan,
  type ProbeReport,
  type SweptOrphan,
} from 'holdfast';
import { CommandFailed, runCommand } from '../run-command.js';

interface PublishFlags {
  readonly replace?: true;
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

/** Adds the commands to the program. */
export function addDirectoryCommands(program: Command): void {
  addPublish(program);
  addOrphans(program);
  addDoctor(program);
}

function addPublish(program: Command): void {
  program
    .command('publish')
    .description(
      'Run a command that fills a directory, and publish that directory whole if it succeeds.\n\n' +
        'The command finds the directory to fill in $HOLDFAST_STAGE, and {} in its arguments is replaced by it. ' +
        'When it fails nothing is published, and its exit status is the one of holdfast.',
    )
    .argument('<target>', 'the directory to publish')
    .argument('<command...>', 'the command, after --')
    .option('--replace', 'replace a target that is not empty')
    .option('--keep <n>', 'keep the last n replaced trees as TARGET.previous-<number>', wholeNumber)
    .option('--resume', 'keep what a failed run made, and go on from what an earlier one kept')
    .option('--json', 'print what was published as JSON')
    .addHelpText(
      'after',
      `
Examples:
  holdfast publish site --replace -- hugo --destination {}
  holdfast publish data/2024 -- sh -c 'tar -x -C "$HOLDFAST_STAGE" -f data.tar'
  holdfast publish app --replace --keep 3 -- cp -a build/. {}`,
    )
    .action(publish);
}

async function publish(
  target: string,
  command: readonly string[],
  flags: PublishFlags,
): Promise<void> {
  try {
    const { path, fileCount, previousPath } = await publishDirectory(
      target,
      (stage) =>
        runCommand(
          filledIn(command, stage.path),
          { ...process.env, HOLDFAST_STAGE: stage.path },
          flags.json ? 'stderr' : 'stdout',
        ),
      {
        ifExists: flags.replace ? 'replace' : 'fail',
        keepPrevious: flags.keep ?? 0,
        resume: flags.resume ?? false,
      },
    );
    if (flags.json) printJson({ path, fileCount, previousPath: previousPath ?? null });
  } catch (error) {
    const failed = isHoldfastError(error) ? error.cause : undefined;
    if (!(failed instanceof CommandFailed)) throw error;
    process.stderr.write(`holdfast: ${failed.message}; ${target} was not published.\n`);
    process.exitCode = failed.exitStatus;
  }
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
    print(flags, await listOrphans(directory, { recursive }), orphanLine);
    return;
  }
  const swept = await sweepOrphans(directory, {
    recursive,
    resumable: flags.resumable ?? false,
    ...(flags.salvage === undefined ? {} : { salvageTo: flags.salvage }),
  });
  print(flags, swept, sweptLine);
  if (swept.some(({ error }) => error !== undefined)) process.exitCode = 1;
}

function orphanLine({ path, kind, owner }: Orphan): string {
  return `${kind}\towner ${owner}\t${path}`;
}

function sweptLine({ path, action, movedTo, owner, error }: SweptOrphan): string {
  if (movedTo !== undefined) return `${action}\t${path}\tto ${movedTo}`;
  if (action === 'removed') return `${action}\t${path}`;
  return `${action}\t${path}\t${error?.message ?? `its owner is ${owner}`}`;
}

function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'Try in a directory what Holdfast needs, and print which of its guarantees hold there.\n\n' +
        'Exits with 0 when all of them hold, with 1 when one does not or cannot be known.',
    )
    .argument('<directory>', 'the directory to try; a scratch directory is made in it and removed')
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  holdfast doctor /srv/data
  holdfast doctor . --json`,
    )
    .action(async (directory: string, flags: { readonly json?: true }) => {
      const report = await probe(directory);
      if (flags.json) printJson(report);
      else process.stdout.write(doctorText(report));
      if (report.guarantees.some(({ holds }) => holds !== 'yes')) process.exitCode = 1;
    });
}

function doctorText({ directory, filesystem, checks, guarantees }: ProbeReport): string {
  const facts = [
    ['directory', directory],
    ['filesystem', filesystem.name],
    ['mounted at', filesystem.mountPoint ?? 'unknown'],
    ['bind mount', filesystem.isBindMount ? 'yes: renames end at its edge' : 'no'],
    ['mount options', filesystem.mountOptions.join(',')],
    ['free', `${(filesystem.freeBytes / 2 ** 20).toFixed(0)} MiB`],
  ] as const;
  return [
    ...facts.map(([name, value]) => `${name.padEnd(16)}${value}`),
    '',
    'Tried:',
    ...checks.map(({ name, works, detail }) => line(works ? 'ok' : 'FAILS', name, detail)),
    '',
    'Guarantees:',
    ...guarantees.map(({ name, holds, because }) => line(holds, name, because)),
    '',
  ].join('\n');
}

function line(mark: string, name: string, detail: string): string {
  return `  ${mark.padEnd(8)}${name}${detail === '' ? '' : `: ${detail}`}`;
}

function print<T>(
  flags: { readonly json?: true },
  items: readonly T[],
  toLine: (item: T) => string,
): void {
  if (flags.json) printJson(items);
  else for (const item of items) process.stdout.write(`${toLine(item)}\n`);
}

function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/u.test(text)) throw new InvalidArgumentError('it must be a whole number.');
  return Number(text);
}

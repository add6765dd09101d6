/**
 * `holdfast history`, `restore`: the versions of a file that `--keep` has kept, and one of them put
 * back.
 */
import type { Command } from 'commander';
import { listPrevious, restorePrevious, type PreviousVersion } from 'holdfast';
import { type LockFlags, lockOptions, positiveNumber, withLockFlags } from '../flags.js';
import { jsonOf, linesOf, print, shown, tell, type Shown } from '../outputs.js';

interface HistoryFlags {
  readonly directory?: string;
  readonly json?: true;
}

interface RestoreFlags extends HistoryFlags, LockFlags {
  readonly version?: number;
}

const directoryFlag = [
  '--directory <dir>',
  'where the versions lie, if --keep-in named a directory',
] as const;

/** Adds the commands to the program. */
export function addHistoryCommands(program: Command): void {
  addHistory(program);
  addRestore(program);
}

function addHistory(program: Command): void {
  program
    .command('history')
    .description('List the versions of a file that --keep has kept, the latest first.')
    .argument('<file>', 'the file, which may be missing; a symlink is followed')
    .option(...directoryFlag)
    .option('--json', 'print the list as JSON')
    .addHelpText(
      'after',
      `
Examples:
  holdfast history config.json
  holdfast history config.json --json | jq -r '.[0].path'
  diff config.json "$(holdfast history config.json --json | jq -r '.[0].path')"`,
    )
    .action(history);
}

async function history(file: string, { directory, json }: HistoryFlags): Promise<void> {
  const versions = await listPrevious(file, { previousDirectory: directory });
  if (json) print(jsonOf(versions, 2));
  else if (versions.length > 0) print(linesOf(versions.map(lineOf)));
}

function addRestore(program: Command): void {
  const command = program
    .command('restore')
    .description(
      'Put a version of a file back in its place, under the lock of the file: the latest, or the one that is named.\n\n' +
        'What the file holds now is kept as the latest version, so restoring once more undoes it. The file may be missing ' +
        'or broken. Exit status 3 when there is no such version.',
    )
    .argument('<file>', 'the file; a symlink is followed')
    .option('--version <number>', 'one that history lists', positiveNumber)
    .option(...directoryFlag)
    .option('--json', 'print what was restored, and what was kept, as JSON');
  withLockFlags(command)
    .addHelpText(
      'after',
      `
Examples:
  holdfast restore config.json
  holdfast restore config.json --version 3`,
    )
    .action(restore);
}

async function restore(file: string, flags: RestoreFlags): Promise<void> {
  const { version, directory, json } = flags;
  const done = await restorePrevious(file, {
    version,
    previousDirectory: directory,
    ...lockOptions(flags),
  });
  if (json) return void print(jsonOf({ ...done, kept: done.kept ?? null }, 2));
  const { restored, kept } = done;
  tell(shown`holdfast: ${file} is as in ${restored.path}`);
  if (kept) tell(shown`holdfast: what it held is ${kept.path}`);
}

function lineOf({ version, path, sizeBytes, modifiedMs }: PreviousVersion): Shown {
  return shown`${version}\t${new Date(modifiedMs).toISOString()}\t${sizeBytes} bytes\t${path}`;
}

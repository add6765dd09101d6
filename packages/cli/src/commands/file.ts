/**
 * `holdfast put`, `lock`, `watch`: one file replaced whole from standard input, and a command run
 * under its lock or at its changes.
 */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { lockEnvironment, replaceFile, watchFile, withLock, type Durability } from 'holdfast';
import { interruptible } from '../interrupt.js';
import {
  type InPlaceFlag,
  inPlaceOption,
  keepOptions,
  type KeepFlags,
  type LockFlags,
  lockOptions,
  seconds,
  withKeepFlags,
  withLockFlags,
} from '../flags.js';
import { shown, tell } from '../outputs.js';
import { CommandFailed, runCommand } from '../run-command.js';
import { standardInput } from '../standard-input.js';

interface PutFlags extends InPlaceFlag, KeepFlags, LockFlags {
  readonly mode?: number;
  readonly secret?: true;
  readonly setId: 'drop' | 'keep';
  readonly durability: Durability;
  readonly ifExists: 'replace' | 'fail';
  readonly symlinks: 'follow' | 'refuse';
}

interface LockCommandFlags extends LockFlags {
  readonly shared?: true;
  readonly fileMode?: number;
}

/** Adds the commands to the program. */
export function addFileCommands(program: Command): void {
  addPut(program);
  addLock(program);
  addWatch(program);
}

function addPut(program: Command): void {
  const command = program
    .command('put')
    .description(
      'Replace a file whole by what standard input holds, however long it is.\n\n' +
        'The file changes when the input has ended and is on disk, not before: a command may read the file that the ' +
        'pipe writes. Whoever opens it reads the old file or the new one, never a mix.',
    )
    .argument('<file>', 'the file to replace; a symlink is followed')
    .option('--mode <octal>', 'the exact permissions; otherwise those of the old file', octalMode)
    .option('--secret', 'owned and readable by this user alone, from the first byte on (0600)')
    .addOption(choice('--set-id <what>', "the old file's set-ID bits", ['drop', 'keep']))
    .addOption(
      choice(
        '--durability <kind>',
        'what a finished call survives: a power loss, or a process kill',
        ['durable', 'atomic'],
      ),
    )
    .addOption(
      choice('--if-exists <what>', 'what to do with an existing file', ['replace', 'fail']),
    )
    .addOption(choice('--symlinks <what>', 'what to do with a symlink', ['follow', 'refuse']))
    .addOption(inPlaceOption());
  // The lock is taken where versions are kept.
  withLockFlags(withKeepFlags(command))
    .addHelpText(
      'after',
      `
Examples:
  jq .dependencies package.json | holdfast put package.json
  pg_dump db | holdfast put --if-exists fail backup.sql
  ./make-config | holdfast put --in-place /etc/app.conf        # bound into a container, or with hard links
  ./make-config | holdfast put --keep 5 config.ini             # and then: holdfast history config.ini
  vault read -field=token app | holdfast put --secret ~/.config/app/token

In a pipe, a command that fails halfway still ends the input. With bash, say 'set -o pipefail' to notice,
or write to a stage first: holdfast publish.`,
    )
    .action(put);
}

async function put(file: string, flags: PutFlags): Promise<void> {
  const input = standardInput();
  const controller = new AbortController();
  const end = (signal: NodeJS.Signals): void => {
    controller.abort(new Error(`ended by ${signal}`));
    input.destroy();
  };
  process.once('SIGINT', end).once('SIGTERM', end).once('SIGHUP', end);
  const { mode, secret, setId, durability, ifExists, symlinks, inPlace } = flags;
  await replaceFile(file, input as AsyncIterable<Uint8Array>, {
    mode,
    secret,
    setId,
    durability,
    ifExists,
    symlinks,
    inPlace,
    ...keepOptions(flags),
    ...lockOptions(flags),
    signal: controller.signal,
  });
}

function addLock(program: Command): void {
  const command = program
    .command('lock')
    .description(
      'Run a command while holding the lock of a file, and exit with its status.\n\n' +
        "The lock of FILE is flock(2) on FILE.lock, the one that Holdfast's own calls take on FILE. It is free again " +
        'when the command has ended, or when holdfast dies, however.',
    )
    .argument('<file>', 'the file, which need not exist; its directory must')
    .argument('<command...>', 'the command, after --')
    .option('--shared', 'share the lock with others who only read')
    .option('--file-mode <octal>', 'the mode of the lock file if it is made (0644)', octalMode);
  withLockFlags(command)
    .addHelpText(
      'after',
      `
Examples:
  holdfast lock state.json -- ./migrate.sh state.json
  holdfast lock --shared --timeout 5 data -- tar -c data
  flock state.json.lock ./other.sh                             # flock(1): the same lock as the first
  holdfast lock --guard proper-lockfile token -- ./move.sh     # beside a program that uses proper-lockfile
  holdfast lock --lock-file /run/app.lock app -- ./other.sh    # the same lock as: flock /run/app.lock

A command that takes the lock of FILE itself, by holdfast or a program that uses Holdfast, is refused: it would wait
for itself.

Exit status: the command's; 8 when the lock was not free in time; 126 or 127 when the command cannot be run.`,
    )
    .action(lock);
}

async function lock(
  file: string,
  command: readonly string[],
  flags: LockCommandFlags,
): Promise<void> {
  try {
    const run = async (): Promise<void> =>
      runCommand(command, { ...process.env, ...(await lockEnvironment()) }, 'stdout');
    await withLock(file, run, {
      mode: flags.shared ? 'shared' : 'exclusive',
      ...lockOptions(flags),
      fileMode: flags.fileMode,
    });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    process.exitCode = error.exitStatus;
    if (error.exitStatus === 126 || error.exitStatus === 127) {
      tell(shown`holdfast: ${error.message}`);
    }
  }
}

function addWatch(program: Command): void {
  program
    .command('watch')
    .description(
      'Run a command now and after every change of a file, until a signal ends it.\n\n' +
        'A change is one of the content, however it was made: replaced, written in place, removed and made again, behind ' +
        'symlinks or with its directory. One command runs at a time; changes meanwhile make it run once more. It does not ' +
        'run while the file is missing, and how it ends is told and does not end the watch.',
    )
    .argument('<file>', 'the file, which need not exist')
    .argument('<command...>', 'the command, after --')
    .option(
      '--poll <seconds>',
      'how often to read where the kernel tells of no changes (1)',
      seconds,
    )
    .addHelpText(
      'after',
      `
Examples:
  holdfast watch nginx.conf -- nginx -s reload
  holdfast watch config.json -- sh -c 'holdfast json get config.json /version'`,
    )
    .action(watch);
}

async function watch(
  file: string,
  command: readonly string[],
  { poll }: { readonly poll?: number },
): Promise<void> {
  await interruptible(async (signal) => {
    const pollMs = poll === undefined ? undefined : poll * 1000;
    for await (const content of watchFile(file, { signal, persistent: true, pollMs })) {
      if (content === undefined) continue;
      await runCommand(command, process.env, 'stdout').catch((error: unknown) => {
        if (!(error instanceof CommandFailed)) throw error;
        tell(shown`holdfast: ${error.message}`);
      });
    }
  });
}

/** An option with a few words to choose from, the first of which is the default. */
function choice(flags: string, description: string, words: readonly string[]): Option {
  return new Option(flags, description).choices(words).default(words[0]);
}

function octalMode(text: string): number {
  if (!/^[0-7]{1,4}$/.test(text)) throw new InvalidArgumentError('Permissions are octal: 0600.');
  return Number.parseInt(text, 8);
}

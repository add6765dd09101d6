/** `holdfast put` and `lock`: one file replaced whole from standard input, and a command run under a file's lock. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { replaceFile, withLock, type Durability } from 'holdfast';
import { CommandFailed, runCommand } from '../run-command.js';

interface PutFlags {
  readonly mode?: number;
  readonly secret?: true;
  readonly durability: Durability;
  readonly ifExists: 'replace' | 'fail';
  readonly symlinks: 'follow' | 'refuse';
  readonly inPlace: 'never' | 'ifNeeded';
}

interface LockFlags {
  readonly shared?: true;
  readonly timeout?: number;
  readonly lockFile?: string;
}

/** Adds the commands to the program. */
export function addFileCommands(program: Command): void {
  addPut(program);
  addLock(program);
}

function addPut(program: Command): void {
  program
    .command('put')
    .description(
      'Replace a file whole by what standard input holds, however long it is.\n\n' +
        'The file changes when the input has ended and is on disk, not before: a command may read the file that the ' +
        'pipe writes. Whoever opens it reads the old file or the new one, never a mix.',
    )
    .argument('<file>', 'the file to replace; a symlink is followed')
    .option('--mode <octal>', 'the exact permissions; otherwise those of the old file', octalMode)
    .option('--secret', 'readable by its owner alone, from the first byte on (0600)')
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
    .addOption(
      choice('--in-place <when>', 'overwrite a file that cannot be replaced; not crash safe', [
        'never',
        'ifNeeded',
      ]),
    )
    .addHelpText(
      'after',
      `
Examples:
  jq .dependencies package.json | holdfast put package.json
  pg_dump db | holdfast put --if-exists fail backup.sql
  vault read -field=token app | holdfast put --secret ~/.config/app/token

In a pipe, a command that fails halfway still ends the input. With bash, say 'set -o pipefail' to notice,
or write to a stage first: holdfast publish.`,
    )
    .action(put);
}

async function put(file: string, flags: PutFlags): Promise<void> {
  const controller = new AbortController();
  const end = (signal: NodeJS.Signals): void => {
    controller.abort(new Error(`ended by ${signal}`));
    process.stdin.destroy();
  };
  process.once('SIGINT', end).once('SIGTERM', end).once('SIGHUP', end);
  const { mode, secret, durability, ifExists, symlinks, inPlace } = flags;
  await replaceFile(file, process.stdin as AsyncIterable<Uint8Array>, {
    mode,
    secret,
    durability,
    ifExists,
    symlinks,
    inPlace,
    signal: controller.signal,
  });
}

function addLock(program: Command): void {
  program
    .command('lock')
    .description(
      'Run a command while holding the lock of a file, and exit with its status.\n\n' +
        "The lock of FILE is flock(2) on FILE.lock, the one that Holdfast's own calls take on FILE. It is free again " +
        'when the command has ended, or when holdfast dies, however.',
    )
    .argument('<file>', 'the file, which need not exist; its directory must')
    .argument('<command...>', 'the command, after --')
    .option('--shared', 'share the lock with others who only read')
    .option('--timeout <seconds>', 'give up after this time; 0 tries once', seconds)
    .option('--lock-file <path>', 'take this lock file in place of FILE.lock')
    .addHelpText(
      'after',
      `
Examples:
  holdfast lock state.json -- ./migrate.sh state.json
  holdfast lock --shared --timeout 5 data -- tar -c data
  flock state.json.lock ./other.sh                             # flock(1): the same lock as the first
  holdfast lock --lock-file /run/app.lock app -- ./other.sh    # the same lock as: flock /run/app.lock

Exit status: the command's; 8 when the lock was not free in time; 126 or 127 when the command cannot be run.`,
    )
    .action(lock);
}

async function lock(file: string, command: readonly string[], flags: LockFlags): Promise<void> {
  try {
    await withLock(file, () => runCommand(command, process.env, 'stdout'), {
      mode: flags.shared ? 'shared' : 'exclusive',
      timeoutMs: flags.timeout === undefined ? undefined : flags.timeout * 1000,
      lockPath: flags.lockFile,
    });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    process.exitCode = error.exitStatus;
    if (error.exitStatus === 126 || error.exitStatus === 127) {
      process.stderr.write(`holdfast: ${error.message}\n`);
    }
  }
}

/** An option with a few words to choose from, the first of which is the default. */
function choice(flags: string, description: string, words: readonly string[]): Option {
  return new Option(flags, description).choices(words).default(words[0]);
}

function octalMode(text: string): number {
  if (!/^[0-7]{1,4}$/.test(text)) throw new InvalidArgumentError('Permissions are octal: 0600.');
  return Number.parseInt(text, 8);
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0) return value;
  throw new InvalidArgumentError('A time is a number of seconds, 0 or more.');
}

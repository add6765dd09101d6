/** `holdfast parts …`: one directory, made in parts by many processes and machines. */
import { isHoldfastError, type PartsProgress } from 'holdfast';
import type { Command } from 'commander';
import { positiveNumber, wholeNumber, withTimeout } from '../flags.js';
import { interruptible } from '../interrupt.js';
import { jsonOf, print, shown, tell, type Shown } from '../outputs.js';
import { partStatus } from '../part-status.js';
import { directoryTarget, type PartsTarget, storeTarget } from '../parts-target.js';
import { CommandFailed, runCommand } from '../run-command.js';
import { isInStore, type StoreFlags, withStoreFlags, withTrustFlag } from '../store-flags.js';

interface TimeFlag extends StoreFlags {
  /** In seconds. */
  readonly timeout?: number;
}

interface BeginFlags extends TimeFlag {
  readonly job?: string;
  readonly replace?: true;
  readonly keep?: number;
  readonly twoRenames?: true;
}

interface CommitFlags extends TimeFlag {
  readonly sizesOnly?: true;
  readonly json?: true;
}

interface ProgressFlags extends StoreFlags {
  readonly json?: true;
}

/** Flags that mean something on a filesystem and in a store. */
const inBoth = ['--job', '--replace', '--keep', '--timeout', '--sizes-only', '--json'];

/** What a target is, of the commands. */
const TARGET = 'the directory to publish in the end, or s3://bucket/prefix';

/** @throws HoldfastError INVALID_ARGUMENT for a flag that the target has no use for */
async function targetOf(target: string, command: Command): Promise<PartsTarget> {
  return isInStore(target, command, inBoth)
    ? storeTarget(command.name(), target, command.opts<StoreFlags>())
    : directoryTarget(target);
}

/** What every command of this kind says at the end of its help. */
export const PART_STATUSES = `
Exit status: 0 done, or it was done before; 1 may be tried again; 2 a mistake in the arguments; 3 do not try again, it
would fail in the same way (the session is gone, the input is wrong, …); 4 parts are missing; 130 interrupted.`;

export function addPartsCommands(program: Command): void {
  const parts = program
    .command('parts')
    .description(
      'Make one directory in parts, on any number of machines that share its filesystem or its store, and publish it whole',
    );
  addBegin(parts);
  addWrite(parts);
  addCommit(parts);
  addProgress(parts);
  addAbandon(parts);
}

function addBegin(parts: Command): void {
  withTimeout(
    withTrustFlag(withStoreFlags(parts.command('begin')))
      .description(
        'Begin a session and print its id; the same command again prints the same id, also after the commit',
      )
      .argument('<target>', TARGET)
      .argument('<count>', 'how many parts there are, numbered from 0', positiveNumber)
      .option('--job <text>', 'says what is made: a session of another text is refused')
      .option('--replace', 'replace a target that is not empty')
      .option(
        '--keep <n>',
        'keep the last n replaced trees as TARGET.previous-<number>',
        wholeNumber,
      )
      .option(
        '--two-renames',
        'with --replace: where two directories cannot be exchanged (NFS, most of FUSE), let the target be missing for an instant',
      ),
  )
    .addHelpText(
      'after',
      examples(`
  id=$(holdfast parts begin /srv/data/2026 200)
  holdfast parts begin /srv/site 12 --replace --job "$(git rev-parse HEAD)"
  holdfast parts begin s3://bucket/2026 200`),
    )
    .action((target: string, partCount: number, flags: BeginFlags, command: Command) =>
      partStatus(async () => {
        const { id } = await (
          await targetOf(target, command)
        ).begin({
          partCount,
          job: flags.job ?? null,
          ifExists: flags.replace ? 'replace' : 'fail',
          keepPrevious: flags.keep ?? 0,
          ...(flags.twoRenames && { withoutExchange: 'twoRenames' }),
          timeoutMs: milliseconds(flags),
        });
        print(shown`${id}`);
      }),
    );
}

function addWrite(parts: Command): void {
  withTrustFlag(withStoreFlags(parts.command('write')))
    .description(
      'Run a command that makes one part, and keep what it has made if it succeeds.\n\n' +
        'The command finds the directory for its files in $HOLDFAST_STAGE, and {} in its arguments is replaced by it; they get the ' +
        'paths below the target that they have below it. A part that is done is not made again. Two runs of one part must make the ' +
        'same bytes. When the command fails the exit status is 1.',
    )
    .argument('<target>', TARGET)
    .argument('<id>', 'the session')
    .argument('<part>', 'which part, from 0 on', wholeNumber)
    .argument('<command...>', 'the command, after --')
    .addHelpText(
      'after',
      examples(`
  holdfast parts write /srv/data/2026 $id $SLURM_ARRAY_TASK_ID -- ./make-part --out {}
  holdfast parts write s3://bucket/2026 $id $JOB_COMPLETION_INDEX -- ./make-part --out {}
  seq 0 199 | parallel holdfast parts write /srv/data/2026 $id {} -- sh -c \\''make-part > "$HOLDFAST_STAGE/$HOLDFAST_PART"'\\'`),
    )
    .action((...[target, id, part, words, , command]: WriteArguments) =>
      partStatus(async () => writePart(await targetOf(target, command), id, part, words)),
    );
}

type WriteArguments = readonly [
  target: string,
  id: string,
  part: number,
  words: readonly string[],
  flags: StoreFlags,
  command: Command,
];

async function writePart(
  target: PartsTarget,
  id: string,
  part: number,
  command: readonly string[],
): Promise<void> {
  const session = await target.join(id);
  try {
    await session.writePart(part, (directory) =>
      runCommand(
        command.map((word) => word.replaceAll('{}', () => directory)),
        { ...process.env, HOLDFAST_STAGE: directory, HOLDFAST_PART: String(part) },
        'stdout',
      ),
    );
  } catch (error) {
    const failed = isHoldfastError(error) ? error.cause : undefined;
    if (!(failed instanceof CommandFailed)) throw error;
    tell(shown`holdfast: ${failed.message}; part ${part} is not done.`);
    process.exitCode = 1;
  }
}

function addCommit(parts: Command): void {
  withTimeout(
    withTrustFlag(withStoreFlags(parts.command('commit')))
      .description(
        'Read all parts again, publish them as one directory and end the session; again, it gives the same answer',
      )
      .argument('<target>', TARGET)
      .argument('<id>', 'the session')
      .option('--sizes-only', 'look at the sizes of the files, and do not read them again')
      .option('--json', 'print what was published as JSON'),
  )
    .addHelpText(
      'after',
      examples(`
  holdfast parts commit /srv/data/2026 $id`),
    )
    .action((target: string, id: string, flags: CommitFlags, command: Command) =>
      partStatus(() =>
        interruptible(async (signal) => {
          const session = await (await targetOf(target, command)).join(id);
          const published = await session.commit({
            verify: flags.sizesOnly ? 'size' : 'checksum',
            timeoutMs: milliseconds(flags),
            signal,
          });
          const { path, fileCount } = published;
          print(flags.json ? jsonOf(published, 2) : shown`${path}: ${fileCount} files`);
        }),
      ),
    );
}

function addProgress(parts: Command): void {
  withStoreFlags(parts.command('progress'))
    .description('Print how many parts are done, by a look at the session')
    .argument('<target>', TARGET)
    .argument('<id>', 'the session')
    .option('--json', 'print which parts, as JSON')
    .addHelpText(
      'after',
      examples(`
  holdfast parts progress /srv/data/2026 $id
  holdfast parts progress /srv/data/2026 $id --json`),
    )
    .action((target: string, id: string, flags: ProgressFlags, command: Command) =>
      partStatus(async () => {
        const progress = await (await (await targetOf(target, command)).join(id)).progress();
        print(flags.json ? jsonOf(progress, 2) : progressLine(progress));
      }),
    );
}

/** How far a session has come, in one line. */
export function progressLine({ state, partCount, done, begun }: PartsProgress): Shown {
  return shown`${state}: ${done.length} of ${partCount} parts done, ${begun.length} more begun`;
}

function addAbandon(parts: Command): void {
  withTimeout(
    withTrustFlag(withStoreFlags(parts.command('abandon')))
      .description('End a session without a commit, and remove what its parts have made')
      .argument('<target>', TARGET)
      .argument('<id>', 'the session'),
  )
    .addHelpText(
      'after',
      examples(`
  holdfast parts abandon /srv/data/2026 $id`),
    )
    .action((target: string, id: string, flags: TimeFlag, command: Command) =>
      partStatus(async () => {
        await (await targetOf(target, command)).abandon(id, milliseconds(flags));
      }),
    );
}

function examples(lines: string): string {
  return `\nExamples:${lines}\n${PART_STATUSES}`;
}

function milliseconds({ timeout }: TimeFlag): number | undefined {
  return timeout === undefined ? undefined : timeout * 1000;
}

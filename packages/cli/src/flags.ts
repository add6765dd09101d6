/** What several commands take: the flags of a lock, and the arguments of flags as values. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { InPlace, LockChoice, SetAsideOptions } from 'holdfast';

/** What {@link withLockFlags} adds. */
export interface LockFlags {
  /** In seconds. */
  readonly timeout?: number;
  readonly lockFile?: string;
  readonly guard?: 'proper-lockfile';
  /** In seconds. */
  readonly guardStale?: number;
  readonly alsoFcntl?: true;
}

/**
 * `--timeout`, `--lock-file` and other lockers, the same for every command that waits for the lock
 * of one path.
 */
export function withLockFlags(command: Command): Command {
  return withOtherLockerFlags(command).option(
    '--lock-file <path>',
    'take this lock file in place of FILE.lock',
  );
}

/** `--timeout` and other lockers, for a command that knows the lock files of its paths by itself. */
export function withOtherLockerFlags(command: Command): Command {
  const guard = new Option(
    '--guard <program>',
    'take its lock as well, the directory FILE.lock; the lock file is FILE.flock',
  );
  const guardStale = new Option(
    '--guard-stale <seconds>',
    'how old its lock is when its program is dead (10)',
  );
  return withTimeout(command)
    .addOption(guard.choices(['proper-lockfile']))
    .addOption(guardStale.argParser(seconds).implies({ guard: 'proper-lockfile' }))
    .option('--also-fcntl', 'lock the lock file by fcntl(2) as well, for Java, Boost and lockf');
}

/** `--timeout`: in seconds, as flock(1) and timeout(1) have it. */
export function withTimeout(command: Command): Command {
  return command.option(
    '--timeout <seconds>',
    'wait for so long at most; 0 tries once (no limit)',
    waitSeconds,
  );
}

/** The same as options of the library. */
export function lockOptions(
  flags: LockFlags,
): LockChoice & { readonly timeoutMs: number | undefined } {
  return { ...otherLockerOptions(flags), lockPath: flags.lockFile };
}

/** The same of {@link withOtherLockerFlags}. */
export function otherLockerOptions(
  flags: LockFlags,
): Omit<LockChoice, 'lockPath'> & { readonly timeoutMs: number | undefined } {
  const { timeout, guard, guardStale, alsoFcntl } = flags;
  return {
    timeoutMs: timeout === undefined ? undefined : timeout * 1000,
    guard: guard && { type: guard, staleMs: guardStale && guardStale * 1000 },
    alsoFcntl,
  };
}

/** What {@link withKeepFlags} adds. */
export interface KeepFlags {
  readonly keep?: number;
  readonly keepIn?: string;
}

/** `--keep` and `--keep-in`, the same for every command that replaces a file. */
export function withKeepFlags(command: Command): Command {
  return command
    .option(
      '--keep <count>',
      'keep so many of the versions that were replaced, as FILE.previous-N (none)',
      wholeNumber,
    )
    .option('--keep-in <dir>', 'keep them in this directory in place of that of FILE');
}

/** The same as options of the library. */
export function keepOptions({ keep, keepIn }: KeepFlags): {
  readonly keepPrevious: number | undefined;
  readonly previousDirectory: string | undefined;
} {
  return { keepPrevious: keep, previousDirectory: keepIn };
}

/** What {@link inPlaceOption} adds. */
export interface InPlaceFlag {
  readonly inPlace?: InPlace;
}

const inPlaceWords: readonly string[] = ['never', 'ifNeeded', 'always'] satisfies InPlace[];

/** `--in-place`, the same for every command that replaces a file. */
export function inPlaceOption(): Option {
  const help =
    'overwrite the file where it is, safely: one that cannot be replaced (a mount point, a file with hard links, a directory ' +
    'that is not writable), or always, for who follows its inode; alone: ifNeeded';
  return new Option('--in-place [when]', help).choices(inPlaceWords).preset('ifNeeded');
}

/** `--in-place FILE`: the file is no answer to when, and says so by being none of the words. */
export function withInPlaceAlone(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  return args.map((arg, index) => {
    const isOption = arg === '--in-place' && (end === -1 || index < end);
    return isOption && !inPlaceWords.includes(args[index + 1] ?? '') ? `${arg}=ifNeeded` : arg;
  });
}

/** `--on-empty`, for a document whose file holds nothing. */
export function onEmptyOption(): Option {
  const help = 'what to do with a file that exists and is empty; looked at again, then judged';
  return new Option('--on-empty <what>', help).choices(['initial', 'error', 'wait']);
}

/** What {@link withSetAsideFlags} adds. */
export interface SetAsideFlags {
  readonly setAsideCount?: number;
  /** In days. */
  readonly setAsideAge?: number;
}

/**
 * `--set-aside-count` and `--set-aside-age`, for every command that sets aside what it cannot use.
 */
export function withSetAsideFlags(command: Command): Command {
  return command
    .option(
      '--set-aside-count <count>',
      'of what was set aside (FILE.corrupt-*, FILE.torn-*) the newest stay, so many (32)',
      positiveNumber,
    )
    .option(
      '--set-aside-age <days>',
      'and of those what was set aside so many days ago or less (90)',
      wholeNumber,
    );
}

/** The same as options of the library. */
export function setAsideOptions({ setAsideCount, setAsideAge }: SetAsideFlags): SetAsideOptions {
  return { keepSetAside: { count: setAsideCount, maxAgeDays: setAsideAge } };
}

/** `--restore`, for a document that cannot be parsed. */
export function restoreOption(): Option {
  const help =
    'take the latest version that can be read for a file that cannot, which is kept as FILE.corrupt-<id>';
  return new Option('--restore', help);
}

export function onCorruptOf({ restore }: { readonly restore?: true }): 'restore' | 'error' {
  return restore ? 'restore' : 'error';
}

/** A number of 0 or more. */
export function wholeNumber(text: string): number {
  if (/^\d{1,15}$/u.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a whole number.');
}

/** A number of 1 or more. */
export function positiveNumber(text: string): number {
  if (/^[1-9]\d{0,14}$/u.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a whole number of 1 or more.');
}

function waitSeconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0) return value;
  throw new InvalidArgumentError('A time is a number of seconds, 0 or more.');
}

/** A number of seconds, more than 0. */
export function seconds(text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new InvalidArgumentError('It is a number of seconds, more than 0.');
}

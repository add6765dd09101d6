/**
 * Rotates a log: what it holds becomes `<log>.1`, what was that becomes `<log>.2`, and so on, as
 * logrotate(8) names them; and a new log takes its place, which begins with the head of the old one
 * and the records that made it too long.
 *
 * Under the lock of the log, through its directory:
 *
 * 1. if all numbers up to `keep` are taken, remove the last of them, and any beyond (no sync: what
 *    gets its number takes its name)
 * 2. rename each file below the first free number to the next one, the last of them first; sync the
 *    directory after each, since a power loss may keep a later rename and lose an earlier one
 * 3. give the log the further name `<log>.1`, durably (where there are no hard links: rename it,
 *    which leaves no log for a moment)
 * 4. stage the new log and rename it onto the log (file/)
 *
 * Invariant: after each step every record is in exactly one file, or, between 3 and 4, in one that
 * has two names; only 1 removes any. A crash after 1 or within 2 leaves a free number, which the
 * next rotation fills and no other; a crash after 3 leaves a log that is `<log>.1` as well, which
 * whoever writes the log next brings to its end with 4.
 *
 * Of a name whose sync failed nobody knows whether it reached the disk, and no later sync tells. So
 * a rename of 2 is taken back then, which leaves what the disk has; and 4 is done once more with
 * another file.
 */
import { Buffer } from 'node:buffer';
import { HoldfastError, isHoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import { replaceTarget } from '../file/replace-file.js';
import { resolveTarget } from '../file/resolve-target.js';
import { invalidArgument } from '../options.js';
import type { FileStat, Fs, FsDirectory } from '../os/fs.js';
import {
  closeQuietly,
  inDirectoryOf,
  isSameFile,
  lookAt,
  openResolved,
  pathIn,
  unlinkIfThere,
} from '../os/handles.js';
import type { ChildName } from '../os/tree.js';
import { linkAs, type NamedFile } from '../stage/second-name.js';
import { syncDirectory } from '../stage/directory-sync.js';
import type { KeyChoice, RankChoice } from './compact-rule.js';
import type { LogFormat } from './log-format.js';
import { readHeadBytes } from './log-bytes.js';
import { whileOpen } from './rewrite-log.js';

/** When a log is rotated, and what stays of it. */
export interface RotationOptions {
  /**
   * The log is rotated, under its lock, before an append that would make it longer than so many
   * bytes: what it holds becomes `<log>.1`, what was that `<log>.2`, and so on. It is longer only
   * where one call's records are. Default: never.
   */
  readonly maxBytes?: number | undefined;
  /**
   * With `maxBytes`: how many rotated logs stay, 1 or more; the oldest beyond that are removed.
   * Default: all. Each rotation renames and syncs once for every one that stays.
   */
  readonly keep?: number | undefined;
  /**
   * With `maxBytes`: which records are of one thing, as for `compactRecords`. A log that is too
   * long is compacted first, and rotated only where more than half of `maxBytes` is left of it, or
   * where it cannot be compacted (a line is damaged, a record lacks the key).
   */
  readonly key?: KeyChoice | undefined;
  /** With `key`: which record of a key was written last, as for `compactRecords`. */
  readonly latestBy?: RankChoice | undefined;
}

export const rotationOptionNames = ['maxBytes', 'keep', 'key', 'latestBy'] as const;

/** Refuses what makes no sense. */
export function checkRotation(
  call: string,
  path: string,
  { maxBytes, keep, key, latestBy }: RotationOptions,
): void {
  const refuse = (message: string): never => {
    throw invalidArgument(call, message, path);
  };
  if (maxBytes === undefined && (keep ?? key ?? latestBy) !== undefined) {
    refuse('keep, key and latestBy say what becomes of a log that is too long: they need maxBytes');
  }
  if (maxBytes !== undefined && !isCount(maxBytes)) {
    refuse('maxBytes is a number of bytes, 1 or more');
  }
  if (keep !== undefined && keep !== Infinity && !isCount(keep)) {
    refuse('keep is a number of rotated logs, 1 or more');
  }
  if (latestBy !== undefined && key === undefined) {
    refuse('latestBy says which record of a key was written last: it needs key');
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

export function rotatedName(name: string, number: number): string {
  return `${name}.${number}`;
}

/** Whether a rotation died between its steps 3 and 4: the log is `<log>.1` as well. */
export async function isHalfRotated(fs: Fs, path: string, stat: FileStat): Promise<boolean> {
  if (stat.linkCount < 2) return false;
  const { path: resolved } = await resolveTarget(fs, path);
  const first = await lookAt(fs, rotatedName(resolved, 1));
  return first !== undefined && isSameFile(first, stat);
}

/**
 * Rotates the log, whose lock this call has.
 *
 * @param content - what the new log holds
 * @param keep - how many rotated logs stay
 * @throws HoldfastError NAME_TAKEN when one of the names has no regular file; those of
 *   `replaceFile`. The log, and every record in it, is there, unless the outcome is `unknown`
 */
export async function rotateLog(
  fs: Fs,
  path: string,
  content: Uint8Array,
  keep: number = Infinity,
): Promise<void> {
  const target = await resolveTarget(fs, path);
  try {
    await inDirectoryOf(fs, target.path, async (directory, name) => {
      const { handle, stat } = await openResolved(fs, target.path, { access: 'read' });
      try {
        const file = { handle, stat, path: target.path };
        if (await isHalfRotated(fs, target.path, stat)) {
          // Given anew: whether it reached the disk is not known of a name that was found.
          await unlinkIfThere(fs, directory.at(rotatedName(name, 1)));
        }
        await giveNumber(fs, { parent: directory, name }, file, keep);
      } finally {
        await closeQuietly(handle);
      }
      const existing = await lookAt(fs, directory.at(name));
      const like = { path: pathIn(directory, rotatedName(name, 1)), existing: stat };
      const replace = (): Promise<unknown> =>
        replaceTarget(fs, { ...target, existing }, content, { like });
      await replace().catch(async (error: unknown) => {
        if (!isHoldfastError(error, 'SYNC_FAILED') || error.outcome !== 'unknown') throw error;
        try {
          await replace();
        } catch {
          // Whatever keeps the second try from being made, the first one may have been.
          throw error;
        }
      });
    });
  } catch (error) {
    throw failure('rotate', target.path, error);
  }
}

/**
 * Brings a rotation to its end that died between its steps 3 and 4, before something else is done
 * with the log.
 */
export async function finishRotation(fs: Fs, path: string, format: LogFormat): Promise<void> {
  try {
    const { existing } = await resolveTarget(fs, path);
    if (!existing || !(await isHalfRotated(fs, path, existing))) return;
    const headBytes = await whileOpen(fs, path, async (file) => {
      await format.load?.();
      const head = await format.readHead(file, existing.sizeBytes);
      return head ? readHeadBytes(file, head) : Buffer.alloc(0);
    });
    await rotateLog(fs, path, headBytes);
  } catch (error) {
    throw failure('rotate', path, error);
  }
}

/** Steps 1 to 3. */
async function giveNumber(
  fs: Fs,
  { parent, name }: ChildName,
  file: NamedFile,
  keep: number,
): Promise<void> {
  await makeRoom(fs, { parent, name }, keep);
  const first = rotatedName(name, 1);
  const way = await linkAs(fs, file, { parent, name: first }, {});
  if (way === 'taken') throw taken(pathIn(parent, first));
  if (way === 'made') return;
  await rename(fs, parent, name, first);
}

/** Steps 1 and 2: afterwards nothing has the number 1. */
async function makeRoom(fs: Fs, { parent, name }: ChildName, keep: number): Promise<void> {
  const at = (number: number): string => parent.at(rotatedName(name, number));
  let free = 1;
  while (free <= keep && (await isFileAt(fs, parent, rotatedName(name, free)))) free += 1;
  if (free > keep) {
    for (let number = keep; await isFileAt(fs, parent, rotatedName(name, number)); number += 1) {
      await unlinkIfThere(fs, at(number));
    }
    free = keep;
  }
  for (let number = free; number > 1; number -= 1) {
    await rename(fs, parent, rotatedName(name, number - 1), rotatedName(name, number));
  }
}

/** Renames a file to a free name, durably. */
async function rename(fs: Fs, directory: FsDirectory, from: string, to: string): Promise<void> {
  await fs.rename(directory.at(from), directory.at(to));
  try {
    await syncNames(fs, directory);
  } catch (error) {
    await fs.rename(directory.at(to), directory.at(from)).catch(() => undefined);
    throw error;
  }
}

/** Whether there is a regular file. Throws NAME_TAKEN for anything else. */
async function isFileAt(fs: Fs, directory: FsDirectory, name: string): Promise<boolean> {
  const there = await lookAt(fs, directory.at(name));
  if (there && there.kind !== 'file') throw taken(pathIn(directory, name));
  return there !== undefined;
}

function taken(path: string): HoldfastError {
  return new HoldfastError('NAME_TAKEN', {
    message:
      'The log is to be rotated, and something that is no log has the name that it is to get. Move that away, or look at what ' +
      'else rotates this log.',
    step: 'rotate',
    path,
  });
}

async function syncNames(fs: Fs, directory: FsDirectory): Promise<void> {
  try {
    await syncDirectory(fs, directory);
  } catch (cause) {
    throw new HoldfastError('SYNC_FAILED', {
      message: 'The names of rotated logs could not be made durable. Check the disk.',
      step: 'sync',
      path: directory.path,
      cause,
    });
  }
}

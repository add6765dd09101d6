/**
 * The way back: which versions of a file are kept (previous.ts), and one of them put in its place
 * again.
 *
 * Restoring is a replacement like any other, under the lock of the file: the version is copied to a
 * stage, what is there now is kept as the latest version, and one rename publishes the stage. So it
 * can be undone by restoring once more, and a crash leaves what a crash of `replaceFile` leaves.
 * The version stays, and no other is removed.
 */
import { HoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import { lstatIfThere } from '../os/follow-symlinks.js';
import { lockChoiceNames } from '../lock/lock-choice.js';
import { checkOptions, checkPath, invalidArgument } from '../options.js';
import type { FileStat, Fs } from '../os/fs.js';
import { readPieces } from '../os/handles.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { refuseLostName } from '../stage/only-copy.js';
import { takeFileTurn } from './file-turn.js';
import { checkKeepOptions, keptVersions, openVersion, type KeptVersion } from './previous.js';
import {
  checkReplacement,
  replaceTarget,
  type ReplaceFileOptions,
  type ReplaceTargetOptions,
} from './replace-file.js';
import { lookAgain, resolveTarget } from './resolve-target.js';

/** A version of a file that was replaced with `keepPrevious`. */
export interface PreviousVersion {
  /** The latest has the highest. */
  readonly version: number;
  readonly path: string;
  readonly sizeBytes: number;
  /**
   * When its content was written, in milliseconds since 1970; of a copy (docs/guarantees.md), when
   * it was replaced.
   */
  readonly modifiedMs: number;
}

/** Which versions are listed. */
export interface ListPreviousOptions {
  /** The directory of the versions, if `keepPrevious` was given one. */
  readonly previousDirectory?: string | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/** What is restored, and how. */
export interface RestorePreviousOptions extends Pick<
  ReplaceFileOptions,
  | 'previousDirectory'
  | 'durability'
  | 'inPlace'
  | 'timeoutMs'
  | (typeof lockChoiceNames)[number]
  | 'signal'
  | 'fs'
> {
  /** Its number; the latest by default. */
  readonly version?: number | undefined;
}

/** What a call of `restorePrevious` did. */
export interface RestoredPrevious {
  /** What the file holds now. It stays among the versions. */
  readonly restored: PreviousVersion;
  /**
   * What the file held before, which is the latest version now; `undefined` when it was missing.
   */
  readonly kept: { readonly version: number; readonly path: string } | undefined;
}

const listOptionNames = ['previousDirectory', 'fs'] as const;
const restoreOptionNames = [
  'version',
  'previousDirectory',
  'durability',
  'inPlace',
  'timeoutMs',
  ...lockChoiceNames,
  'signal',
  'fs',
] as const;

/**
 * The versions of a file that `keepPrevious` has kept, the latest first. The file itself may be
 * missing. Nothing is locked, and a version may be swept as soon as it is listed.
 *
 * @throws HoldfastError NOT_FOUND when the directory is missing; UNSUPPORTED_TARGET;
 *   INVALID_ARGUMENT; IO
 */
export async function listPrevious(
  path: string,
  options: ListPreviousOptions = {},
): Promise<PreviousVersion[]> {
  checkOptions('listPrevious', options, listOptionNames);
  checkPath('listPrevious', path);
  checkKeepOptions('listPrevious', path, options);
  const { previousDirectory, fs = nodeFileSystem } = options;
  const target = await resolveTarget(fs, path);
  const versions = await keptVersions(fs, target.path, previousDirectory);
  const told: PreviousVersion[] = [];
  for (const version of versions.toReversed()) {
    try {
      told.push(await tell(fs, version));
    } catch (error) {
      const failed = failure('look at version', version.path, error);
      // It has been swept meanwhile.
      if (failed.code !== 'NOT_FOUND') throw failed;
    }
  }
  return told;
}

/**
 * Puts a version back in the place of its file, under the file's lock (`<path>.lock`), unless the
 * chain of calls holds it: the latest, or the one that is asked for. A file that is missing is made
 * again.
 *
 * After success the path holds the content of the version, with its attributes or those of the file
 * that it replaces, whichever lets fewer people read it, and that survives a power loss
 * (`durability: 'durable'`); what the file held before is the latest version, so that a second call
 * undoes the first. Nothing is swept. After a failure with outcome `unchanged` everything is as it
 * was.
 *
 * @throws HoldfastError NOT_FOUND when there is no such version; CORRUPT_DOCUMENT where the file is
 *   missing and a copy beside it may be what it should hold; those of `replaceFile` and of
 *   `acquireLock`
 */
export async function restorePrevious(
  path: string,
  options: RestorePreviousOptions = {},
): Promise<RestoredPrevious> {
  checkOptions('restorePrevious', options, restoreOptionNames);
  checkPath('restorePrevious', path);
  checkReplacement('restorePrevious', path, options);
  const { version, previousDirectory, fs = nodeFileSystem } = options;
  if (version !== undefined && !(Number.isSafeInteger(version) && version > 0)) {
    throw invalidArgument('restorePrevious', 'version is a number of listPrevious', path);
  }
  const target = await resolveTarget(fs, path);
  const turn = await takeFileTurn(fs, target, options);
  try {
    if ((await lstatIfThere(fs, target.path)) === undefined) await refuseLostName(fs, target.path);
    const versions = await keptVersions(fs, target.path, previousDirectory);
    const chosen = version ?? versions.at(-1)?.number;
    const found = versions.find(({ number }) => number === chosen);
    if (found === undefined) throw noVersion(target.path, version, versions);
    return await restore(fs, await lookAgain(fs, target), found, options);
  } finally {
    await turn?.release();
  }
}

async function restore(
  fs: Fs,
  target: Parameters<typeof replaceTarget>[1],
  version: KeptVersion,
  { previousDirectory, durability, inPlace, signal }: RestorePreviousOptions,
): Promise<RestoredPrevious> {
  try {
    const restored = await tell(fs, version);
    const kept = await openVersion(fs, version, ({ handle }) =>
      replaceTarget(fs, target, readPieces(handle), {
        keepPrevious: Infinity,
        previousDirectory,
        durability,
        inPlace,
        signal,
        ...attributesFor(version, target.existing),
      }),
    );
    return { restored, kept: kept && { version: kept.version.number, path: kept.version.path } };
  } catch (error) {
    throw failure('restore', target.path, error);
  }
}

/**
 * What the new file gets of its version, and what of the present file: no more people may read it
 * than either of them.
 */
export function attributesFor(
  { path, stat }: KeptVersion,
  present: FileStat | undefined,
): Pick<ReplaceTargetOptions, 'like' | 'mode'> {
  const like = { path, existing: stat };
  if (present === undefined) return { like };
  const common = stat.mode & present.mode & 0o777;
  if (common === (present.mode & 0o777)) return {};
  return common === (stat.mode & 0o777) ? { like } : { like, mode: common };
}

function tell(fs: Fs, version: KeptVersion): Promise<PreviousVersion> {
  return openVersion(fs, version, async ({ handle, path }) => ({
    version: version.number,
    path,
    sizeBytes: version.stat.sizeBytes,
    modifiedMs: await handle.modifiedMs(),
  }));
}

function noVersion(
  path: string,
  version: number | undefined,
  versions: readonly KeptVersion[],
): HoldfastError {
  const kept = versions.map(({ number }) => number).join(', ');
  const what = version === undefined ? 'No version' : `No version ${version}`;
  return new HoldfastError('NOT_FOUND', {
    message: `${what} of the file is kept${kept === '' ? '' : `; there are ${kept}`}. Nothing was changed.`,
    step: 'look for versions',
    path,
  });
}

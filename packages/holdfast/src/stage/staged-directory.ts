/**
 * Directories staged beside their target, and who owns them.
 *
 * A staged directory is named `.<name of the target>.staging-<id>` and lies in the directory of its
 * target, so one rename can publish it. Its owner holds an exclusive flock(2) on the directory's
 * own descriptor for as long as it lives; the kernel drops it with the process. So a staged
 * directory that can be locked has no owner: it is an orphan.
 *
 * While one is published, it may bear a name that also says which tree its owner is about to
 * replace, by inode: `.<name>.staging-<id>.keep-<inode>` or `.<name>.staging-<id>.aside-<inode>`. A
 * sweeper that finds this very tree under the name knows that it is the old one. Where the target
 * is missing it goes back there, since its owner was between two renames; else one to keep becomes
 * a previous tree (directory/previous.ts).
 *
 * Making one: mkdir → open → lock → check that the path still names what was locked. A sweeper that
 * comes in between finds it unlocked and may take it; the check notices, and another one is made. A
 * sweeper does the same from the other side: open → lock without waiting → check → remove while
 * holding the lock. So no two own one directory.
 */
import { Buffer } from 'node:buffer';
import { errnoOf, HoldfastError } from '../errors.js';
import { nameOfDirectory, noteFreed, noteTaken } from '../lock/held-here.js';
import type { Lock } from '../lock/lock.js';
import type { FileStat, Fs, FsDirectory } from '../os/fs.js';
import { closeQuietly, nameTaken, openOwnDirectory } from '../os/handles.js';
import { isOurWork } from '../os/owner.js';
import { ID_LENGTH, newId } from './names.js';
import { claim } from './ownership.js';

const INFIX = '.staging-';
const RESUMABLE = 'resume';
/** NAME_MAX of Linux's filesystems, path_resolution(7). */
const NAME_MAX_BYTES = 255;
/**
 * A sweeper may take a new directory before it is locked; that this happens so often in a row means
 * something else.
 */
const ATTEMPTS = 16;

/** A directory that this process owns: no sweeper touches it until the handle is closed. */
export interface OwnedDirectory {
  readonly path: string;
  readonly handle: FsDirectory;
  /** As it was when it was locked; `dev` and `ino` identify it. */
  readonly stat: FileStat;
  /**
   * Held with it where the lock of a directory is seen by this machine alone, and others may want
   * it too.
   */
  readonly turn?: Lock | undefined;
}

/** What is to become of an old tree whose owner died. */
type OldTreeFate = 'keep' | 'aside';

/** What the name of a staged directory says. */
interface StagedName {
  /** The name of its target, or the beginning of it. */
  readonly targetName: string;
  /** Which tree it is that must not get lost, if it is here. */
  readonly old: { readonly inode: bigint; readonly fate: OldTreeFate } | undefined;
}

/** A target's name may hold anything, a line break too. */
const STAGED_NAME: RegExp = new RegExp(
  `^\\.(.+)${INFIX}[0-9a-f]{${ID_LENGTH}}(?:\\.(keep|aside)-(\\d{1,20}))?$`,
  'su',
);
/** `.aside-` and an inode number of 64 bits. */
const OLD_SUFFIX_BYTES = 27;

/**
 * A fresh name for a staged directory of a target. Long names are cut, so that the whole fits in
 * 255 bytes.
 */
export function stagedDirectoryName(targetName: string): string {
  return `.${cutTargetName(targetName)}${INFIX}${newId()}`;
}

/** A fresh name under which the tree with this inode is recognised as the old one of a target. */
export function oldTreeName(targetName: string, inode: bigint, fate: OldTreeFate): string {
  return `${stagedDirectoryName(targetName)}.${fate}-${inode}`;
}

/** Reads the name of a staged directory; `undefined` for any other name. */
export function parseStagedName(name: string): StagedName | undefined {
  const [, targetName, fate, inode] = STAGED_NAME.exec(name) ?? [];
  if (targetName === undefined) return undefined;
  const old = inode === undefined ? undefined : { inode: BigInt(inode), fate: fate as OldTreeFate };
  return { targetName, old };
}

/** Whether a name is one that a staged directory has (of the given target, if one is given). */
export function isStagedDirectoryName(name: string, targetName?: string): boolean {
  const staged = parseStagedName(name);
  return (
    staged !== undefined &&
    (targetName === undefined || staged.targetName === cutTargetName(targetName))
  );
}

/**
 * The name of a stage that is to survive its owner, so that a later run can take it over. There is
 * one for a target. It is no name of an orphan: what was kept on purpose is not swept by itself.
 */
export function resumableStageName(targetName: string): string {
  return `.${cutTargetName(targetName)}${INFIX}${RESUMABLE}`;
}

/** Whether a name is one that {@link resumableStageName} gives. */
export function isResumableStageName(name: string): boolean {
  return name.startsWith('.') && name.endsWith(INFIX + RESUMABLE);
}

/**
 * Makes an empty staged directory, under a fresh name, and owns it. System errors pass as they are.
 */
export async function createStagedDirectory(
  fs: Fs,
  parent: FsDirectory,
  freshName: () => string,
): Promise<OwnedDirectory> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const name = freshName();
    await fs.mkdir(parent.at(name));
    const owned = await ownDirectory(fs, parent, name);
    if (owned) return owned;
  }
  throw new HoldfastError('LOCK_LOST', {
    message: `each of ${ATTEMPTS} staged directories was taken away before it could be locked`,
    step: 'stage',
    path: parent.path,
  });
}

/**
 * Owns the directory that has a name in another one, without waiting. `undefined` when another
 * process owns it, or when the name no longer leads to it (or anything).
 *
 * @param target - what it is to replace
 * @throws HoldfastError NAME_TAKEN when it is no directory but a symlink, or what another user made
 */
export async function ownDirectory(
  fs: Fs,
  parent: FsDirectory,
  name: string,
  target?: FileStat,
): Promise<OwnedDirectory | undefined> {
  const handle = await openIfThere(fs, parent.at(name));
  if (!handle) return undefined;
  const { path } = handle;
  try {
    const stat = await handle.stat();
    const surroundings = { directory: await parent.stat(), target };
    if (!(await isOurWork(fs, parent.at(name), stat, surroundings))) {
      throw nameTaken(path, `a directory of another user (${stat.uid})`);
    }
    if (await claim(fs, handle, parent.at(name))) {
      noteTaken(fs, nameOfDirectory(stat), 'exclusive');
      return { path, handle, stat };
    }
    await closeQuietly(handle);
    return undefined;
  } catch (error) {
    await closeQuietly(handle);
    throw error;
  }
}

/** Gives up the ownership of a directory. Never fails. */
export async function disown(fs: Fs, { handle, stat, turn }: OwnedDirectory): Promise<void> {
  await closeQuietly(handle);
  noteFreed(fs, nameOfDirectory(stat), 'exclusive');
  await turn?.release();
}

async function openIfThere(fs: Fs, path: string): Promise<FsDirectory | undefined> {
  try {
    return (await openOwnDirectory(fs, path, { owner: 'anyone' })).handle;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function cutTargetName(targetName: string): string {
  const roomBytes = NAME_MAX_BYTES - 1 - INFIX.length - ID_LENGTH - OLD_SUFFIX_BYTES;
  return cutToBytes(targetName, roomBytes);
}

/** Cuts a name to a number of UTF-8 bytes, never inside a character. */
export function cutToBytes(name: string, limitBytes: number): string {
  let cut = '';
  let sizeBytes = 0;
  for (const character of name) {
    sizeBytes += Buffer.byteLength(character);
    if (sizeBytes > limitBytes) break;
    cut += character;
  }
  return cut;
}

/**
 * Whose a file is, and what follows from it. Where others may make names too (a group's directory,
 * /tmp), a name that Holdfast would have given proves nothing: anybody can give it. So the owner is
 * asked, by the descriptor of what is then used.
 *
 * - *our work*, to be resumed, filled, kept or published: what this user owns, and for root, who
 *   gives files away, what belongs to the owner of the target that it is to replace.
 * - *ours*, to be swept, put back or removed: our work, and for root also what belongs to the owner
 *   of the directory it lies in, who may do as much there by themselves.
 * - *trusted*, to be believed or waited for: what this user or root owns.
 *
 * In a directory where nobody but this user and root may make names, everything is our work. So it
 * is where owners say nothing: on Windows, and on filesystems where the mount or a server says who
 * owns what (vfat, SMB, NFS with squashed users), so that not even what this process makes need
 * belong to its user.
 */
import { filesystemOf } from './filesystem.js';
import type { FileStat, Fs } from './fs.js';
import { dirname } from './paths.js';

/** Where a thing lies. */
export interface Surroundings {
  /** The directory that names it. */
  readonly directory: FileStat;
  /** What it is to replace, or has replaced. */
  readonly target?: FileStat | undefined;
}

/**
 * Whether this user may go on with what was begun in a thing.
 *
 * @param path - by which the filesystem is found that holds it
 */
export async function isOurWork(
  fs: Fs,
  path: string,
  stat: FileStat,
  { directory, target }: Surroundings,
): Promise<boolean> {
  const self = userOf(fs);
  if (self === undefined || stat.uid === self || !othersMayName(self, directory)) return true;
  if (self === 0 && stat.uid === target?.uid) return true;
  return !(await ownersCount(fs, path));
}

/** Whether this user may dispose of a thing. */
export async function isOurs(
  fs: Fs,
  path: string,
  stat: FileStat,
  surroundings: Surroundings,
): Promise<boolean> {
  const isOfDirectory = stat.uid === surroundings.directory.uid && userOf(fs) === 0;
  return isOfDirectory || isOurWork(fs, path, stat, surroundings);
}

/** Whether this user may take what a file says for the truth. */
export async function isTrusted(fs: Fs, path: string, stat: FileStat): Promise<boolean> {
  const self = userOf(fs);
  return (
    self === undefined || stat.uid === self || stat.uid === 0 || !(await ownersCount(fs, path))
  );
}

/**
 * Whether a file may be what root has made and given to the owner of the directory that it lies in
 * (give.ts).
 */
export async function isGiven(fs: Fs, path: string, { uid }: FileStat): Promise<boolean> {
  if (fs.givesToDirectory !== true || userOf(fs) !== 0) return false;
  return (await fs.stat(dirname(path))).uid === uid;
}

/**
 * Whether a file has exactly these permission bits; where the mount says which it has, whether it
 * lets no other user write.
 */
export async function hasMode(
  fs: Fs,
  path: string,
  stat: FileStat,
  mode: number,
): Promise<boolean> {
  if (userOf(fs) === undefined || stat.mode === mode) return true;
  return (stat.mode & WRITABLE_BY_OTHERS) === 0 && !(await ownersCount(fs, path));
}

/**
 * Whether users other than this one and root may take away names of these two in a directory, and
 * give them anew.
 */
export function othersMayRename(fs: Fs, directory: FileStat): boolean {
  const self = userOf(fs);
  if (self === undefined || !othersMayName(self, directory)) return false;
  return !isOwnerTrusted(self, directory) || (directory.mode & STICKY) === 0;
}

function othersMayName(self: number, directory: FileStat): boolean {
  return !isOwnerTrusted(self, directory) || (directory.mode & WRITABLE_BY_OTHERS) !== 0;
}

function isOwnerTrusted(self: number, { uid }: FileStat): boolean {
  return uid === self || uid === 0;
}

/** The user as whom calls are made; `undefined` where files have no owners. */
export function userOf(fs: Fs): number | undefined {
  return fs.uid ?? process.geteuid?.();
}

async function ownersCount(fs: Fs, path: string): Promise<boolean> {
  return (await filesystemOf(fs, path)).keepsOwners;
}

/** Of the group and of everybody, inode(7). */
const WRITABLE_BY_OTHERS = 0o022;
/** S_ISVTX, inode(7): who may write may still take away only names of their own files. */
const STICKY = 0o1000;

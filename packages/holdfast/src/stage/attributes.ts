/**
 * Gives a staged file or directory the owner, extended attributes, ACL and mode that it is to have,
 * those of the file that it will replace where the caller names no others.
 *
 * The order matters: a change of owner clears the set-user-ID bits, and an ACL changes the group
 * bits, so the mode comes last. What this user may not give (another owner, a security label) is
 * left out, and then the mode is narrowed, so that no one can read the new file who could not read
 * the old.
 *
 * All of it is taken from one open file, so that a name that leads elsewhere meanwhile gives no
 * mixture. A secret is for who writes it: it gets neither the owner nor the ACL of whatever had its
 * name. New content does not run with the rights that the old one was trusted with, unless that is
 * asked for: the set-ID bits go, as they do in the kernel when one writes (inode(7), S_ISUID and
 * S_ISGID; the latter means something else where the group may not execute).
 */
import { errnoOf } from '../errors.js';
import { ACL, type FileStat, type Fs, type FsDirectory, type FsHandle } from '../os/fs.js';
import { openCanonical, openResolved, orClosed, type Opened } from '../os/handles.js';

/**
 * These speak about the old content: file capabilities and signatures must not pass to another one.
 */
const ABOUT_CONTENT = ['security.capability', 'security.ima', 'security.evm'];
const SET_ID_BITS = 0o6000;
const SET_USER_ID = 0o4000;
const GROUP_EXECUTES = 0o010;
const NOT_ALLOWED = ['EPERM', 'EACCES', 'ENOTSUP', 'EINVAL'];

interface AttributeSource {
  /** The file to be replaced. */
  readonly path: string;
  readonly existing: FileStat | undefined;
  /** Its directory, where that is open. */
  readonly within?: FsDirectory | undefined;
  /** The exact permission bits, in place of those of the existing file. */
  readonly mode: number | undefined;
  /** For who writes it alone: owner and ACL of the existing file are not given. */
  readonly secret?: boolean | undefined;
  /** What becomes of the set-ID bits of the existing file. Default: `drop`. */
  readonly setId?: SetId | undefined;
}

/** `keep`: new content gets the set-ID bits of the old. */
export type SetId = 'drop' | 'keep';

/** @param staged - what `fstat(2)` says of the staged file now */
export async function giveAttributes(
  fs: Fs,
  source: AttributeSource,
  file: FsHandle,
  staged: FileStat,
): Promise<void> {
  if (source.existing === undefined || source.secret) {
    // A directory's default ACL would give others what the mode is to keep from them.
    if (source.secret && file.listXattrs().includes(ACL)) file.removeXattr?.(ACL);
    if (source.mode !== undefined && source.mode !== staged.mode) await file.chmod(source.mode);
    return;
  }
  const from = await openReadable(fs, source.path, source.existing, source.within);
  try {
    const existing = from?.stat ?? source.existing;
    const kept = await giveOwner(existing, file, staged);
    const hasAcl = from !== undefined && giveXattrs(from.handle, file);
    const mode = source.mode ?? narrowed(keptBits(existing, source.setId), kept);
    if (mode !== staged.mode || hasAcl || kept.changed) await file.chmod(mode);
  } finally {
    await from?.handle.close();
  }
}

/**
 * The permission bits of the old file that new content may have. In a directory they say who owns
 * what is made in it.
 */
export function keptBits({ kind, mode }: FileStat, setId: SetId = 'drop'): number {
  if (kind === 'directory' || setId === 'keep') return mode;
  return mode & ~((mode & GROUP_EXECUTES) === 0 ? SET_USER_ID : SET_ID_BITS);
}

interface KeptOwner {
  readonly user: boolean;
  readonly group: boolean;
  readonly changed: boolean;
}

/** Only root gives files away; a user may give one to a group of theirs. */
async function giveOwner(existing: FileStat, file: FsHandle, staged: FileStat): Promise<KeptOwner> {
  const user = existing.uid === staged.uid;
  const group = existing.gid === staged.gid;
  if (user && group) return { user, group, changed: false };
  if (await mayChown(file, existing.uid, existing.gid)) {
    return { user: true, group: true, changed: true };
  }
  const groupGiven = group || (await mayChown(file, staged.uid, existing.gid));
  return { user, group: groupGiven, changed: true };
}

async function mayChown(file: FsHandle, uid: number, gid: number): Promise<boolean> {
  try {
    await file.chown(uid, gid);
    return true;
  } catch (error) {
    if (NOT_ALLOWED.includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
}

/**
 * With another owner, set-user-ID would lend that one's rights; with another group, its members are
 * mere others.
 */
function narrowed(mode: number, kept: KeptOwner): number {
  const withoutSetId = kept.user && kept.group ? mode : mode & ~SET_ID_BITS;
  if (kept.group) return withoutSetId;
  const others = mode & 0o007;
  return (withoutSetId & ~0o070) | (mode & (others << 3));
}

/** Copies the attributes, and tells whether an ACL is among them. */
function giveXattrs(source: FsHandle, to: FsHandle): boolean {
  const names = source.listXattrs();
  // A new file inherits the directory's default ACL, which the old one may not have had.
  if (!names.includes(ACL) && to.listXattrs().includes(ACL)) to.removeXattr?.(ACL);
  for (const name of names) copyXattr(source, to, name);
  return names.includes(ACL);
}

/** Attributes of a file that this user may not read cannot be copied either. */
async function openReadable(
  fs: Fs,
  path: string,
  { kind }: FileStat,
  within: FsDirectory | undefined,
): Promise<Opened<FsHandle> | undefined> {
  try {
    if (kind !== 'directory') return await openResolved(fs, path, { access: 'read' }, within);
    const handle = await openCanonical(fs, path);
    return { handle, stat: await orClosed(handle, () => handle.stat()) };
  } catch (error) {
    if (['EACCES', 'EPERM', 'ENOENT'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

function copyXattr(from: FsHandle, to: FsHandle, name: string): void {
  if (ABOUT_CONTENT.includes(name)) return;
  try {
    to.setXattr(name, from.getXattr(name));
  } catch (error) {
    const mustKeep = name === ACL || name.startsWith('user.');
    if (mustKeep || !NOT_ALLOWED.includes(errnoOf(error) ?? '')) throw error;
  }
}

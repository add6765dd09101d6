/**
 * Gives a staged file or directory the owner, extended attributes, ACL and mode that it is to have, those of the file that it will
 * replace where the caller names no others.
 *
 * The order matters: a change of owner clears the set-user-ID bits, and an ACL changes the group bits, so the mode comes
 * last. What this user may not give (another owner, a security label) is left out, and then the mode is narrowed, so
 * that no one can read the new file who could not read the old.
 */
import { errnoOf } from '../errors.js';
import type { FileStat, Fs, FsHandle } from '../os/fs.js';

const ACL = 'system.posix_acl_access';
/** These speak about the old content: file capabilities and signatures must not pass to another one. */
const ABOUT_CONTENT = ['security.capability', 'security.ima', 'security.evm'];
const SET_ID_BITS = 0o6000;
const NOT_ALLOWED = ['EPERM', 'EACCES', 'ENOTSUP', 'EINVAL'];

export interface AttributeSource {
  /** The file to be replaced. */
  readonly path: string;
  readonly existing: FileStat | undefined;
  /** The exact permission bits, in place of those of the existing file. */
  readonly mode: number | undefined;
}

/** @param staged - what `fstat(2)` says of the staged file now */
export async function giveAttributes(
  fs: Fs,
  source: AttributeSource,
  file: FsHandle,
  staged: FileStat,
): Promise<void> {
  const { existing } = source;
  if (existing === undefined) {
    if (source.mode !== undefined && source.mode !== staged.mode) await file.chmod(source.mode);
    return;
  }
  const kept = await giveOwner(existing, file, staged);
  const hasAcl = await giveXattrs(fs, source.path, existing, file);
  const mode = source.mode ?? narrowed(existing.mode, kept);
  if (mode !== staged.mode || hasAcl || kept.changed) await file.chmod(mode);
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

/** With another owner, set-user-ID would lend that one's rights; with another group, its members are mere others. */
function narrowed(mode: number, kept: KeptOwner): number {
  const withoutSetId = kept.user && kept.group ? mode : mode & ~SET_ID_BITS;
  if (kept.group) return withoutSetId;
  const others = mode & 0o007;
  return (withoutSetId & ~0o070) | (mode & (others << 3));
}

/** Copies the attributes, and tells whether an ACL is among them. */
async function giveXattrs(
  fs: Fs,
  from: string,
  existing: FileStat,
  to: FsHandle,
): Promise<boolean> {
  const source = await openReadable(fs, from, existing);
  if (source === undefined) return false;
  try {
    const names = source.listXattrs();
    // A new file inherits the directory's default ACL, which the old one may not have had.
    if (!names.includes(ACL) && to.listXattrs().includes(ACL)) to.removeXattr?.(ACL);
    for (const name of names) copyXattr(source, to, name);
    return names.includes(ACL);
  } finally {
    await source.close();
  }
}

/** Attributes of a file that this user may not read cannot be copied either. */
async function openReadable(
  fs: Fs,
  path: string,
  { kind }: FileStat,
): Promise<FsHandle | undefined> {
  try {
    return await (kind === 'directory'
      ? fs.openDirectory(path)
      : fs.open(path, { access: 'read', noFollow: true }));
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

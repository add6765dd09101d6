/**
 * The verbs with which everything above looks at, opens, reads, writes, syncs and removes what has
 * a name. One who may write to a directory may put anything under any name there: a symlink, a
 * FIFO, a device, a file of their own. So
 *
 * - a name of ours (a lock, journal, stage, record, index, tile, …) is opened with {@link openOwn}:
 *   never through a symlink, never waiting, and what was opened is judged by its descriptor, not by
 *   its name;
 * - a path that a caller has given is opened with {@link openGiven}, through symlinks, but never
 *   waiting for a FIFO.
 *
 * Names below a directory that is open are reached through it (`FsDirectory.at`).
 */
import { Buffer } from 'node:buffer';
import { HoldfastError, errnoOf } from '../errors.js';
import { checkPath } from '../options.js';
import { unlessStale } from './ask-again.js';
import { freshenNames } from './freshen.js';
import type {
  FileKind,
  FileStat,
  Fs,
  FsDirectory,
  FsFile,
  FsHandle,
  OpenDirectoryFlags,
  OpenFlags,
} from './fs.js';
import { hasMode, isGiven, isTrusted } from './owner.js';
import { basename, dirname, isAbsolute, join } from './paths.js';
import { MAX_SYMLINKS, refuseStrangersLink } from './symlinks.js';

/** How a name is opened. */
export interface OwnFlags extends OpenFlags {
  /** The permission bits of a file that is made, before the umask. */
  readonly mode?: number | undefined;
}

/** What must be true of a name of ours. */
export interface Demands {
  /** The exact permission bits. */
  readonly mode?: number | undefined;
  /** No second name leads to it. */
  readonly oneLink?: boolean | undefined;
  /**
   * Whose it must be: `trusted`, ours or root's, or what root gives away (the default); `anyone`.
   */
  readonly owner?: 'trusted' | 'anyone' | undefined;
}

/**
 * What was opened, and what its descriptor says of it: kind, owner and size are those of what is
 * open, asked of the server where the filesystem has one.
 */
export interface Opened<H extends FsHandle> {
  readonly handle: H;
  readonly stat: FileStat;
}

/** What is needed of a file to read it. */
export type Readable = Pick<FsFile, 'read'>;

/** The stat of what a path names, symlinks not followed; `undefined` when it names nothing. */
export function lookAt(fs: Fs, path: string): Promise<FileStat | undefined> {
  return unlessMissing(() => fs.lstat(path));
}

/** Opens a file; `undefined` when there is none. */
export function openIfThere(fs: Fs, path: string, flags: OpenFlags): Promise<FsFile | undefined> {
  return unlessMissing(() => fs.open(path, flags));
}

/**
 * Opens a regular file under a name of ours, or makes it. System errors pass as they are.
 *
 * @throws HoldfastError NAME_TAKEN, at once, for a symlink, FIFO, socket, device or directory, for
 *   what another user made, and for what does not meet the demands. It is neither read nor changed.
 */
export async function openOwn(
  fs: Fs,
  path: string,
  flags: OwnFlags,
  demands: Demands = {},
): Promise<Opened<FsFile>> {
  const { truncate, mode, ...others } = flags;
  const handle = await fs
    .open(path, { ...others, noFollow: true, nonBlock: true }, mode)
    .catch((error: unknown) => refuseUnopened(fs, path, error));
  const opened = await judged(fs, handle, path, { kind: 'file', ...demands });
  // Only now: what is not ours must not lose its content.
  if (truncate && opened.stat.sizeBytes > 0) {
    await orClosed(handle, () => handle.truncate(0));
    return { handle, stat: { ...opened.stat, sizeBytes: 0 } };
  }
  return opened;
}

/** {@link openOwn}; `undefined` when nothing has the name. */
export function openOwnIfThere(
  fs: Fs,
  path: string,
  flags: OpenFlags,
  demands: Demands = {},
): Promise<Opened<FsFile> | undefined> {
  return unlessMissing(() => openOwn(fs, path, flags, demands));
}

/** The same for a directory. */
export async function openOwnDirectory(
  fs: Fs,
  path: string,
  demands: Demands = {},
): Promise<Opened<FsDirectory>> {
  const handle = await fs
    .openDirectory(path, { noFollow: true })
    .catch((error: unknown) => refuseUnopened(fs, path, error));
  return judged(fs, handle, path, { kind: 'directory', ...demands });
}

/**
 * Opens a regular file that a caller has named, for reading; symlinks are followed, but for a
 * stranger's in a directory where everybody may make names (symlinks.ts). One that another machine
 * has replaced between name and descriptor is opened again. System errors pass as they are.
 *
 * @param allowed - other kinds that may be read too
 * @throws HoldfastError UNSUPPORTED_TARGET, at once, for a directory, FIFO, socket or device, and
 *   for such a symlink
 */
export async function openGiven(
  fs: Fs,
  path: string,
  allowed: readonly FileKind[] = [],
): Promise<Opened<FsFile>> {
  checkPath('open', path);
  let isAgain = false;
  const { handle, stat } = await unlessStale(async () => {
    // What this machine remembers of the name leads to a file that is gone: the server is asked.
    if (isAgain) await freshenNames(fs, dirname(path)).catch(() => undefined);
    isAgain = true;
    const opened = await openFollowing(fs, path);
    return { handle: opened, stat: await orClosed(opened, () => opened.stat('fresh')) };
  });
  if (stat.kind === 'file') return { handle, stat };
  await closeQuietly(handle);
  if (!allowed.includes(stat.kind)) throw notReadable(handle.path, stat.kind);
  // With O_NONBLOCK reads of it would not wait either, and its end could not be told from a pause.
  return { handle: await fs.open(path, { access: 'read' }), stat };
}

/**
 * Each link is judged before it is followed, and what it leads to is opened behind no other one.
 */
async function openFollowing(fs: Fs, given: string): Promise<FsFile> {
  const flags = { access: 'read', nonBlock: true } as const;
  let path = given;
  for (let followed = 0; ; followed += 1) {
    try {
      return await fs.open(path, { ...flags, noFollow: true });
    } catch (error) {
      const isLink = ['ELOOP', 'EMLINK'].includes(errnoOf(error) ?? '');
      if (!isLink || followed === MAX_SYMLINKS) throw error;
    }
    await refuseStrangersLink(fs, path, await fs.lstat(path));
    // What these say is no path where they lead to a pipe (proc_pid_fd(5)).
    if (path.startsWith('/proc/') || path.startsWith('/dev/fd/')) return fs.open(path, flags);
    const target = await fs.readlink(path);
    path = isAbsolute(target) ? target : `${dirname(path)}/${target}`;
  }
}

/**
 * Opens the regular file at a path that was resolved before: not through a symlink that has taken
 * its place since, or that of a directory above it, and without waiting for a FIFO that has. System
 * errors pass as they are.
 *
 * @param within - its directory, where that is open already
 * @throws HoldfastError UNSUPPORTED_TARGET, at once, for anything but a regular file
 */
export async function openResolved(
  fs: Fs,
  path: string,
  { mode, ...flags }: OwnFlags,
  within?: FsDirectory,
): Promise<Opened<FsFile>> {
  const all = { ...flags, noFollow: true, nonBlock: true };
  const openAt = (directory: FsDirectory, name: string): Promise<FsFile> =>
    fs.open(directory.at(name), all, mode);
  const handle = await (within
    ? openAt(within, basename(path))
    : inDirectoryOf(fs, path, openAt, NAMES_ONLY));
  const stat = await orClosed(handle, () => handle.stat('fresh'));
  if (stat.kind === 'file') return { handle, stat };
  await closeQuietly(handle);
  throw notReadable(path, stat.kind);
}

/**
 * Opens the directory at a canonical path: no symlink that has come to lie in it since is followed.
 */
export function openCanonical(fs: Fs, path: string): Promise<FsDirectory> {
  return fs.openDirectory(path, { noSymlinks: true });
}

/**
 * Works on a name in its directory, by the canonical path of both: whatever is exchanged for the
 * directory, or for one above it, meanwhile, it is one directory, and no symlink leads to another.
 *
 * @param work - gets the directory, which is open until its promise settles, and the name
 * @param flags - `namesOnly` does for one that this user may only search
 */
export async function inDirectoryOf<T>(
  fs: Fs,
  path: string,
  work: (directory: FsDirectory, name: string) => Promise<T>,
  flags: OpenDirectoryFlags = { noSymlinks: true },
): Promise<T> {
  const directory = await fs.openDirectory(dirname(path), flags);
  try {
    return await work(directory, basename(path));
  } finally {
    await closeQuietly(directory);
  }
}

/** For {@link inDirectoryOf}. */
export const NAMES_ONLY: OpenDirectoryFlags = { noSymlinks: true, namesOnly: true };

/** What tells a file from every other while it is open. */
export type Inode = Pick<FileStat, 'dev' | 'ino'>;

/** Whether two stats are of one file. */
export function isSameFile(a: Inode, b: Inode): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

/** Whether a name leads to what is open. */
export async function isNamed(fs: Fs, path: string, handle: FsHandle): Promise<boolean> {
  const own = await handle.stat();
  const named = await lookAt(fs, path);
  return named !== undefined && isSameFile(named, own);
}

/**
 * Everything from an offset to the end of a file. The size is a hint: who writes in place may
 * change it meanwhile, so only a read of 0 bytes is the end.
 *
 * @param hintBytes - how many bytes there probably are
 */
export async function readAll(file: Readable, hintBytes = 0, offsetBytes = 0): Promise<Buffer> {
  let buffer = Buffer.allocUnsafe(Math.max(hintBytes + 1, FIRST_READ_BYTES));
  for (let length = 0; ;) {
    const count = await file.read(buffer.subarray(length), offsetBytes + length);
    if (count === 0) return buffer.subarray(0, length);
    length += count;
    if (length === buffer.length) buffer = Buffer.concat([buffer], 2 * length);
  }
}

/** Files of /proc say that they are empty. */
const FIRST_READ_BYTES = 512;

/**
 * What an open file holds, from its beginning, piece by piece. A piece is good until the next one
 * is asked for.
 *
 * @param hintBytes - how many bytes there are: one that grows meanwhile is not read to an end that
 *   it never has
 */
export async function* readPieces(
  file: Readable,
  hintBytes: number = Number.MAX_SAFE_INTEGER,
): AsyncGenerator<Uint8Array> {
  // A byte more shows that there is more.
  const buffer = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, hintBytes + 1));
  for (let offsetBytes = 0; offsetBytes <= hintBytes;) {
    // Towards the end no more than there may be: so little is read without a thread.
    const piece = buffer.subarray(0, hintBytes + 1 - offsetBytes);
    const count = await file.read(piece, offsetBytes);
    if (count === 0) return;
    yield buffer.subarray(0, count);
    offsetBytes += count;
  }
}

const PIECE_BYTES = 1024 * 1024;

/**
 * Fills a buffer from an offset on. How many bytes there were, which is fewer only at the end of
 * the file.
 */
export async function readFully(
  file: Readable,
  buffer: Uint8Array,
  offsetBytes: number,
): Promise<number> {
  let done = 0;
  while (done < buffer.length) {
    const count = await file.read(done === 0 ? buffer : buffer.subarray(done), offsetBytes + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/**
 * Writes all bytes at an offset.
 *
 * @throws HoldfastError NO_SPACE for a short count, which is how write(2) reports a full disk,
 *   quota or size limit; what the kernel throws as it is
 */
export async function writeAll(file: FsFile, bytes: Uint8Array, offsetBytes = 0): Promise<void> {
  for (let at = 0; at < bytes.length; at += MOST_BYTES_AT_ONCE) {
    const piece =
      bytes.length > MOST_BYTES_AT_ONCE ? bytes.subarray(at, at + MOST_BYTES_AT_ONCE) : bytes;
    const taken = await file.write(piece, offsetBytes + at);
    if (taken !== piece.length) throw shortWrite(file.path, taken, piece.length);
  }
}

/** write(2) takes at most 0x7ffff000 bytes. */
const MOST_BYTES_AT_ONCE = 1 << 30;

/** The error for a write that took fewer bytes than it was given. */
export function shortWrite(path: string, taken: number, given: number): HoldfastError {
  return new HoldfastError('NO_SPACE', {
    message: `The kernel took ${taken} of ${given} bytes: the disk, quota or a size limit is full.`,
    step: 'write',
    path,
  });
}

/** Makes the names in a directory durable. System errors pass as they are. */
export async function syncAt(fs: Fs, directory: string): Promise<void> {
  const handle = await fs.openDirectory(directory);
  try {
    await handle.sync();
  } finally {
    await closeQuietly(handle);
  }
}

/**
 * The path of a name in an open directory as people know it, for messages. {@link FsDirectory.at}
 * is for calls.
 */
export function pathIn(directory: FsDirectory, name: string): string {
  return join(directory.path, name);
}

/** Takes a name away; whether there was one. */
export async function unlinkIfThere(fs: Fs, path: string): Promise<boolean> {
  try {
    await fs.unlink(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Closes what needs no more than closing: all that matters was synced before. close(2) frees the
 * descriptor whatever it says, so its error changes nothing for anybody.
 */
export function closeQuietly(handle: FsHandle): Promise<void> {
  return handle.close().catch(() => undefined);
}

/** The error for a name of ours that leads to something else. */
export function nameTaken(path: string, what: string): HoldfastError {
  return new HoldfastError('NAME_TAKEN', {
    message:
      `Holdfast keeps this name for itself, and ${what} has it. It was neither followed nor touched. ` +
      `Look at it; then remove it, or move it away.`,
    step: 'open',
    path,
  });
}

async function judged<H extends FsHandle>(
  fs: Fs,
  handle: H,
  path: string,
  demands: Demands & { readonly kind: FileKind },
): Promise<Opened<H>> {
  const stat = await orClosed(handle, () => handle.stat('fresh'));
  const objection = await orClosed(handle, () => objectionTo(fs, path, stat, demands));
  if (objection === undefined) return { handle, stat };
  await closeQuietly(handle);
  throw nameTaken(handle.path, objection);
}

/** What keeps a thing from being ours, in words that follow "and … has it". */
async function objectionTo(
  fs: Fs,
  path: string,
  stat: FileStat,
  demands: Parameters<typeof judged>[3],
): Promise<string | undefined> {
  const { kind, mode, oneLink = false, owner = 'trusted' } = demands;
  if (stat.kind !== kind) return nameOfKind[stat.kind];
  const isBelieved = async (): Promise<boolean> =>
    (await isTrusted(fs, path, stat)) || (await isGiven(fs, path, stat));
  if (owner === 'trusted' && !(await isBelieved())) {
    return `a ${kind} of another user (${stat.uid})`;
  }
  if (mode !== undefined && !(await hasMode(fs, path, stat, mode))) {
    return `a ${kind} with mode ${octal(stat.mode)}, where ${octal(mode)} is needed,`;
  }
  return oneLink && stat.linkCount > 1 ? `a ${kind} with another name` : undefined;
}

const nameOfKind: Readonly<Record<FileKind, string>> = {
  file: 'a file',
  directory: 'a directory',
  symlink: 'a symlink',
  fifo: 'a FIFO',
  socket: 'a socket',
  blockDevice: 'a block device',
  characterDevice: 'a character device',
  unknown: 'something of an unknown kind',
};

function octal(mode: number): string {
  return `0${mode.toString(8)}`;
}

/**
 * What the kernel says of what cannot be opened this way: ELOOP of a symlink, ENXIO of a FIFO that
 * nobody reads and of a socket, ENOTDIR and EISDIR of the other kind. A name that leads to nothing,
 * or to what this user may not open, is no case for us.
 */
async function refuseUnopened(fs: Fs, path: string, error: unknown): Promise<never> {
  const isOfKind = ['ELOOP', 'EMLINK', 'ENXIO', 'ENOTDIR', 'EISDIR'].includes(errnoOf(error) ?? '');
  const stat = isOfKind ? await lookAt(fs, path) : undefined;
  throw stat === undefined ? error : nameTaken(pathOf(error) ?? path, nameOfKind[stat.kind]);
}

/** As people know it, also when it began at an open directory. */
function pathOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).path;
}

function notReadable(path: string, kind: FileKind): HoldfastError {
  return new HoldfastError('UNSUPPORTED_TARGET', {
    message: `The path leads to ${nameOfKind[kind]}; only a regular file will do here.`,
    step: 'open',
    path,
  });
}

/** A thing that is open is closed when what is done with it fails. */
export async function orClosed<T>(handle: FsHandle, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    await closeQuietly(handle);
    throw error;
  }
}

/** ENOTDIR: a part of the path that should be a directory is none, so the path names nothing. */
async function unlessMissing<T>(find: () => Promise<T>): Promise<T | undefined> {
  try {
    return await find();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/**
 * Opens a log to append to it: finds its head and its end, and mends its tail unless this process
 * left it as it is.
 */
import { failure } from '../failure.js';
import { resolveTarget } from '../file/resolve-target.js';
import { rememberFull, whenFilled } from '../file/seen-full.js';
import { followSymlinks, lstatIfThere } from '../os/follow-symlinks.js';
import { askAgain, unlessStale } from '../os/ask-again.js';
import type { FileStat, Fs, FsFile, OpenFlags } from '../os/fs.js';
import { giveTo } from '../os/give.js';
import {
  closeQuietly,
  inDirectoryOf,
  isNamed,
  isSameFile,
  openResolved,
  type Inode,
  type Opened,
} from '../os/handles.js';
import { dirname } from '../os/paths.js';
import { refuseLostName } from '../stage/only-copy.js';
import { readByteOrderMark } from './byte-order-mark.js';
import { readHeadBytes } from './log-bytes.js';
import type { LogHead } from './log-format.js';
import {
  endsInLineFeed,
  mendHeadless,
  mendTail,
  type LogRepair,
  type TailContext,
} from './log-tail.js';

/** A log that can be appended to. */
export interface PreparedLog {
  /** `undefined` for a CSV log that has no header yet. */
  readonly head: LogHead | undefined;
  readonly endBytes: number;
  readonly repairs: readonly LogRepair[];
  readonly stat: FileStat;
  /** Set when this process has appended to this very file, and so has made its name durable. */
  readonly known: KnownLog | undefined;
}

/** What this process knows of a log since its last append. */
interface KnownLog {
  readonly inode: Inode;
  readonly endBytes: number;
  readonly head: LogHead;
  readonly headBytes: Buffer;
}

const knownLogs = new WeakMap<Fs, Map<string, KnownLog>>();

export async function openLog(
  fs: Fs,
  path: string,
  mode: number | undefined,
): Promise<{ readonly file: FsFile; readonly isNew: boolean }> {
  try {
    const { path: resolved, existing } = await resolveTarget(fs, path);
    const there = existing ?? (await askAgain(fs, resolved, () => lstatIfThere(fs, resolved)));
    const isNew = there === undefined;
    if (isNew) await refuseLostName(fs, resolved);
    const create = isNew ? ({ create: 'ifMissing' } as const) : {};
    const flags = { access: 'readWrite', ...create } as const;
    const opened = await unlessStale(() => openNamed(fs, resolved, flags, mode));
    if (isNew && fs.givesToDirectory) {
      await giveTo(fs, await fs.stat(dirname(resolved)), opened.handle);
    }
    return { file: opened.handle, isNew };
  } catch (error) {
    throw failure('open', path, error);
  }
}

/**
 * A file without a name is not the one that the name leads to now: what were appended to it would
 * be lost.
 */
async function openNamed(
  fs: Fs,
  path: string,
  flags: OpenFlags,
  mode: number | undefined,
): Promise<Opened<FsFile>> {
  const opened = await openResolved(fs, path, { ...flags, mode });
  if (opened.stat.linkCount > 0) return opened;
  await closeQuietly(opened.handle);
  throw Object.assign(new Error('the log was replaced while it was opened'), { code: 'ESTALE' });
}

/** Takes away a log that a failed append has made and that is still empty. */
export async function removeEmpty(fs: Fs, path: string, file: FsFile): Promise<void> {
  try {
    const { sizeBytes } = await file.stat();
    if (sizeBytes > 0) return;
    await inDirectoryOf(fs, (await followSymlinks(fs, path)).path, async (directory, name) => {
      if (await isNamed(fs, directory.at(name), file)) await fs.unlink(directory.at(name));
    });
  } catch {
    // An empty log is a log without records; the error that led here matters more.
  }
}

/** Step 2 of an append. */
export async function prepareLog(log: TailContext): Promise<PreparedLog> {
  const stat = await whenFilled(log.fs, log.path, log.file, await log.file.stat('fresh'));
  const known = await recall(log, stat);
  const { head, endBytes, repairs } = await (known
    ? continueLog(log, known, stat.sizeBytes)
    : meetLog(log, stat.sizeBytes));
  return { head, endBytes, repairs, stat, known };
}

/** The log as this process knows it; `undefined` when it does not, or no longer. */
async function recall(
  { fs, path, file }: TailContext,
  stat: FileStat,
): Promise<KnownLog | undefined> {
  const known = knownLogs.get(fs)?.get(path);
  if (!known || known.endBytes > stat.sizeBytes) return undefined;
  const { inode, head, headBytes } = known;
  if (!isSameFile(inode, stat)) return undefined;
  const isSame = head.sizeBytes === 0 || headBytes.equals(await readHeadBytes(file, head));
  return isSame ? known : undefined;
}

/**
 * Keeps what the next append of this process need not look up again. Never fails: what cannot be
 * kept is looked up.
 */
export async function remember(
  fs: Fs,
  path: string,
  file: FsFile,
  { stat: inode, known, head, endBytes }: PreparedLog & { readonly head: LogHead },
): Promise<void> {
  const ofFs = knownLogs.get(fs) ?? new Map<string, KnownLog>();
  knownLogs.set(fs, ofFs);
  try {
    const headBytes = known?.headBytes ?? (await readHeadBytes(file, head));
    ofFs.set(path, { inode, endBytes, head, headBytes });
    rememberFull(fs, path);
  } catch {
    ofFs.delete(path);
  }
}

type FoundLog = Pick<PreparedLog, 'head' | 'endBytes' | 'repairs'>;

/** A log that this process has appended to: only what others wrote since can have to be mended. */
async function continueLog(
  log: TailContext,
  { head, endBytes: leftBytes }: KnownLog,
  endBytes: number,
): Promise<FoundLog> {
  const isWhole = endBytes === leftBytes || (await endsInLineFeed(log.file, endBytes));
  if (isWhole) return { head, endBytes, repairs: [] };
  return { head, ...(await mendTail(log, leftBytes, endBytes)) };
}

/** A log that this process meets for the first time. */
async function meetLog(log: TailContext, endBytes: number): Promise<FoundLog> {
  const head = await log.format.readHead(log.file, endBytes);
  if (head) return { head, ...(await mendTail(log, head.sizeBytes, endBytes)) };
  const start = await readByteOrderMark(log.file, endBytes);
  const mended = await mendHeadless(log, start, endBytes);
  return { head: await log.format.readHead(log.file, mended.endBytes), ...mended };
}

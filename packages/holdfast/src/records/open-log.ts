/** Opens a log to append to it: finds its head and its end, and mends its tail unless this process left it as it is. */
import { HoldfastError, errnoOf } from '../errors.js';
import { failure } from '../failure.js';
import { followSymlinks } from '../lock/follow-symlinks.js';
import type { FileStat, Fs, FsFile } from '../os/fs.js';
import { readByteOrderMark } from './byte-order-mark.js';
import { readWhole } from './log-bytes.js';
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
  readonly inode: Inode;
  /** Set when this process has appended to this very file, and so has made its name durable. */
  readonly known: KnownLog | undefined;
}

type Inode = Pick<FileStat, 'dev' | 'ino'>;

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
    return { file: await fs.open(path, { access: 'readWrite' }), isNew: false };
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw failure('open', path, error);
  }
  try {
    const file = await fs.open(path, { access: 'readWrite', create: 'ifMissing' }, mode);
    return { file, isNew: true };
  } catch (error) {
    throw failure('open', path, error);
  }
}

/** Takes away a log that a failed append has made and that is still empty. */
export async function removeEmpty(fs: Fs, path: string, file: FsFile): Promise<void> {
  try {
    const { sizeBytes } = await file.stat();
    if (sizeBytes === 0) await fs.unlink((await followSymlinks(fs, path)).path);
  } catch {
    // An empty log is a log without records; the error that led here matters more.
  }
}

/** Step 2 of an append. */
export async function prepareLog(log: TailContext): Promise<PreparedLog> {
  const stat = await log.file.stat();
  if (stat.kind !== 'file') throw notAFile(log.path);
  const known = await recall(log, stat);
  const { head, endBytes, repairs } = await (known
    ? continueLog(log, known, stat.sizeBytes)
    : meetLog(log, stat.sizeBytes));
  return { head, endBytes, repairs, inode: stat, known };
}

/** The log as this process knows it; `undefined` when it does not, or no longer. */
async function recall(
  { fs, path, file }: TailContext,
  stat: FileStat,
): Promise<KnownLog | undefined> {
  const known = knownLogs.get(fs)?.get(path);
  if (!known || known.endBytes > stat.sizeBytes) return undefined;
  const { inode, head, headBytes } = known;
  if (!(inode.ino === stat.ino && inode.dev === stat.dev)) return undefined;
  const isSame = head.sizeBytes === 0 || headBytes.equals(await readHeadBytes(file, head));
  return isSame ? known : undefined;
}

/** Keeps what the next append of this process need not look up again. Never fails: what cannot be kept is looked up. */
export async function remember(
  fs: Fs,
  path: string,
  file: FsFile,
  { inode, known }: PreparedLog,
  head: LogHead,
  endBytes: number,
): Promise<void> {
  const ofFs = knownLogs.get(fs) ?? new Map<string, KnownLog>();
  knownLogs.set(fs, ofFs);
  try {
    const headBytes = known?.headBytes ?? (await readHeadBytes(file, head));
    ofFs.set(path, { inode, endBytes, head, headBytes });
  } catch {
    ofFs.delete(path);
  }
}

async function readHeadBytes(file: FsFile, head: LogHead): Promise<Buffer> {
  const bytes = Buffer.alloc(head.sizeBytes);
  await readWhole(file, bytes, 0);
  return bytes;
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

function notAFile(path: string): HoldfastError {
  return new HoldfastError('UNSUPPORTED_TARGET', {
    message: 'The log is not a regular file.',
    outcome: 'unchanged',
    step: 'open',
    path,
  });
}

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
  /** Whether this process has made the name of this very file durable. */
  readonly isKnown: boolean;
}

/** What this process knows of a log since its last append. */
interface KnownLog {
  readonly dev: bigint;
  readonly ino: bigint;
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
  return known ? continueLog(log, known, stat.sizeBytes) : meetLog(log, stat.sizeBytes);
}

/** The log as this process knows it; `undefined` when it does not, or no longer. */
async function recall(
  { fs, path, file }: TailContext,
  stat: FileStat,
): Promise<KnownLog | undefined> {
  const known = knownLogs.get(fs)?.get(path);
  const isSame =
    known?.ino === stat.ino && known.dev === stat.dev && known.endBytes <= stat.sizeBytes;
  if (!known || !isSame) return undefined;
  const head = await readHeadBytes(file, known.head);
  return head.equals(known.headBytes) ? known : undefined;
}

/** Keeps what the next append of this process need not look up again. Never fails: what cannot be kept is looked up. */
export async function remember(
  fs: Fs,
  path: string,
  file: FsFile,
  head: LogHead,
  endBytes: number,
): Promise<void> {
  const ofFs = knownLogs.get(fs) ?? new Map<string, KnownLog>();
  knownLogs.set(fs, ofFs);
  try {
    const { dev, ino } = await file.stat();
    ofFs.set(path, { dev, ino, endBytes, head, headBytes: await readHeadBytes(file, head) });
  } catch {
    ofFs.delete(path);
  }
}

async function readHeadBytes(file: FsFile, head: LogHead): Promise<Buffer> {
  const bytes = Buffer.alloc(head.sizeBytes);
  await readWhole(file, bytes, 0);
  return bytes;
}

/** A log that this process has appended to: only what others wrote since can have to be mended. */
async function continueLog(
  log: TailContext,
  known: KnownLog,
  endBytes: number,
): Promise<PreparedLog> {
  const { head } = known;
  const isWhole = endBytes === known.endBytes || (await endsInLineFeed(log.file, endBytes));
  if (isWhole) return { head, endBytes, repairs: [], isKnown: true };
  const mended = await mendTail(log, known.endBytes, endBytes);
  return { head, ...mended, isKnown: true };
}

/** A log that this process meets for the first time. */
async function meetLog(log: TailContext, endBytes: number): Promise<PreparedLog> {
  const head = await log.format.readHead(log.file, endBytes);
  if (head) {
    const mended = await mendTail(log, head.sizeBytes, endBytes);
    return { head, ...mended, isKnown: false };
  }
  const start = await readByteOrderMark(log.file, endBytes);
  const mended = await mendHeadless(log, start, endBytes);
  return { head: await log.format.readHead(log.file, mended.endBytes), ...mended, isKnown: false };
}

function notAFile(path: string): HoldfastError {
  return new HoldfastError('UNSUPPORTED_TARGET', {
    message: 'The log is not a regular file.',
    outcome: 'unchanged',
    step: 'open',
    path,
  });
}

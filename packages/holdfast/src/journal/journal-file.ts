/**
 * The journal on disk: `.holdfast-journal` in the root directory of its transaction.
 *
 * Publishing it: create a temporary file beside it, locked while it is written → write → fsync → rename → fsync the
 * root directory. The rename is the commit point; from then on a recovery finds the journal whole.
 *
 * A crash before the rename leaves a temporary file and staged things without an owner: orphans, which are swept. A
 * crash after it leaves a journal that the next call under this root rolls forward.
 */
import { HoldfastError, errnoOf } from '../errors.js';
import { failure } from '../failure.js';
import { crypto } from '../os/lazy-modules.js';
import type { FileStat, Fs, FsFile, FsHandle } from '../os/fs.js';
import { lookAt } from '../os/look-at.js';
import { decodeJournal, encodeJournal, type Journal } from './journal.js';

/** The name of the journal in its root; its lock is `.holdfast-journal.lock`. */
export const JOURNAL_NAME = '.holdfast-journal';
/** A hundred thousand moves with long names; a longer file is none of ours. */
const LARGEST_BYTES = 256 * 1024 * 1024;

/** A path below a directory; `/` has no slash to add. */
export function below(directory: string, relative: string): string {
  return directory.endsWith('/') ? directory + relative : `${directory}/${relative}`;
}

/** Where the journal of a root lies. */
export function journalPathOf(root: string): string {
  return below(root, JOURNAL_NAME);
}

/**
 * Writes the journal and gives it its name. The caller holds the journal's lock and has looked that there is none.
 *
 * @throws HoldfastError `unchanged` when it has no name yet; `unknown`, SYNC_FAILED, when it has, but a power loss may
 *   take it away: the next call under this root finds out and finishes or forgets it
 */
export async function publishJournal(fs: Fs, root: string, journal: Journal): Promise<void> {
  const file = await createTemporary(fs, root);
  try {
    await writeWhole(file, encodeJournal(journal));
    await file.sync();
    await fs.rename(file.path, journalPathOf(root));
  } catch (error) {
    await fs.unlink(file.path).catch(() => undefined);
    throw failure('write journal', journalPathOf(root), error);
  } finally {
    await closeQuietly(file);
  }
  await syncDirectory(fs, root, 'unknown');
}

/** close(2) frees the descriptor whatever it says, and what matters was synced before: it must not turn the outcome. */
async function closeQuietly(handle: FsHandle): Promise<void> {
  await handle.close().catch(() => undefined);
}

/** What is locked is not swept; one that a sweeper found before it was locked is given up. */
async function createTemporary(fs: Fs, root: string): Promise<FsFile> {
  for (;;) {
    const path = below(root, `.holdfast-${crypto().randomBytes(10).toString('hex')}.tmp`);
    const file = await createFile(fs, path);
    if (await isOurs(fs, file)) return file;
    await closeQuietly(file);
  }
}

async function isOurs(fs: Fs, file: FsFile): Promise<boolean> {
  try {
    if (!file.tryLock('exclusive')) return false;
    return (await lookAt(fs, file.path))?.ino === (await file.stat()).ino;
  } catch (error) {
    await fs.unlink(file.path).catch(() => undefined);
    await closeQuietly(file);
    throw failure('write journal', file.path, error);
  }
}

async function createFile(fs: Fs, path: string): Promise<FsFile> {
  try {
    return await fs.open(path, { access: 'write', create: 'exclusive', noFollow: true }, 0o600);
  } catch (error) {
    throw failure('write journal', path, error);
  }
}

/** A short count is how write(2) reports a full disk; writing on gets the error that says so. */
async function writeWhole(file: FsFile, bytes: Uint8Array): Promise<void> {
  let doneBytes = 0;
  while (doneBytes < bytes.length) {
    const countBytes = await file.write(bytes.subarray(doneBytes), doneBytes);
    if (countBytes === 0) throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' });
    doneBytes += countBytes;
  }
}

/** Takes the journal away for good: what it says has been done and is durable. */
export async function removeJournal(fs: Fs, root: string): Promise<void> {
  await fs.unlink(journalPathOf(root));
  await syncDirectory(fs, root, 'committed');
}

/** Syncs a directory; one that is gone has nothing to be synced. */
export async function syncDirectory(
  fs: Fs,
  path: string,
  outcome: 'unchanged' | 'committed' | 'unknown',
): Promise<void> {
  try {
    const directory = await fs.openDirectory(path);
    try {
      await directory.sync();
    } finally {
      await closeQuietly(directory);
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw new HoldfastError('SYNC_FAILED', {
      message: 'The directory could not be synced.',
      outcome,
      step: 'sync directory',
      path,
      cause: error,
    });
  }
}

/**
 * Reads the journal of a root: `undefined` when there is none, `torn` when there is the beginning of one.
 *
 * @throws HoldfastError DAMAGED_JOURNAL for one that is foreign, damaged, of another user or of another directory
 */
export async function readJournal(fs: Fs, root: string): Promise<Journal | 'torn' | undefined> {
  const path = journalPathOf(root);
  const stat = await lookAt(fs, path);
  if (stat === undefined) return undefined;
  if (!isTrusted(stat)) throw refusal(path, `it belongs to another user (${stat.uid})`);
  if (stat.kind !== 'file') throw refusal(path, `it is a ${stat.kind}`);
  if (stat.sizeBytes > LARGEST_BYTES) throw refusal(path, 'it is too large to be one');
  const read = decodeJournal(await readWhole(fs, path, stat.sizeBytes));
  if (read.state === 'refused') throw refusal(path, read.reason);
  if (read.state === 'torn') return 'torn';
  const { ino } = await fs.stat(root);
  if (read.journal.root !== ino) throw refusal(path, 'it was written for another directory');
  return read.journal;
}

/** A recovery acts with the rights of whoever runs it, so it takes orders only from that user, and from root. */
export function isTrusted(stat: FileStat): boolean {
  const self = process.geteuid?.();
  return self === undefined || stat.uid === self || stat.uid === 0;
}

async function readWhole(fs: Fs, path: string, sizeBytes: number): Promise<Uint8Array> {
  const file = await fs.open(path, { access: 'read', noFollow: true });
  try {
    const bytes = new Uint8Array(sizeBytes);
    let doneBytes = 0;
    while (doneBytes < sizeBytes) {
      const countBytes = await file.read(bytes.subarray(doneBytes), doneBytes);
      if (countBytes === 0) break;
      doneBytes += countBytes;
    }
    return bytes.subarray(0, doneBytes);
  } finally {
    await closeQuietly(file);
  }
}

/** The error for a journal that must not be followed, nor be removed by anyone but a human who has looked at it. */
export function refusal(path: string, reason: string): HoldfastError {
  return new HoldfastError('DAMAGED_JOURNAL', {
    message:
      `The journal of a transaction cannot be followed: ${reason}. It was not touched, and neither was what it speaks ` +
      `of. Look at it; moving it away gives up what was not finished.`,
    outcome: 'unchanged',
    step: 'read journal',
    path,
  });
}

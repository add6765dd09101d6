/** Reads a file whole. */
import { Buffer } from 'node:buffer';
import { errnoOf } from '../errors.js';
import { failure } from '../failure.js';
import { readWhole } from '../journal/overwrite.js';
import { askAgain } from '../os/ask-again.js';
import type { Fs, FsFile } from '../os/fs.js';
import { openResolved, readAll, type Opened, type Readable } from '../os/handles.js';

/** One read of a comparison: small enough to stay in the processor's cache. */
const COMPARED_BYTES = 64 * 1024;

/**
 * The bytes of a regular file, or `undefined` when there is none.
 *
 * @param path - resolved
 * @param known - what the file probably holds: given back itself if the file holds just that,
 *   without a copy
 */
export function readBytes(fs: Fs, path: string, known?: Buffer): Promise<Buffer | undefined> {
  return askAgain(fs, path, () => readOnce(fs, path, known));
}

async function readOnce(fs: Fs, path: string, known?: Buffer): Promise<Buffer | undefined> {
  const opened = await openIfThere(fs, path);
  if (opened === undefined) return undefined;
  const { handle: file } = opened;
  try {
    return await readWhole(fs, path, opened, async (content, sizeBytes) => {
      const isKnown = known?.length === sizeBytes && (await holds(content, known));
      return isKnown ? known : readAll(content, sizeBytes);
    });
  } catch (error) {
    throw failure('read', path, error);
  } finally {
    await file.close();
  }
}

async function openIfThere(fs: Fs, path: string): Promise<Opened<FsFile> | undefined> {
  try {
    return await openResolved(fs, path, { access: 'read' });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw failure('open', path, error);
  }
}

/** Whether the file holds these bytes and no more. */
async function holds(file: Readable, known: Buffer): Promise<boolean> {
  const piece = Buffer.allocUnsafe(Math.min(known.length + 1, COMPARED_BYTES));
  for (let offsetBytes = 0; ;) {
    const count = await file.read(piece, offsetBytes);
    if (count === 0) return offsetBytes === known.length;
    const expected = known.subarray(offsetBytes, offsetBytes + count);
    if (!expected.equals(piece.subarray(0, count))) return false;
    offsetBytes += count;
  }
}

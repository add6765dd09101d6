/** Reads a file whole. */
import { Buffer } from 'node:buffer';
import { errnoOf } from '../errors.js';
import { failure } from '../failure.js';
import type { Fs, FsFile } from '../os/fs.js';

/** One read of a comparison: small enough to stay in the processor's cache. */
const COMPARED_BYTES = 64 * 1024;

/**
 * The bytes of a regular file, or `undefined` when there is none.
 *
 * @param known - what the file probably holds: given back itself if the file holds just that, without a copy
 */
export async function readBytes(fs: Fs, path: string, known?: Buffer): Promise<Buffer | undefined> {
  const file = await openIfThere(fs, path);
  if (file === undefined) return undefined;
  try {
    return known && (await holds(file, known)) ? known : await readToEnd(file);
  } catch (error) {
    throw failure('read', path, error);
  } finally {
    await file.close();
  }
}

async function openIfThere(fs: Fs, path: string): Promise<FsFile | undefined> {
  try {
    return await fs.open(path, { access: 'read' });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw failure('open', path, error);
  }
}

/** Whether the file holds these bytes and no more. */
async function holds(file: FsFile, known: Buffer): Promise<boolean> {
  const piece = Buffer.allocUnsafe(Math.min(known.length + 1, COMPARED_BYTES));
  for (let offsetBytes = 0; ;) {
    const count = await file.read(piece, offsetBytes);
    if (count === 0) return offsetBytes === known.length;
    const expected = known.subarray(offsetBytes, offsetBytes + count);
    if (!expected.equals(piece.subarray(0, count))) return false;
    offsetBytes += count;
  }
}

/** The size is a hint: who writes in place may change it meanwhile, so only a read of 0 bytes is the end. */
async function readToEnd(file: FsFile): Promise<Buffer> {
  const { sizeBytes } = await file.stat();
  let buffer = Buffer.allocUnsafe(sizeBytes + 1);
  for (let length = 0; ;) {
    const count = await file.read(buffer.subarray(length), length);
    if (count === 0) return buffer.subarray(0, length);
    length += count;
    if (length === buffer.length) buffer = Buffer.concat([buffer], 2 * length);
  }
}

/** Reads a file whole. */
import { Buffer } from 'node:buffer';
import { errnoOf } from '../errors.js';
import { failure } from '../failure.js';
import type { Fs, FsFile } from '../os/fs.js';

/** The bytes of a regular file, or `undefined` when there is none. */
export async function readBytes(fs: Fs, path: string): Promise<Buffer | undefined> {
  const file = await openIfThere(fs, path);
  if (file === undefined) return undefined;
  try {
    return await readToEnd(file);
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

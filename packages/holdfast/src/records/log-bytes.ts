/** Reads bytes of a log whole, or says why it could not. */
import { failure } from '../failure.js';
import type { FsFile } from '../os/fs.js';
import { readFully } from '../os/handles.js';
import type { LogHead } from './log-format.js';

/** The size of a log. */
export async function sizeOf(file: FsFile): Promise<number> {
  try {
    return (await file.stat('fresh')).sizeBytes;
  } catch (error) {
    throw failure('read', file.path, error);
  }
}

/** Fills the buffer from an offset on; fewer bytes than that only at the end of the file. */
export async function readWhole(
  file: FsFile,
  buffer: Uint8Array,
  offsetBytes: number,
): Promise<number> {
  try {
    return await readFully(file, buffer, offsetBytes);
  } catch (error) {
    throw failure('read', file.path, error);
  }
}

/** What a log begins with, byte for byte. */
export async function readHeadBytes(file: FsFile, head: LogHead): Promise<Buffer> {
  const bytes = Buffer.alloc(head.sizeBytes);
  await readWhole(file, bytes, 0);
  return bytes;
}

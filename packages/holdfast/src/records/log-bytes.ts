/** Reads and writes bytes of a log whole, or says why it could not. */
import { HoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import type { FileStat, FsFile } from '../os/fs.js';

/** The size of a log. */
export async function sizeOf(file: FsFile): Promise<number> {
  const stat = await statOf(file);
  if (stat.kind !== 'directory') return stat.sizeBytes;
  throw new HoldfastError('UNSUPPORTED_TARGET', {
    message: 'The log is a directory.',
    outcome: 'unchanged',
    step: 'read',
    path: file.path,
  });
}

async function statOf(file: FsFile): Promise<FileStat> {
  try {
    return await file.stat();
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
  let held = 0;
  try {
    while (held < buffer.length) {
      const got = await file.read(buffer.subarray(held), offsetBytes + held);
      if (got === 0) break;
      held += got;
    }
  } catch (error) {
    throw failure('read', file.path, error);
  }
  return held;
}

/** A full disk shows as a short count without an error (write(2)). */
export async function writeWhole(
  file: FsFile,
  bytes: Uint8Array,
  offsetBytes: number,
): Promise<void> {
  const written = await file.write(bytes, offsetBytes);
  if (written === bytes.length) return;
  throw new HoldfastError('NO_SPACE', {
    message: `The disk took ${written} of ${bytes.length} bytes. Free some space, then try again.`,
    outcome: 'unchanged',
    step: 'write',
    path: file.path,
  });
}

/**
 * Writes a tile file into a stage: create it, write it whole, sync it if asked to. The directory that it lies in becomes
 * durable and visible with the whole stage; a crash before that leaves an orphan that the stage's sweep removes.
 */
import { HoldfastError } from 'holdfast/errors';
import type { Fs, FsFile } from 'holdfast/os';

/** `write(2)` takes at most 0x7ffff000 bytes at a time. */
const MOST_BYTES_AT_ONCE = 1 << 30;

/**
 * Writes a new file. After a failure it may be there in part, for the owner of its stage to discard.
 *
 * @param sync - whether the file's data is durable when this returns
 * @throws HoldfastError NO_SPACE when the disk took fewer bytes than given; SYNC_FAILED; errors of the system as they are
 */
export async function writeTileFile(
  fs: Fs,
  path: string,
  parts: readonly Uint8Array[],
  sync: boolean,
): Promise<void> {
  const file = await fs.open(path, { access: 'write', create: 'exclusive' });
  try {
    let offset = 0;
    for (const part of parts) {
      await writeAll(file, part, offset);
      offset += part.length;
    }
    if (sync) await syncFile(file);
  } finally {
    await file.close();
  }
}

async function writeAll(file: FsFile, data: Uint8Array, offsetBytes: number): Promise<void> {
  for (let at = 0; at < data.length; at += MOST_BYTES_AT_ONCE) {
    const piece = data.subarray(at, at + MOST_BYTES_AT_ONCE);
    const count = await file.write(piece, offsetBytes + at);
    if (count === piece.length) continue;
    throw new HoldfastError('NO_SPACE', {
      message: `The disk took ${count} of ${piece.length} bytes of a tile. Make room and try again.`,
      outcome: 'unchanged',
      step: 'write',
      path: file.path,
    });
  }
}

async function syncFile(file: FsFile): Promise<void> {
  try {
    await file.sync();
  } catch (cause) {
    throw new HoldfastError('SYNC_FAILED', {
      message: 'A tile could not be made durable, and what was written of it cannot be trusted.',
      outcome: 'unchanged',
      step: 'sync',
      path: file.path,
      cause,
    });
  }
}

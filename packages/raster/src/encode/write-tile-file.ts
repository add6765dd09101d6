/**
 * Writes a tile file into a stage: create it, write it whole, let the disk begin with it if asked to. It becomes durable
 * and visible with the whole stage; a crash before that leaves an orphan that the stage's sweep removes.
 */
import { HoldfastError } from 'holdfast/errors';
import type { Fs, FsFile } from 'holdfast/os';

/** `write(2)` takes at most 0x7ffff000 bytes at a time. */
const MOST_BYTES_AT_ONCE = 1 << 30;
/** Smaller files reach the disk in fewer and larger pieces when the filesystem gathers them. */
const WORTH_STARTING_BYTES = 64 * 1024;

/**
 * Writes a new file. After a failure it may be there in part, for the owner of its stage to discard.
 *
 * @param writeOut - whether the file will be synced, and its bytes may go to the disk from now on
 * @throws HoldfastError NO_SPACE when the disk took fewer bytes than given; errors of the system as they are
 */
export async function writeTileFile(
  fs: Fs,
  path: string,
  parts: readonly Uint8Array[],
  writeOut: boolean,
): Promise<void> {
  const file = await fs.open(path, { access: 'write', create: 'exclusive' });
  try {
    let sizeBytes = 0;
    for (const part of parts) {
      await writeAll(file, part, sizeBytes);
      sizeBytes += part.length;
    }
    if (writeOut && sizeBytes >= WORTH_STARTING_BYTES) file.startWriteOut?.();
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

/**
 * Writes a tile file into a stage: create it, write it whole, let the disk begin with it if asked
 * to. It becomes durable and visible with the whole stage; a crash before that leaves an orphan
 * that the stage's sweep removes.
 */
import { type Fs, writeAll } from 'holdfast/os';

/** Smaller files reach the disk in fewer and larger pieces when the filesystem gathers them. */
const WORTH_STARTING_BYTES = 64 * 1024;

/**
 * Writes a new file. After a failure it may be there in part, for the owner of its stage to
 * discard.
 *
 * @param writeOut - whether the file will be synced, and its bytes may go to the disk from now on
 * @throws HoldfastError NO_SPACE when the disk took fewer bytes than given; errors of the system as
 *   they are
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

/** Writes bytes whole, or says that the disk took only some of them. */
import { HoldfastError } from '../errors.js';
import type { FsFile } from '../os/fs.js';

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

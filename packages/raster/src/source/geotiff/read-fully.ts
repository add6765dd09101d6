/** Reads from a file until there is nothing more. */
import type { FsFile } from 'holdfast/os';

/** Fills the buffer from the file; gives how many bytes there were. */
export async function readFully(
  file: FsFile,
  buffer: Uint8Array,
  offsetBytes: number,
): Promise<number> {
  let done = 0;
  while (done < buffer.length) {
    const count = await file.read(buffer.subarray(done), offsetBytes + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

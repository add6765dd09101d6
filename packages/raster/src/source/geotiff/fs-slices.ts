/** Gives geotiff.js the bytes of a file through the filesystem interface. */
import type { FsFile } from 'holdfast/os';

interface Slice {
  readonly offset: number;
  readonly length: number;
}

/** What geotiff.js reads from (its `BaseSource`). Past the end of the file it gets zeros, as its own sources give. */
export class FsSlices {
  readonly #file: FsFile;

  constructor(file: FsFile) {
    this.#file = file;
  }

  get fileSize(): null {
    return null;
  }

  async fetch(slices: readonly Slice[]): Promise<ArrayBuffer[]> {
    return Promise.all(slices.map(async (slice) => (await this.fetchSlice(slice)).data));
  }

  async fetchSlice(slice: Slice): Promise<Slice & { data: ArrayBuffer }> {
    const buffer = new Uint8Array(slice.length);
    await readFully(this.#file, buffer, slice.offset);
    return { ...slice, data: buffer.buffer };
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

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

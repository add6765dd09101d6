/**
 * Raw samples lie in a file as they lie in memory: uncompressed, row after row, in the byte order of the machine. An
 * encoder thread reads them there by itself, straight into the buffer that it encodes, and nothing is handed over.
 */
import type { Fs, FsFile } from 'holdfast/os';
import { type DataType, dataTypes, type Interleave, type Pixels, type Window } from '../model.js';
import { corrupt } from './geotiff/corrupt.js';
import { readFully } from './geotiff/read-fully.js';

/** Where raw samples lie. What another thread can be told: no file that is open, but which file it is. */
export interface RawSamples {
  readonly path: string;
  /** The file that the source has open; another one at the path is not meant. */
  readonly dev: bigint;
  readonly ino: bigint;
  readonly dataType: DataType;
  readonly bandCount: number;
  readonly interleave: Interleave;
  /** The first row of each plane: of every band where bands lie apart, else one. */
  readonly planeOffsetsBytes: readonly number[];
  readonly rowBytes: number;
  /** The bytes of one pixel in a plane. */
  readonly pixelBytes: number;
}

/** Reads windows of raw samples, through its own descriptor. */
export class RawReader {
  readonly #fs: Fs;
  readonly #samples: RawSamples;
  #file: FsFile | undefined;

  constructor(fs: Fs, samples: RawSamples) {
    this.#fs = fs;
    this.#samples = samples;
  }

  /**
   * Reads a window into a buffer that has just its size.
   *
   * @throws HoldfastError CORRUPT_DOCUMENT when the file is another one by now, ends early or cannot be read
   */
  async read(window: Window, buffer: ArrayBuffer): Promise<Pixels> {
    const { path, dataType, bandCount, interleave, planeOffsetsBytes } = this.#samples;
    const bytes = new Uint8Array(buffer);
    const planeBytes = bytes.length / planeOffsetsBytes.length;
    try {
      this.#file ??= await this.#open();
      for (const [plane, offset] of planeOffsetsBytes.entries()) {
        const target = bytes.subarray(plane * planeBytes, (plane + 1) * planeBytes);
        await this.#readPlane(this.#file, offset, window, target);
      }
    } catch (error) {
      throw corrupt(path, 'The samples could not be read; check the file with gdalinfo.', error);
    }
    const { widthPx, heightPx } = window;
    const data = new dataTypes[dataType].array(buffer);
    return { data, widthPx, heightPx, bandCount, interleave };
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #open(): Promise<FsFile> {
    const { path, dev, ino } = this.#samples;
    const file = await this.#fs.open(path, { access: 'read' });
    const stat = await file.stat();
    if (stat.dev === dev && stat.ino === ino) return file;
    await file.close();
    throw new Error('another file has taken its place');
  }

  async #readPlane(file: FsFile, start: number, window: Window, target: Uint8Array): Promise<void> {
    const { rowBytes, pixelBytes } = this.#samples;
    const first = start + window.yPx * rowBytes + window.xPx * pixelBytes;
    const windowRowBytes = window.widthPx * pixelBytes;
    if (windowRowBytes === rowBytes) return readWhole(file, target, first);
    if (file.readStrided) {
      const count = await file.readStrided(target, windowRowBytes, first, rowBytes);
      return checkCount(count, target);
    }
    for (let row = 0; row < window.heightPx; row += 1) {
      const to = row * windowRowBytes;
      await readWhole(file, target.subarray(to, to + windowRowBytes), first + row * rowBytes);
    }
  }
}

function checkCount(count: number, target: Uint8Array): void {
  if (count < target.length)
    throw new Error(`the file ends ${target.length - count} bytes too early`);
}

async function readWhole(file: FsFile, target: Uint8Array, offsetBytes: number): Promise<void> {
  checkCount(await readFully(file, target, offsetBytes), target);
}

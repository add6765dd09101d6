/**
 * Raw samples lie in a file as they lie in memory: uncompressed, row after row, in the byte order
 * of the machine. An encoder thread reads them there by itself, straight into the buffer that it
 * encodes, and nothing is handed over.
 */
import { type Fs, type FsFile, isSameFile, openGiven, readFully } from 'holdfast/os';
import { type DataType, dataTypes, type Interleave, type Pixels, type Window } from '../model.js';
import { corrupt } from './geotiff/corrupt.js';

/**
 * Where raw samples lie. What another thread can be told: no file that is open, but which file it
 * is.
 */
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
   * Reads windows that lie side by side, each into a buffer that has just its size: what lies side
   * by side in the file is read by one call.
   *
   * @throws HoldfastError CORRUPT_DOCUMENT when the file is another one by now, ends early or
   *   cannot be read
   */
  async read(windows: readonly Window[], buffers: readonly ArrayBuffer[]): Promise<Pixels[]> {
    const { path, dataType, bandCount, interleave, planeOffsetsBytes } = this.#samples;
    const planeCount = planeOffsetsBytes.length;
    try {
      this.#file ??= await this.#open();
      for (const [plane, offset] of planeOffsetsBytes.entries()) {
        const targets = buffers.map((buffer) => planeOf(buffer, plane, planeCount));
        await this.#readPlane(this.#file, offset, windows, targets);
      }
    } catch (error) {
      throw corrupt(path, 'The samples could not be read; check the file with gdalinfo.', error);
    }
    return windows.map(({ widthPx, heightPx }, index) => {
      const data = new dataTypes[dataType].array(buffers[index] as ArrayBuffer);
      return { data, widthPx, heightPx, bandCount, interleave };
    });
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #open(): Promise<FsFile> {
    const { path } = this.#samples;
    const { handle: file, stat } = await openGiven(this.#fs, path);
    if (isSameFile(stat, this.#samples)) return file;
    await file.close();
    throw new Error('another file has taken its place');
  }

  async #readPlane(
    file: FsFile,
    start: number,
    windows: readonly Window[],
    targets: readonly Uint8Array[],
  ): Promise<void> {
    const [{ xPx, yPx, widthPx, heightPx }] = windows as [Window];
    const [target] = targets as [Uint8Array];
    const { rowBytes, pixelBytes } = this.#samples;
    const first = start + yPx * rowBytes + xPx * pixelBytes;
    const sizeBytes = targets.reduce((sum, { length }) => sum + length, 0);
    const count =
      widthPx * pixelBytes === rowBytes
        ? await readFully(file, target, first)
        : await readRows(file, targets, { rowCount: heightPx, offsetBytes: first, rowBytes });
    if (count < sizeBytes) throw new Error(`the file ends ${sizeBytes - count} bytes too early`);
  }
}

/** The bytes of one plane in a buffer that holds them all. */
function planeOf(buffer: ArrayBuffer, plane: number, planeCount: number): Uint8Array {
  const planeBytes = buffer.byteLength / planeCount;
  return new Uint8Array(buffer, plane * planeBytes, planeBytes);
}

/** As `FsFile.readStrided` says. */
async function readRows(
  file: FsFile,
  targets: readonly Uint8Array[],
  {
    rowCount,
    offsetBytes,
    rowBytes,
  }: Readonly<Record<'rowCount' | 'offsetBytes' | 'rowBytes', number>>,
): Promise<number> {
  if (file.readStrided) return file.readStrided(targets, rowCount, offsetBytes, rowBytes);
  let done = 0;
  let left = offsetBytes;
  for (const target of targets) {
    const pieceBytes = target.length / rowCount;
    for (let row = 0; row < rowCount; row += 1) {
      const piece = target.subarray(row * pieceBytes, (row + 1) * pieceBytes);
      done += await readFully(file, piece, left + row * rowBytes);
    }
    left += pieceBytes;
  }
  return done;
}

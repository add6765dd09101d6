/**
 * The blocks of one level, as they will follow each other in the file, in a scratch file of their
 * own: where they begin there is known when those of all smaller levels have been made.
 */
import { closeQuietly, type Fs, type FsFile, readFully, writeAll } from 'holdfast/os';
import { type EncodedBlock, LEADER_BYTES, TRAILER_BYTES } from '../tiff/block-encoder.js';
import { openScratchFile } from './scratch-file.js';

/** Where the blocks of an image lie, in the order of TileOffsets: plane after plane. */
export interface BlockPlaces {
  /** From the start of the level's blocks. */
  readonly startBytes: Float64Array;
  /** 0 for a block that is left out. */
  readonly sizesBytes: Uint32Array;
}

/** What a spool holds. */
interface SpoolShape {
  readonly blockCount: number;
  /** Blocks of samples at one place: one, or one a band. */
  readonly planes: number;
  readonly hasMask: boolean;
}

const PIECE_BYTES = 1024 * 1024;

export class Spool {
  readonly image: BlockPlaces;
  readonly mask: BlockPlaces | undefined;
  readonly #file: FsFile;
  readonly #shape: SpoolShape;
  #sizeBytes = 0;

  private constructor(file: FsFile, shape: SpoolShape) {
    const { blockCount, planes, hasMask } = shape;
    this.#file = file;
    this.#shape = shape;
    this.image = noPlaces(blockCount * planes);
    this.mask = hasMask ? noPlaces(blockCount) : undefined;
  }

  static async open(fs: Fs, directory: string, shape: SpoolShape): Promise<Spool> {
    return new Spool(await openScratchFile(fs, directory), shape);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Adds what stands at one place; in the order of places. */
  async add(index: number, { bytes, sizes }: EncodedBlock): Promise<void> {
    const { blockCount, planes } = this.#shape;
    const start = this.#sizeBytes;
    this.#sizeBytes += bytes.length;
    await writeAll(this.#file, bytes, start);
    let at = start;
    for (const [plane, size] of sizes.entries()) {
      const [places, entry] =
        plane < planes ? [this.image, plane * blockCount + index] : [this.mask, index];
      if (places) places.startBytes[entry] = at + LEADER_BYTES;
      if (places) places.sizesBytes[entry] = size;
      at += LEADER_BYTES + size + TRAILER_BYTES;
    }
  }

  /** The block of a plane, or of the mask; `undefined` where it was left out. */
  async block(places: BlockPlaces, entry: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const sizeBytes = places.sizesBytes[entry] as number;
    if (sizeBytes === 0) return undefined;
    const bytes = new Uint8Array(sizeBytes);
    await this.#read(bytes, places.startBytes[entry] as number);
    return bytes;
  }

  /** All of it; each piece is good until the next. */
  async *pieces(): AsyncGenerator<Uint8Array> {
    const piece = new Uint8Array(Math.min(PIECE_BYTES, this.#sizeBytes));
    for (let at = 0; at < this.#sizeBytes; at += piece.length) {
      const part = piece.subarray(0, Math.min(piece.length, this.#sizeBytes - at));
      await this.#read(part, at);
      yield part;
    }
  }

  async #read(into: Uint8Array, atByte: number): Promise<void> {
    const count = await readFully(this.#file, into, atByte);
    if (count === into.length) return;
    throw new Error(`a scratch file ends after ${atByte + count} bytes, and more were written`);
  }

  /** What it held is not needed any more, whatever the system says. */
  async close(): Promise<void> {
    await closeQuietly(this.#file);
  }
}

function noPlaces(count: number): BlockPlaces {
  return { startBytes: new Float64Array(count), sizesBytes: new Uint32Array(count) };
}

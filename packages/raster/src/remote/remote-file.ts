/**
 * A file far away, of one version. Its beginning comes with the first request, which also says how
 * large it is; for a GeoTIFF whose fields are there, nothing else is asked for before its blocks.
 *
 * Reads that begin in the same turn share requests: those that lie together, or nearly, are one.
 */
import type { ReadableFile } from '../source/readable-file.js';
import type { AskRange, ByteRange } from './ranges.js';
import type { Requests } from './requests.js';

/** What comes with the first request, and at least with each other one. */
const LEAST_BYTES = 16 * 1024;
/** What is passed over rather than asked around. */
const MOST_GAP_BYTES = 32 * 1024;
/** What several reads share at most. */
const MOST_TOGETHER_BYTES = 8 * 1024 * 1024;

interface Wanted extends ByteRange {
  readonly buffer: Uint8Array;
  readonly resolve: (countBytes: number) => void;
  readonly reject: (error: unknown) => void;
}

/** Bytes that are here. */
interface Piece {
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
}

export class RemoteFile implements ReadableFile {
  readonly path: string;
  readonly version: string;
  readonly #sizeBytes: number;
  readonly #ask: (range: ByteRange) => Promise<Uint8Array>;
  readonly #head: Piece;
  /** The last small piece: fields of a file are read one by one. */
  #last: Piece | undefined;
  #wanted: Wanted[] = [];

  /**
   * @param version - what it must be, if that is known
   * @throws HoldfastError as `AskRange` does
   */
  static async open(
    path: string,
    requests: Requests,
    ask: AskRange,
    version: string | undefined,
  ): Promise<RemoteFile> {
    const range = { offsetBytes: 0, sizeBytes: LEAST_BYTES };
    const head = await requests.make(path, (signal) => ask(range, version, signal));
    return new RemoteFile(path, head, async (further) => {
      const pinned = (signal: AbortSignal) => ask(further, head.version, signal);
      return (await requests.make(path, pinned)).bytes;
    });
  }

  private constructor(
    path: string,
    head: { readonly bytes: Uint8Array; readonly sizeBytes: number; readonly version: string },
    ask: (range: ByteRange) => Promise<Uint8Array>,
  ) {
    this.path = path;
    this.version = head.version;
    this.#sizeBytes = head.sizeBytes;
    this.#head = { offsetBytes: 0, bytes: head.bytes };
    this.#ask = ask;
  }

  async stat(): Promise<{ readonly sizeBytes: number }> {
    return { sizeBytes: this.#sizeBytes };
  }

  async read(buffer: Uint8Array, offsetBytes: number): Promise<number> {
    const sizeBytes = Math.min(buffer.length, this.#sizeBytes - offsetBytes);
    if (sizeBytes <= 0) return 0;
    for (const piece of [this.#head, this.#last])
      if (piece && copyFrom(piece, { offsetBytes, sizeBytes }, buffer)) return sizeBytes;
    return new Promise((resolve, reject) => {
      this.#wanted.push({ buffer, offsetBytes, sizeBytes, resolve, reject });
      if (this.#wanted.length === 1) setImmediate(() => this.#askForWanted());
    });
  }

  async close(): Promise<void> {
    // There is nothing to let go of: requests that are under way belong to whoever waits for them.
  }

  #askForWanted(): void {
    const wanted = this.#wanted.toSorted((a, b) => a.offsetBytes - b.offsetBytes);
    this.#wanted = [];
    for (const group of groupsOf(wanted)) void this.#askFor(group);
  }

  async #askFor({ offsetBytes, sizeBytes, reads }: Group): Promise<void> {
    try {
      const most = this.#sizeBytes - offsetBytes;
      const range = { offsetBytes, sizeBytes: Math.min(Math.max(sizeBytes, LEAST_BYTES), most) };
      const piece = { offsetBytes, bytes: await this.#ask(range) };
      if (sizeBytes < LEAST_BYTES) this.#last = piece;
      for (const read of reads) {
        copyFrom(piece, read, read.buffer);
        read.resolve(read.sizeBytes);
      }
    } catch (error) {
      for (const { reject } of reads) reject(error);
    }
  }
}

interface Group extends ByteRange {
  readonly reads: readonly Wanted[];
}

/** @param wanted - by their offset */
function groupsOf(wanted: readonly Wanted[]): readonly Group[] {
  const groups: { offsetBytes: number; sizeBytes: number; reads: Wanted[] }[] = [];
  for (const read of wanted) {
    const { offsetBytes } = read;
    const end = offsetBytes + read.sizeBytes;
    const last = groups.at(-1);
    const isNear =
      last !== undefined &&
      offsetBytes <= last.offsetBytes + last.sizeBytes + MOST_GAP_BYTES &&
      end - last.offsetBytes <= MOST_TOGETHER_BYTES;
    if (!isNear) {
      groups.push({ offsetBytes, sizeBytes: read.sizeBytes, reads: [read] });
      continue;
    }
    last.reads.push(read);
    last.sizeBytes = Math.max(last.sizeBytes, end - last.offsetBytes);
  }
  return groups;
}

/** Whether the piece has the range; then it was copied. */
function copyFrom(piece: Piece, { offsetBytes, sizeBytes }: ByteRange, into: Uint8Array): boolean {
  const begin = offsetBytes - piece.offsetBytes;
  if (begin < 0 || begin + sizeBytes > piece.bytes.length) return false;
  into.set(piece.bytes.subarray(begin, begin + sizeBytes));
  return true;
}

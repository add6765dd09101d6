/**
 * The directories (IFDs) of a TIFF or BigTIFF file in either byte order (TIFF 6.0, section 2;
 * BigTIFF as libtiff's `tiff.h` has it). Entries are read at once, values when they are asked for.
 * geotiff.js could do it too, but to load it takes longer than to read what a tile file says of
 * itself.
 */
import { readFully } from 'holdfast/os';
import type { ReadableFile } from '../readable-file.js';

type Get = (view: DataView, at: number, littleEndian: boolean) => number;

const getByte: Get = (view, at) => view.getUint8(at);
const getShort: Get = (view, at, little) => view.getUint16(at, little);
const getLong: Get = (view, at, little) => view.getUint32(at, little);
const getLong8: Get = (view, at, little) => Number(view.getBigUint64(at, little));

/**
 * The types of values by their codes: their widths, and how one is read. Fractions come as their
 * quotient.
 */
const types: Readonly<Record<number, { readonly bytes: number; readonly get: Get }>> = {
  1: { bytes: 1, get: getByte },
  2: { bytes: 1, get: getByte },
  3: { bytes: 2, get: getShort },
  4: { bytes: 4, get: getLong },
  5: {
    bytes: 8,
    get: (view, at, little) => view.getUint32(at, little) / view.getUint32(at + 4, little),
  },
  6: { bytes: 1, get: (view, at) => view.getInt8(at) },
  7: { bytes: 1, get: getByte },
  8: { bytes: 2, get: (view, at, little) => view.getInt16(at, little) },
  9: { bytes: 4, get: (view, at, little) => view.getInt32(at, little) },
  10: {
    bytes: 8,
    get: (view, at, little) => view.getInt32(at, little) / view.getInt32(at + 4, little),
  },
  11: { bytes: 4, get: (view, at, little) => view.getFloat32(at, little) },
  12: { bytes: 8, get: (view, at, little) => view.getFloat64(at, little) },
  13: { bytes: 4, get: getLong },
  16: { bytes: 8, get: getLong8 },
  17: { bytes: 8, get: (view, at, little) => Number(view.getBigInt64(at, little)) },
  18: { bytes: 8, get: getLong8 },
};

/**
 * Where TIFF (42) and BigTIFF (43) differ: how counts and offsets are read, and where the first
 * directory's is.
 */
const variants: Readonly<Record<number, Variant>> = {
  42: { offset: getLong, offsetBytes: 4, entryCount: getShort, entryCountBytes: 2, firstAt: 4 },
  43: { offset: getLong8, offsetBytes: 8, entryCount: getLong8, entryCountBytes: 8, firstAt: 8 },
};

interface Variant {
  readonly offset: Get;
  readonly offsetBytes: 4 | 8;
  readonly entryCount: Get;
  readonly entryCountBytes: 2 | 8;
  readonly firstAt: 4 | 8;
}

const LITTLE_ENDIAN = 0x4949;
const BIG_ENDIAN = 0x4d4d;
/** Headers of tile files, and of most others, end before here. */
const HEAD_BYTES = 4096;
/** TIFF 6.0 numbers tags with 16 bits. */
const MOST_ENTRIES = 65_536;
/** In all directories of a file together: they may overlap, so the size of the file is no bound. */
const MOST_ENTRIES_IN_ALL = 2 ** 20;

interface Entry {
  readonly type: number;
  readonly count: number;
  /** Where the value lies in the file, also if that is inside the entry. */
  readonly offsetBytes: number;
}

/** One directory: the values of its fields by their tags. */
export class Directory {
  readonly #bytes: FileBytes;
  readonly #entries: ReadonlyMap<number, Entry>;
  readonly littleEndian: boolean;

  constructor(bytes: FileBytes, littleEndian: boolean, entries: ReadonlyMap<number, Entry>) {
    this.#bytes = bytes;
    this.littleEndian = littleEndian;
    this.#entries = entries;
  }

  get entryCount(): number {
    return this.#entries.size;
  }

  get tags(): Iterable<number> {
    return this.#entries.keys();
  }

  has(tag: number): boolean {
    return this.#entries.has(tag);
  }

  /**
   * The values of a field, empty when it is missing or of a type that is not known.
   *
   * @throws Error for more values than `most`, or than the file holds
   */
  async values(tag: number, most: number): Promise<readonly number[]> {
    const entry = this.#entries.get(tag);
    if (!entry) return [];
    if (entry.count > most) throw new Error(`it has ${entry.count} values, over ${most}`);
    return this.#read(entry, entry.count);
  }

  /** The first value of a field, however many there are. */
  async firstValue(tag: number): Promise<number | undefined> {
    const entry = this.#entries.get(tag);
    return entry && (await this.#read(entry, Math.min(1, entry.count)))[0];
  }

  /**
   * A field of bytes or text as it lies in the file; empty when it is missing or its values are
   * wider.
   */
  async bytes(tag: number, most: number): Promise<Uint8Array> {
    const entry = this.#entries.get(tag);
    if (!entry || types[entry.type]?.bytes !== 1) return new Uint8Array(0);
    if (entry.count > most) throw new Error(`it has ${entry.count} bytes, over ${most}`);
    const { buffer, byteOffset, byteLength } = await this.#bytes.view(
      entry.offsetBytes,
      entry.count,
    );
    return new Uint8Array(buffer, byteOffset, byteLength);
  }

  async #read({ type: code, offsetBytes }: Entry, count: number): Promise<readonly number[]> {
    const type = types[code];
    if (!type) return [];
    const view = await this.#bytes.view(offsetBytes, count * type.bytes);
    return Array.from({ length: count }, (_, index) =>
      type.get(view, index * type.bytes, this.littleEndian),
    );
  }
}

/** The bytes of a file: its head is read once. */
class FileBytes {
  readonly #file: ReadableFile;
  readonly #sizeBytes: number;
  readonly #head: Uint8Array<ArrayBuffer>;

  constructor(file: ReadableFile, sizeBytes: number, head: Uint8Array<ArrayBuffer>) {
    this.#file = file;
    this.#sizeBytes = sizeBytes;
    this.#head = head;
  }

  static async of(file: ReadableFile): Promise<FileBytes> {
    const { sizeBytes } = await file.stat();
    const head = new Uint8Array(Math.min(HEAD_BYTES, sizeBytes));
    const count = await readFully(file, head, 0);
    return new FileBytes(file, sizeBytes, head.subarray(0, count));
  }

  /**
   * A view on some bytes; they must lie in the file, whatever a damaged one says of their number.
   */
  async view(offsetBytes: number, sizeBytes: number): Promise<DataView> {
    const end = offsetBytes + sizeBytes;
    if (!Number.isSafeInteger(end) || offsetBytes < 0 || end > this.#sizeBytes)
      throw new Error(`the file ends before byte ${end}`);
    if (end <= this.#head.length) return new DataView(this.#head.buffer, offsetBytes, sizeBytes);
    const bytes = new Uint8Array(sizeBytes);
    const count = await readFully(this.#file, bytes, offsetBytes);
    if (count < sizeBytes) throw new Error(`the file ends before byte ${end}`);
    return new DataView(bytes.buffer);
  }
}

/** The directories of a file, one after another. Throws a plain error where the file is no TIFF. */
export async function* directories(file: ReadableFile): AsyncGenerator<Directory> {
  const bytes = await FileBytes.of(file);
  const start = await bytes.view(0, 8);
  const order = start.getUint16(0, false);
  const littleEndian = order === LITTLE_ENDIAN;
  const variant = variants[start.getUint16(2, littleEndian)];
  if ((!littleEndian && order !== BIG_ENDIAN) || !variant) throw new Error('it is no TIFF');
  const first = await bytes.view(variant.firstAt, variant.offsetBytes);
  let at = variant.offset(first, 0, littleEndian);
  const seen = new Set<number>();
  let entries = 0;
  while (at !== 0 && !seen.has(at)) {
    seen.add(at);
    const { directory, next } = await directoryAt(bytes, variant, littleEndian, at);
    entries += 1 + directory.entryCount;
    if (entries > MOST_ENTRIES_IN_ALL)
      throw new Error(`its directories have over ${MOST_ENTRIES_IN_ALL} entries`);
    yield directory;
    at = next;
  }
}

async function directoryAt(
  bytes: FileBytes,
  variant: Variant,
  littleEndian: boolean,
  at: number,
): Promise<{ readonly directory: Directory; readonly next: number }> {
  const { entryCountBytes, offsetBytes } = variant;
  const count = variant.entryCount(await bytes.view(at, entryCountBytes), 0, littleEndian);
  if (count > MOST_ENTRIES) throw new Error(`a directory has ${count} entries`);
  // Tag, type, count, and the value or its offset; after all entries the offset of the next
  // directory.
  const entryBytes = 4 + 2 * offsetBytes;
  const begin = at + entryCountBytes;
  const view = await bytes.view(begin, count * entryBytes + offsetBytes);
  const entries = new Map<number, Entry>();
  for (let entry = 0; entry < count * entryBytes; entry += entryBytes) {
    const type = view.getUint16(entry + 2, littleEndian);
    const valueCount = variant.offset(view, entry + 4, littleEndian);
    const valueAt = entry + 4 + offsetBytes;
    const inside = valueCount * (types[type]?.bytes ?? 1) <= offsetBytes;
    const offset = inside ? begin + valueAt : variant.offset(view, valueAt, littleEndian);
    entries.set(view.getUint16(entry, littleEndian), {
      type,
      count: valueCount,
      offsetBytes: offset,
    });
  }
  const next = variant.offset(view, count * entryBytes, littleEndian);
  return { directory: new Directory(bytes, littleEndian, entries), next };
}

/**
 * The TIFF fields of one image that matter to us, loaded once and checked. Numbers are those of
 * TIFF 6.0 and GDAL.
 */
import { messageOf } from 'holdfast/errors';
import { decodedText } from '../../tiff/decoded-text.js';
import { tags } from '../../tiff/tags.js';
import type { Directory } from './directories.js';
import { MOST_TEXT_BYTES, MOST_VALUES } from './limits.js';

/** Those that only files of others have. */
export const tagsOfOthers = {
  fillOrder: 266,
  documentName: 269,
  imageDescription: 270,
  stripOffsets: 273,
  orientation: 274,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  minSampleValue: 280,
  maxSampleValue: 281,
  xResolution: 282,
  yResolution: 283,
  resolutionUnit: 296,
  software: 305,
  dateTime: 306,
  artist: 315,
  hostComputer: 316,
  jpegTables: 347,
  xmp: 700,
  copyright: 33432,
  iccProfile: 34675,
  rpcCoefficients: 50844,
  rsid: 50908,
  geoMetadata: 50909,
} as const;

type TagName = keyof typeof tags | keyof typeof tagsOfOthers;

const tagNumbers: Readonly<Record<TagName, number>> = { ...tags, ...tagsOfOthers };

/** Reads fields of one image by name. */
export class Tags {
  readonly #directory: Directory;

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  get littleEndian(): boolean {
    return this.#directory.littleEndian;
  }

  has(name: TagName): boolean {
    return this.#directory.has(tagNumbers[name]);
  }

  /**
   * The values of a field, empty when it is missing.
   *
   * @throws Error for more values than `most`
   */
  async numbers(name: TagName, most: number = MOST_VALUES): Promise<readonly number[]> {
    return this.#valuesOf(name, () => this.#directory.values(tagNumbers[name], most));
  }

  /** The first value of a field. */
  async number(name: TagName): Promise<number | undefined> {
    return this.#valuesOf(name, () => this.#directory.firstValue(tagNumbers[name]));
  }

  /** The numbers of all fields. */
  numbersOfTags(): Iterable<number> {
    return this.#directory.tags;
  }

  /** A field of text, without the NUL that ends it; UTF-8, or Latin-1 where it is not that. */
  async text(name: TagName): Promise<string | undefined> {
    return this.has(name) ? decodedText(await this.textBytes(name)) : undefined;
  }

  /** The bytes of a text, up to the NUL that ends it; none when it is missing. */
  async textBytes(name: TagName): Promise<Uint8Array> {
    const bytes = await this.bytes(name);
    const end = bytes.indexOf(0);
    return end < 0 ? bytes : bytes.subarray(0, end);
  }

  /** A field of bytes; empty when it is missing, or of wider values. */
  async bytes(name: TagName): Promise<Uint8Array> {
    return this.#valuesOf(name, () => this.#directory.bytes(tagNumbers[name], MOST_TEXT_BYTES));
  }

  async #valuesOf<T>(name: TagName, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (cause) {
      const why = messageOf(cause);
      throw new Error(`its field ${name} cannot be read: ${why}`, { cause });
    }
  }
}

/** The TIFF fields of one image that matter to us, loaded once and checked. Numbers are those of TIFF 6.0 and GDAL. */
import { tags } from '../../tiff/tags.js';
import type { Directory } from './directories.js';

/** Those that only files of others have. */
const tagsOfOthers = {
  stripOffsets: 273,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  jpegTables: 347,
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

  /** The values of a field, empty when it is missing. */
  async numbers(name: TagName): Promise<readonly number[]> {
    return this.#directory.values(tagNumbers[name]);
  }

  /** The first value of a field. */
  async number(name: TagName): Promise<number | undefined> {
    return (await this.numbers(name))[0];
  }

  /** A field of text, without the NUL that ends it. */
  async text(name: TagName): Promise<string | undefined> {
    if (!this.has(name)) return undefined;
    const bytes = Uint8Array.from(await this.numbers(name));
    return new TextDecoder().decode(bytes).replace(/\0.*$/su, '');
  }
}

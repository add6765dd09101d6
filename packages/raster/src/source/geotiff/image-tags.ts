/** The TIFF fields of one image that matter to us, loaded once and checked. Numbers are those of TIFF 6.0 and GDAL. */
import type { Directory } from './directories.js';

const tagNumbers = {
  newSubfileType: 254,
  imageWidth: 256,
  imageLength: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  stripOffsets: 273,
  samplesPerPixel: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  planarConfiguration: 284,
  predictor: 317,
  colorMap: 320,
  tileWidth: 322,
  tileLength: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  extraSamples: 338,
  sampleFormat: 339,
  jpegTables: 347,
  modelPixelScale: 33550,
  modelTiepoint: 33922,
  modelTransformation: 34264,
  geoKeyDirectory: 34735,
  geoDoubleParams: 34736,
  geoAsciiParams: 34737,
  gdalMetadata: 42112,
  gdalNodata: 42113,
  lercParameters: 50674,
} as const;

/** Reads fields of one image by name. */
export class Tags {
  readonly #directory: Directory;

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  get littleEndian(): boolean {
    return this.#directory.littleEndian;
  }

  has(name: keyof typeof tagNumbers): boolean {
    return this.#directory.has(tagNumbers[name]);
  }

  /** The values of a field, empty when it is missing. */
  async numbers(name: keyof typeof tagNumbers): Promise<readonly number[]> {
    return this.#directory.values(tagNumbers[name]);
  }

  /** The first value of a field. */
  async number(name: keyof typeof tagNumbers): Promise<number | undefined> {
    return (await this.numbers(name))[0];
  }

  /** A field of text, without the NUL that ends it. */
  async text(name: keyof typeof tagNumbers): Promise<string | undefined> {
    if (!this.has(name)) return undefined;
    const bytes = Uint8Array.from(await this.numbers(name));
    return new TextDecoder().decode(bytes).replace(/\0.*$/su, '');
  }
}

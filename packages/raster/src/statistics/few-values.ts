/**
 * Whether the samples of a band look like classes: integers of few values, whose means stand for
 * nothing. Looked for in some samples of each tile, which costs nothing beside the writing of it.
 */
import { dataTypeOf, dataTypes, type Pixels } from '../model.js';

/** Classifications of land have less than this. */
const MOST_CLASSES = 48;
const SAMPLES_A_TILE = 4096;

/** The values that were found in a band; `undefined` for more than classes have. */
export type FewValues = readonly number[] | undefined;

/**
 * What is found in a tile, a list a band; `undefined` for samples that are no classes by their
 * type.
 */
export function fewValuesOf(pixels: Pixels): readonly FewValues[] | undefined {
  const { data, bandCount, interleave } = pixels;
  const type = dataTypeOf(data);
  if (type === undefined || dataTypes[type].sampleFormat === 3 || dataTypes[type].bytes > 4)
    return undefined;
  const count = data.length / bandCount;
  const [step, bandStep] = interleave === 'pixel' ? [bandCount, 1] : [1, count];
  // A stride that shares nothing with the widths of rasters meets all columns.
  const stride = Math.max(1, Math.floor(count / SAMPLES_A_TILE)) | 1;
  return Array.from({ length: bandCount }, (_, band) => {
    const values = new Set<number>();
    for (let pixel = 0; pixel < count && values.size <= MOST_CLASSES; pixel += stride)
      values.add(data[band * bandStep + pixel * step] as number);
    return values.size > MOST_CLASSES ? undefined : [...values];
  });
}

/** Joins what the tiles of a raster have. */
export class ValueTally {
  /** By band: all values so far; `undefined` for too many. */
  readonly #bands: (Set<number> | undefined)[] = [];
  #isOfClasses = true;

  add(tile: readonly FewValues[] | undefined): void {
    if (!tile) this.#isOfClasses = false;
    for (const [band, values] of (tile ?? []).entries()) {
      const all = band in this.#bands ? this.#bands[band] : new Set<number>();
      for (const value of values ?? []) all?.add(value);
      this.#bands[band] = values === undefined || (all?.size ?? 0) > MOST_CLASSES ? undefined : all;
    }
  }

  /**
   * The bands, from 1, with as few values as classes have; one of a single value is no
   * classification.
   */
  bandsOfClasses(nodata: unknown): readonly number[] {
    if (!this.#isOfClasses) return [];
    return this.#bands.flatMap((values, band) => {
      const valid = [...(values ?? [])].filter((value) => value !== nodata);
      return valid.length > 1 ? [band + 1] : [];
    });
  }
}

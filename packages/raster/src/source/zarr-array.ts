/** What is needed of zarrita's classes. */

/** What is needed of zarrita's `Array`. */
export interface ZarrArray {
  /** `[height, width]`, or `[bands, height, width]`. */
  readonly shape: readonly number[];
  readonly chunks: readonly number[];
  readonly dtype: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  /**
   * The names of its dimensions, if it has any (Zarr 3; in Zarr 2 the attribute `_ARRAY_DIMENSIONS`
   * is looked at).
   */
  readonly dimensionNames?: readonly (string | null)[] | undefined;
  /** What samples are that were never written. */
  readonly fillValue?: unknown;
  /** Reads and decodes one chunk; the second argument goes to the store. */
  getChunk(coordinates: number[], options?: { signal?: AbortSignal }): Promise<ZarrChunk>;
}

/** A chunk: always of the whole chunk size, also where it reaches past the array. */
export interface ZarrChunk {
  readonly data: Iterable<unknown> & { readonly length: number };
  readonly shape: readonly number[];
  readonly stride: readonly number[];
}

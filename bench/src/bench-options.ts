/** What a benchmark is told. */
export interface BenchOptions {
  /** A short run that shows that everything works; its numbers mean nothing. */
  readonly quick: boolean;
  /**
   * Only the tables whose title holds this text, where a benchmark has several (json, files,
   * raster, records).
   */
  readonly only?: string | undefined;
}

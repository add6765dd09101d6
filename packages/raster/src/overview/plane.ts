/** What the makers of smaller pictures work on: one band, and where its result goes. */
import type { Nodata, RasterArray } from '../model.js';
import type { OverviewMethod, Taps } from './taps.js';

/**
 * One band of a picture: the sample at column `x` and row `y` lies at
 * `first + y * rowStep + x * step`.
 */
export interface Plane {
  readonly data: RasterArray;
  readonly first: number;
  readonly step: number;
  readonly rowStep: number;
  readonly widthPx: number;
}

/** Where the band of the result goes, row after row. */
export interface PlaneTarget {
  readonly data: RasterArray;
  readonly first: number;
  readonly step: number;
}

/** What each pixel of a result is made of. */
export interface Making {
  readonly columns: readonly Taps[];
  readonly rows: readonly Taps[];
  readonly method: OverviewMethod;
  /** Nodata as the samples have it. */
  readonly missing: Nodata | undefined;
}

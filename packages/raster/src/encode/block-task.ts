/**
 * What is asked for one block of an image that is written block by block, and what is told of it.
 */
import type { Pixels, Window } from '../model.js';
import type { Size } from '../overview/downsample.js';
import type { OverviewMethod } from '../overview/taps.js';
import type { BandStatistics } from '../statistics/band-statistics.js';
import type { FewValues } from '../statistics/few-values.js';
import type { EncodedBlock } from '../tiff/block-encoder.js';

/** How all blocks of a pool are made. */
export interface BlockOptions {
  readonly blockSizePx: number;
  readonly predictor: 1 | 2 | 3;
  /** How smaller pictures are made; `undefined` where there are none. */
  readonly method: OverviewMethod | undefined;
}

/** The part of a smaller picture that a block shows. */
export interface ReducedPart {
  /** The size of the picture that the samples are of. */
  readonly from: Size;
  readonly to: Size;
  readonly window: Window;
}

/** One block. */
export interface BlockTask {
  /** Its samples; or those that it is made of. */
  readonly samples: Pixels;
  readonly reduced: ReducedPart | undefined;
  /** Whether its own samples are wanted back, for a smaller picture that is made of them. */
  readonly isKept: boolean;
}

/** A block that was made. */
export interface MadeBlock {
  /** `undefined` for an empty one that is left out. */
  readonly encoded: EncodedBlock | undefined;
  /** When they were wanted. */
  readonly samples: Pixels | undefined;
  /** Of each band of samples that were not reduced, when wanted. */
  readonly statistics: readonly BandStatistics[] | undefined;
  /** The values of each band of these, if they are few, when overviews of means are made. */
  readonly fewValues: readonly FewValues[] | undefined;
}

/** What is asked for one tile, and what is told of it when it is written. */
import type { Pixels, Transform, Window } from '../model.js';
import type { FewValues } from '../statistics/few-values.js';
import type { BandStatistics, WantedStatistics } from '../statistics/band-statistics.js';
import type { Pyramid } from '../overview/pyramid.js';

/** How all tiles of a pool are written. */
export interface TileTaskOptions {
  /**
   * Whether the owner of the stage will sync the files, so that the disk may begin with each as
   * soon as it is written.
   */
  readonly writeOut: boolean;
  /** Whether tiles that hold nothing but nodata are left out. */
  readonly skipEmpty: boolean;
  /** What the samples of each tile are gone over for. */
  readonly statistics: WantedStatistics;
  /** The overviews that each tile gets. */
  readonly pyramid: Pyramid | undefined;
}

/** One tile to be written to a path that does not exist yet. */
export interface TileTask {
  readonly path: string;
  /** Its samples, or where they lie in a file. */
  readonly samples: Pixels | Window;
  readonly transform: Transform | undefined;
}

/** Whether samples are given, and not just where they lie. */
export function areGiven(samples: Pixels | Window): samples is Pixels {
  return 'data' in samples;
}

/** A tile file that was written. */
export interface WrittenTile {
  readonly sizeBytes: number;
  /** SHA-256 of the file, in hexadecimal. */
  readonly sha256: string;
  /** Of each band, when wanted. */
  readonly statistics: readonly BandStatistics[] | undefined;
  /** The values of each band, if they are few, when overviews of means are made. */
  readonly fewValues: readonly FewValues[] | undefined;
  /** Its part of the first merged overview, if there is one. */
  readonly part: Pixels | undefined;
}

/** The statistics of a mosaic, joined of those of its tiles. */
import { imageBands } from '../model.js';
import {
  type BandStatistics,
  joinStatistics,
  noStatistics,
} from '../statistics/band-statistics.js';
import type { MosaicPlan } from './mosaic-plan.js';
import type { FinishedTile } from './resume-record.js';

/** Tiles are added in the order of the grid, so that the same samples give the same digits. */
export class MosaicStatistics {
  readonly #plan: MosaicPlan;
  #bands: readonly BandStatistics[];

  constructor(plan: MosaicPlan) {
    this.#plan = plan;
    this.#bands = imageBands(plan.source.info).map(() => noStatistics);
  }

  static of(plan: MosaicPlan, tiles: Iterable<FinishedTile>): MosaicStatistics {
    const statistics = new MosaicStatistics(plan);
    for (const tile of tiles) statistics.add(tile);
    return statistics;
  }

  add({ statistics }: FinishedTile): void {
    this.#bands = this.#bands.map((band, index) =>
      joinStatistics(band, statistics?.[index] ?? noStatistics),
    );
  }

  /** Of each band, if they are wanted. */
  get bands(): readonly BandStatistics[] | undefined {
    const { source, statistics } = this.#plan;
    if (statistics === 'none') return undefined;
    const { widthPx, heightPx } = source.info;
    // Tiles that were left out as empty count too, as pixels that are not valid.
    return this.#bands.map((band) => ({ ...band, pixels: widthPx * heightPx }));
  }
}

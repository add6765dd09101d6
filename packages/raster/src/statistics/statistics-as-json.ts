/**
 * Statistics in JSON, which has no infinite numbers and no not-a-number. The sums of values that
 * are large enough are such, and then so are means and squares: these are texts there.
 */
import type { BandStatistics } from './band-statistics.js';

/** Of each band, for `JSON.stringify`. */
export function statisticsAsJson(bands: readonly BandStatistics[] | undefined): unknown {
  return withNumbers(bands, (value) => (Number.isFinite(value) ? value : String(value)));
}

/** Of each band, as they were before {@link statisticsAsJson}. */
export function statisticsFromJson(
  bands: readonly BandStatistics[] | undefined,
): readonly BandStatistics[] | undefined {
  return withNumbers(bands, Number) as readonly BandStatistics[] | undefined;
}

function withNumbers(
  bands: readonly BandStatistics[] | undefined,
  change: (value: number) => unknown,
): unknown {
  return bands?.map(({ values, ...counts }) => {
    if (!values) return counts;
    const { mean, squares } = values;
    return { ...counts, values: { ...values, mean: change(mean), squares: change(squares) } };
  });
}

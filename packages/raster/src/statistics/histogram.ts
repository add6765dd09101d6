/**
 * A histogram that is counted in one pass, without knowing the range before, and whose parts can be
 * joined in any order.
 *
 * Buckets are `2^exponent` wide and begin at multiples of their width, so two histograms fit
 * together after the finer one has been made coarser, and every count stays exact. The exponent is
 * the smallest with which the values fit into the greatest number of buckets; so it depends on the
 * values alone, not on the order in which they came.
 */

/**
 * Counts of values. Bucket `i` holds the values from `(first + i) * 2^exponent` to below
 * `(first + i + 1) * 2^exponent`.
 */
export interface Histogram {
  readonly exponent: number;
  readonly first: number;
  readonly counts: readonly number[];
}

/** As many as GDAL's own histograms have. */
export const MOST_BUCKETS = 256;
/**
 * Buckets are at least this fine a part of the values in them, so that bucket numbers are whole and
 * exact.
 */
const FINEST_PART_BITS = 40;
/** The exponent of the bucket of a lone zero. */
const FINEST_EXPONENT = -900;
/**
 * Values nearer to zero than this count as zero: scaled by a bucket's width they would lose their
 * sign and become it.
 */
const SMALLEST = 2 ** FINEST_EXPONENT;

/** Counts finite values that lie between `minimum` and `maximum`, which are among them. */
export function countValues(values: Iterable<number>, minimum: number, maximum: number): Histogram {
  const exponent = exponentFor(minimum, maximum);
  const first = bucketOf(minimum, exponent);
  const counts = Array.from({ length: bucketOf(maximum, exponent) - first + 1 }, () => 0);
  const perWidth = 2 ** -exponent;
  for (const value of values) {
    const index = Math.floor(placed(value) * perWidth) - first;
    counts[index] = (counts[index] as number) + 1;
  }
  return { exponent, first, counts };
}

/** Joins two histograms; the counts stay exact. */
export function joinHistograms(a: Histogram, b: Histogram): Histogram {
  let exponent = Math.max(a.exponent, b.exponent);
  for (; ; exponent += 1) {
    const [left, right] = [coarsen(a, exponent), coarsen(b, exponent)];
    const first = Math.min(left.first, right.first);
    const end = Math.max(left.first + left.counts.length, right.first + right.counts.length);
    if (end - first > MOST_BUCKETS) continue;
    const counts = Array.from(
      { length: end - first },
      (_, index) =>
        (left.counts[first + index - left.first] ?? 0) +
        (right.counts[first + index - right.first] ?? 0),
    );
    return { exponent, first, counts };
  }
}

/** The same counts in buckets of a greater or equal width. */
function coarsen(histogram: Histogram, exponent: number): Histogram {
  const factor = 2 ** (exponent - histogram.exponent);
  if (factor === 1) return histogram;
  const first = Math.floor(histogram.first / factor);
  const last = Math.floor((histogram.first + histogram.counts.length - 1) / factor);
  const counts = Array.from({ length: last - first + 1 }, () => 0);
  for (const [index, count] of histogram.counts.entries()) {
    const target = Math.floor((histogram.first + index) / factor) - first;
    counts[target] = (counts[target] as number) + count;
  }
  return { exponent, first, counts };
}

/** The smallest exponent with which a range has no more than the greatest number of buckets. */
function exponentFor(minimum: number, maximum: number): number {
  const width = maximum / MOST_BUCKETS - minimum / MOST_BUCKETS;
  let exponent = Math.max(
    finestFor(minimum),
    finestFor(maximum),
    width > 0 ? Math.floor(Math.log2(width)) - 1 : FINEST_EXPONENT,
  );
  while (bucketOf(maximum, exponent) - bucketOf(minimum, exponent) >= MOST_BUCKETS) exponent += 1;
  return exponent;
}

function finestFor(value: number): number {
  if (placed(value) === 0) return FINEST_EXPONENT;
  return Math.max(FINEST_EXPONENT, Math.floor(Math.log2(Math.abs(value))) - FINEST_PART_BITS);
}

function bucketOf(value: number, exponent: number): number {
  return Math.floor(placed(value) * 2 ** -exponent);
}

function placed(value: number): number {
  return Math.abs(value) < SMALLEST ? 0 : value;
}

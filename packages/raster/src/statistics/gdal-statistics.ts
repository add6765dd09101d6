/**
 * Statistics as GDAL and QGIS look for them: metadata items of the band, and a histogram in the
 * index.
 */
import type { BandStatistics } from './band-statistics.js';

/** Of an item that says something about samples as they once were, by whoever wrote it. */
export function isStatistic(key: string): boolean {
  return key.startsWith('STATISTICS_');
}

/**
 * The metadata items of a band (`GDALRasterBand::SetStatistics`); where no pixel is valid the valid
 * share alone. That is in percent.
 */
export function statisticsMetadata(statistics: BandStatistics): Record<string, string> {
  const { values, valid, pixels } = statistics;
  if (!values) return pixels > 0 ? { STATISTICS_VALID_PERCENT: '0' } : {};
  return {
    STATISTICS_MINIMUM: String(values.minimum),
    STATISTICS_MAXIMUM: String(values.maximum),
    STATISTICS_MEAN: String(values.mean),
    STATISTICS_STDDEV: String(Math.sqrt(values.squares / valid)),
    STATISTICS_VALID_PERCENT: String(Number(((100 * valid) / pixels).toPrecision(4))),
  };
}

/** The lines of a band's `Histograms` element (VRTRasterBand). */
export function* histogramLines(statistics: BandStatistics, indent: string): Generator<string> {
  const histogram = statistics.values?.histogram;
  if (!histogram) return;
  const { first, counts, exponent } = histogram;
  const width = 2 ** exponent;
  yield `${indent}<Histograms>`;
  yield `${indent}  <HistItem>`;
  yield `${indent}    <HistMin>${first * width}</HistMin>`;
  yield `${indent}    <HistMax>${(first + counts.length) * width}</HistMax>`;
  yield `${indent}    <BucketCount>${counts.length}</BucketCount>`;
  yield `${indent}    <IncludeOutOfRange>0</IncludeOutOfRange>`;
  yield `${indent}    <Approximate>0</Approximate>`;
  yield `${indent}    <HistCounts>${counts.join('|')}</HistCounts>`;
  yield `${indent}  </HistItem>`;
  yield `${indent}</Histograms>`;
}

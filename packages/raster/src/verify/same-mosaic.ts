/**
 * Compares an index that another program wrote anew with what it was: metadata may differ, tiles
 * and places may not.
 */
import type { Nodata } from '../model.js';
import type { VrtBand, VrtDocument, VrtSource } from '../read/vrt-document.js';

/** What differs, in words; `undefined` where both show the same pixels in the same place. */
export function differenceOf(now: VrtDocument, before: VrtDocument): string | undefined {
  const size = (document: VrtDocument): string => `${document.widthPx}x${document.heightPx}`;
  if (size(now) !== size(before))
    return `it is of ${size(now)} pixels, ${size(before)} were written`;
  if (String(now.transform) !== String(before.transform)) return 'its transform was changed';
  if (!isSameSrs(now.srs, before.srs)) return 'its CRS was changed';
  if (now.bands.length !== before.bands.length)
    return `it has ${now.bands.length} bands, ${before.bands.length} were written`;
  const wrong = now.bands.findIndex((band, index) => !isSameBand(band, before.bands[index]));
  return wrong < 0
    ? undefined
    : `band ${wrong + 1} has other tiles, places or nodata than were written`;
}

/**
 * GDAL writes a code out as WKT, whose last authority is that of the whole. Other words cannot be
 * compared here.
 */
function isSameSrs(now: string | undefined, before: string | undefined): boolean {
  if (now === before) return true;
  if (now === undefined || before === undefined) return false;
  const code = /^EPSG:(\d+)$/iu.exec(before)?.[1];
  const codes = [...now.matchAll(/(?:AUTHORITY\["EPSG","|ID\["EPSG",)(\d+)/gu)];
  return code === undefined || codes.length === 0 || codes.at(-1)?.[1] === code;
}

function isSameBand(now: VrtBand, before: VrtBand | undefined): boolean {
  if (!before || now.dataType !== before.dataType) return false;
  if (!isSameNodata(now.nodata, before.nodata, now.dataType)) return false;
  const [sources, expected] = [now.sources.map(placeOf), before.sources.map(placeOf)];
  const overviews = ({ overviews: files }: VrtBand): string =>
    files
      .map(({ filename, bandNumber, overviewLevel }) =>
        [filename, bandNumber, overviewLevel].join(' '),
      )
      .join();
  return (
    sources.length === expected.length &&
    sources.every((source, index) => source === expected[index]) &&
    overviews(now) === overviews(before)
  );
}

function isSameNodata(a: Nodata | undefined, b: Nodata | undefined, dataType: string): boolean {
  if (Object.is(a, b) || a === undefined || b === undefined) return Object.is(a, b);
  if (typeof a === 'bigint' || typeof b === 'bigint') return a === b;
  return dataType === 'float32' && Math.fround(a) === Math.fround(b);
}

function placeOf(source: VrtSource): string {
  const { filename, relativeToVrt, bandNumber, overviewLevel, nodata } = source;
  const rectangles = [source.source, source.destination].map(
    (rectangle) =>
      rectangle && [rectangle.xPx, rectangle.yPx, rectangle.widthPx, rectangle.heightPx].join(' '),
  );
  return [filename, relativeToVrt, bandNumber, overviewLevel, nodata, ...rectangles].join('|');
}

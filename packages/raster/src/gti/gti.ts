/**
 * The tiles of an index once more, as GDAL's tile index (GTI): a GeoPackage with the outline of
 * each, for very many tiles.
 */
import { HoldfastError } from 'holdfast';
import { invalidArgument } from 'holdfast/options';
import { codeIn, definitionOfText } from '../crs/definition-of-text.js';
import { definitionWkt } from '../crs/definition.js';
import type { RasterInfo, Window } from '../model.js';
import { numberText } from '../vrt/vrt-text.js';
import { type Box, geopackageBytes, type LayerSystem, type OutlinedFile } from './geopackage.js';
import { hasSql, SQL_PACKAGE } from './sql-package.js';

/** How its name ends, by which GDAL knows it. */
export const GTI_ENDING = '.gti.gpkg';

/**
 * Whether there is to be one, after checks.
 *
 * @throws HoldfastError INVALID_ARGUMENT for a raster that such an index cannot show as it is;
 *   UNSUPPORTED_PLATFORM without the package that writes it
 */
export function wantsGti(
  call: string,
  gti: boolean | undefined,
  { info, path }: { readonly info: RasterInfo; readonly path: string },
): boolean {
  if (gti !== true) return false;
  const [, a, b, , d, e] = info.georeferencing.transform ?? [];
  const isUpright = a !== undefined && a > 0 && b === 0 && d === 0 && e !== undefined && e < 0;
  if (!isUpright)
    throw invalidArgument(
      call,
      'a GTI places tiles by their coordinates, rows from north to south: it has no raster without a transform, and none that is rotated or lies another way. Leave out gti (--gti)',
    );
  if (!hasSql())
    throw new HoldfastError('UNSUPPORTED_PLATFORM', {
      message: `A GTI is a GeoPackage, which the package ${SQL_PACKAGE} writes, and that is not here: npm install ${SQL_PACKAGE}, or leave out gti (--gti).`,
      step: 'load',
      path,
    });
  return true;
}

/** What such an index shows. */
export interface GtiIndex {
  readonly info: RasterInfo;
  /** The CRS as the VRT has it. */
  readonly srs: string | undefined;
  /** Of the overviews that lie inside of tiles. */
  readonly overviewFactors: readonly number[];
  /** By their paths from where the index lies. */
  readonly tiles: Iterable<{ readonly path: string; readonly window: Window }>;
}

/** The bytes of the GeoPackage. */
export async function gtiBytes({
  info,
  srs,
  overviewFactors,
  tiles,
}: GtiIndex): Promise<Uint8Array> {
  const { widthPx, heightPx } = info;
  const box = boxOf(info, { xPx: 0, yPx: 0, widthPx, heightPx });
  const [, xSize = 0, , , , ySize = 0] = info.georeferencing.transform ?? [];
  const [minX, minY, maxX, maxY] = box;
  const place = {
    MINX: minX,
    // What counts beside the upper left corner is the number of pixels, which GDAL rounds up.
    MINY: -endOf(-maxY, -ySize, heightPx, -minY),
    MAXX: endOf(minX, xSize, widthPx, maxX),
    MAXY: maxY,
    RESX: xSize,
    RESY: -ySize,
  };
  const bounds = Object.entries(place).map(([name, value]) => [name, numberText(value)] as const);
  const overviews = overviewFactors.map(
    (factor, index) => [`OVERVIEW_${index}_FACTOR`, String(factor)] as const,
  );
  return geopackageBytes({
    system: srs === undefined ? undefined : systemOf(srs),
    box,
    items: Object.fromEntries([...bounds, ...overviews]),
    files: outlinesOf(info, tiles),
  });
}

function* outlinesOf(info: RasterInfo, tiles: GtiIndex['tiles']): Generator<OutlinedFile> {
  for (const { path, window } of tiles) yield { location: path, box: boxOf(info, window) };
}

function boxOf(info: RasterInfo, { xPx, yPx, widthPx, heightPx }: Window): Box {
  const [x = 0, a = 0, , y = 0, , e = 0] = info.georeferencing.transform ?? [];
  return [x + xPx * a, y + (yPx + heightPx) * e, x + (xPx + widthPx) * a, y + yPx * e];
}

/** The end of so many pixels, or what comes next to it so that they are no more by division. */
function endOf(start: number, size: number, count: number, given: number): number {
  let end = given;
  while ((end - start) / size > count) end -= Math.abs(end) * Number.EPSILON;
  return end;
}

function systemOf(srs: string): LayerSystem {
  const code = codeIn(srs);
  if (!/^(?:EPSG|\+)/u.test(srs)) return { code, definition: srs };
  const definition = definitionOfText(srs);
  return { code, definition: definition ? definitionWkt(definition) : srs };
}

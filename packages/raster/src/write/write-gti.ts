/**
 * The index of a mosaic once more, for very many tiles: GDAL's tile index (GTI), a GeoPackage that
 * lies among the tiles and is listed by their manifest, so that it is of the same commit, is
 * checked with them and goes with them.
 */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { HoldfastError, type Stage } from 'holdfast';
import { invalidArgument } from 'holdfast/options';
import { codeIn, definitionOfText } from '../crs/definition-of-text.js';
import { definitionWkt } from '../crs/definition.js';
import {
  type Box,
  geopackageBytes,
  type LayerSystem,
  type OutlinedFile,
} from '../gti/geopackage.js';
import { hasSql, SQL_PACKAGE } from '../gti/sql-package.js';
import type { RasterInfo, Window } from '../model.js';
import { cells } from '../source/grid.js';
import { numberText } from '../vrt/vrt-text.js';
import type { ManifestTile } from './manifest.js';
import type { MosaicPlan } from './mosaic-plan.js';

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

/** Writes it, if there is to be one. */
export async function writeGti(
  plan: MosaicPlan,
  stage: Stage,
  tiles: ReadonlySet<string>,
): Promise<readonly ManifestTile[]> {
  if (!plan.gti) return [];
  const { source, srs, pyramid, indexPath } = plan;
  const { widthPx, heightPx } = source.info;
  const box = boxOf(plan, { xPx: 0, yPx: 0, widthPx, heightPx });
  const [, xSize = 0, , , , ySize = 0] = source.info.georeferencing.transform ?? [];
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
  // Those inside of tiles alone: the names of others count from where a program was started.
  const overviews = (pyramid?.levels ?? [])
    .filter((level) => level.place === 'inTiles')
    .map(({ factor }, index) => [`OVERVIEW_${index}_FACTOR`, String(factor)] as const);
  const bytes = await geopackageBytes({
    system: srs === undefined ? undefined : systemOf(srs),
    box,
    items: Object.fromEntries([...bounds, ...overviews]),
    files: outlinesOf(plan, tiles),
  });
  const name = `${basename(indexPath).slice(0, -'.vrt'.length)}${GTI_ENDING}`;
  await stage.write(name, bytes, { overwrite: stage.resumed });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return [{ name, sizeBytes: bytes.length, sha256 }];
}

/** The end of so many pixels, or what comes next to it so that they are no more by division. */
function endOf(start: number, size: number, count: number, given: number): number {
  let end = given;
  while ((end - start) / size > count) end -= Math.abs(end) * Number.EPSILON;
  return end;
}

function* outlinesOf(plan: MosaicPlan, tiles: ReadonlySet<string>): Generator<OutlinedFile> {
  for (const cell of cells(plan.grid)) {
    const location = plan.tileName(cell);
    if (tiles.has(location)) yield { location, box: boxOf(plan, cell.window) };
  }
}

function boxOf({ source }: MosaicPlan, { xPx, yPx, widthPx, heightPx }: Window): Box {
  const [x = 0, a = 0, , y = 0, , e = 0] = source.info.georeferencing.transform ?? [];
  return [x + xPx * a, y + (yPx + heightPx) * e, x + (xPx + widthPx) * a, y + yPx * e];
}

function systemOf(srs: string): LayerSystem {
  const code = codeIn(srs);
  if (!/^(?:EPSG|\+)/u.test(srs)) return { code, definition: srs };
  const definition = definitionOfText(srs);
  return { code, definition: definition ? definitionWkt(definition) : srs };
}

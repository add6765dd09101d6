/**
 * A raster as a SpatioTemporal Asset Catalog item (STAC 1.1.0), with the projection extension 2.0
 * and the raster extension 2.0. Nothing in it is of the moment or the place of its writing, so that
 * the same raster has the same item.
 */
import { srsText } from '../crs/crs.js';
import { codeIn } from '../crs/definition-of-text.js';
import { type BandInfo, imageBands, type NotCarried, type RasterInfo } from '../model.js';
import { boundsOf, cornersOf, footprintOf } from './footprint.js';
import type { WantedItem } from './stac-options.js';

/** A file of the item. */
export interface ItemAsset {
  /** Relative to the item, with `/` between the parts. */
  readonly href: string;
  readonly type: string;
  readonly title: string;
}

/**
 * An index has no registered media type; this is one of the unregistered tree (RFC 6838, 3.4), by
 * which odc-stac and GDAL's STACIT take it for an image, as they do not with `application/xml`.
 */
export const VRT_TYPE = 'image/x.vrt';

/** What an item says of a TIFF that a network reads well. */
export const COG_TYPE = 'image/tiff; application=geotiff; profile=cloud-optimized';

/**
 * A file name as an IRI has it (RFC 3987). Letters of all alphabets stay, so that readers who take
 * references for paths find these.
 */
export function hrefOf(name: string): string {
  return name.replaceAll(/[^\w.~!$&'()*+,;=@\u{80}-\u{10ffff}-]/gu, encodeURIComponent);
}

/** What it says of one of which that is not known. */
export const TILE_TYPE = 'image/tiff; application=geotiff';

const EXTENSIONS = ['projection', 'raster'].map(
  (name) => `https://stac-extensions.github.io/${name}/v2.0.0/schema.json`,
);

/** An item as it is written, and what it does not say of the raster. */
export interface MadeItem {
  readonly bytes: Uint8Array;
  readonly notCarried: readonly NotCarried[];
}

/** The item of a raster whose samples are in one asset, `data`. */
export async function itemOf(...of: Parameters<typeof itemAsJson>): Promise<MadeItem> {
  const { item, notCarried } = await itemAsJson(...of);
  return { bytes: Buffer.from(`${JSON.stringify(item, undefined, 2)}\n`), notCarried };
}

/** The same before it is text. */
export async function itemAsJson(
  info: RasterInfo,
  { id, time }: Omit<WantedItem, 'tiles'>,
  { href, type, title }: ItemAsset,
): Promise<{ readonly item: object; readonly notCarried: readonly NotCarried[] }> {
  const footprint = await footprintOf(info);
  const { transform, crs } = info.georeferencing;
  const text = crs && srsText(crs);
  const code = text === undefined ? undefined : codeIn(text);
  const wkt2 = code === undefined && text !== undefined && isWkt2(text) ? text : undefined;
  const { widthPx, heightPx } = info;
  const item = {
    type: 'Feature',
    stac_version: '1.1.0',
    stac_extensions: EXTENSIONS,
    id,
    geometry: footprint?.geometry ?? null,
    bbox: footprint?.bbox,
    properties: {
      ...time,
      'proj:code': code === undefined ? null : `EPSG:${code}`,
      'proj:wkt2': wkt2,
      'proj:shape': [heightPx, widthPx],
      'proj:transform': transform && affine(transform),
      'proj:bbox': transform && boundsOf(cornersOf(transform, widthPx, heightPx)),
    },
    links: [],
    assets: {
      data: {
        href,
        type,
        title,
        roles: ['data'],
        bands: imageBands(info).map((band, index) => bandOf(info, band, index)),
      },
    },
  };
  const told: NotCarried[] = [];
  const where = 'the STAC item';
  if (!footprint)
    told.push({
      what: 'where the raster lies in longitude and latitude',
      where,
      why: whyNowhere(info),
    });
  if (text !== undefined && code === undefined && wkt2 === undefined)
    told.push({ what: 'the CRS', where, why: 'it has no code of EPSG and is not given as WKT 2' });
  if (text !== undefined && /\+\d+$/u.test(text))
    told.push({
      what: 'the vertical CRS',
      where,
      why: 'proj:code has one code, of the horizontal one',
    });
  if (info.nodata !== undefined && nodataOf(info) === undefined)
    told.push({
      what: `nodata ${info.nodata}`,
      where,
      why: 'no number of JSON is sure to hold it',
    });
  return { item, notCarried: told };
}

function whyNowhere({ georeferencing: { transform, crs } }: RasterInfo): string {
  if (!transform) return 'no transform says where it lies';
  if (!crs) return 'it has no CRS';
  return 'it is not certain here how its CRS becomes longitude and latitude, at each of its corners';
}

/** Row by row, as the matrix of an affine map. */
function affine([x, a, b, y, d, e]: NonNullable<
  RasterInfo['georeferencing']['transform']
>): readonly number[] {
  return [a, b, x, d, e, y];
}

function isWkt2(text: string): boolean {
  return /^(?:PROJ|GEOG|GEOD|COMPOUND|PROJECTED|GEOGRAPHIC|GEODETIC|BOUND|DERIVEDPROJ)CRS\[/iu.test(
    text.trim(),
  );
}

function bandOf(
  info: RasterInfo,
  band: BandInfo,
  index: number,
): Readonly<Record<string, unknown>> {
  const { description, unit, scale, offset } = band;
  return {
    name: `b${index + 1}`,
    description: description === '' ? undefined : description,
    data_type: info.dataType,
    nodata: nodataOf(info),
    unit: unit === '' ? undefined : unit,
    'raster:scale': scale,
    'raster:offset': offset,
    'raster:sampling': info.georeferencing.pixelIs ?? 'area',
  };
}

function nodataOf({ nodata }: RasterInfo): number | string | undefined {
  if (nodata === undefined) return undefined;
  if (typeof nodata === 'number' && !Number.isFinite(nodata)) {
    if (Number.isNaN(nodata)) return 'nan';
    return nodata > 0 ? 'inf' : '-inf';
  }
  const value = Number(nodata);
  const isWhole = Number.isInteger(value);
  return isWhole && !Number.isSafeInteger(value) && typeof nodata === 'bigint' ? undefined : value;
}

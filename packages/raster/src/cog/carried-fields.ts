/**
 * What a source says that the index of a mosaic has and a tile has not, as fields of a file that
 * stands alone: control points, rational polynomial coefficients, XMP, an ICC profile, texts, and
 * GDAL's metadata with statistics and other domains.
 */
import { imageBands, type NotCarried, type RasterInfo } from '../model.js';
import { RPC_LIST_LENGTH, rpcLists, rpcNumbers } from '../source/geotiff/tag-items.js';
import { tagsOfOthers } from '../source/geotiff/image-tags.js';
import { type BandStatistics } from '../statistics/band-statistics.js';
import { statisticsMetadata } from '../statistics/gdal-statistics.js';
import { untoldColours } from '../tiff/colour-fields.js';
import { type Field, textField } from '../tiff/directory.js';
import { gdalMetadataXml } from '../tiff/gdal-metadata.js';
import { tags } from '../tiff/tags.js';

/** Domains that have fields of their own. */
const XMP = 'xml:XMP';
const PROFILE = { domain: 'COLOR_PROFILE', item: 'SOURCE_ICC_PROFILE' } as const;
const RPC = 'RPC';

/** Texts of TIFF's own (TIFF 6.0, section 8), as GDAL names them. */
const textTags: Readonly<Record<string, number>> = {
  TIFFTAG_DOCUMENTNAME: tagsOfOthers.documentName,
  TIFFTAG_IMAGEDESCRIPTION: tagsOfOthers.imageDescription,
  TIFFTAG_SOFTWARE: tagsOfOthers.software,
  TIFFTAG_DATETIME: tagsOfOthers.dateTime,
  TIFFTAG_ARTIST: tagsOfOthers.artist,
  TIFFTAG_HOSTCOMPUTER: tagsOfOthers.hostComputer,
  TIFFTAG_COPYRIGHT: tagsOfOthers.copyright,
};

/** The fields, with those of GDAL's metadata, which a tile has otherwise. */
export function carriedFields(
  info: RasterInfo,
  statistics: readonly BandStatistics[] | undefined,
): readonly Field[] {
  const { metadata = {}, domains = {}, gcps, georeferencing } = info;
  const texts = Object.entries(metadata).filter(([key]) => key in textTags);
  const rpc = rpcValues(domains[RPC]);
  const profile = profileBytes(domains[PROFILE.domain]);
  const xmp = domains[XMP];
  const isTold = (domain: string): boolean =>
    (domain === RPC && rpc !== undefined) ||
    (domain === PROFILE.domain && profile !== undefined) ||
    domain === XMP;
  const bands = imageBands(info);
  const xml = gdalMetadataXml({
    bands,
    metadata: without(metadata, (key) => key in textTags),
    colours: untoldColours(bands, info.dataType),
    statistics: statistics?.map(statisticsMetadata),
    domains: without(domains, isTold),
  });
  return [
    ...texts.map(([key, text]) => textField(textTags[key] as number, text)),
    ...(gcps && !georeferencing.transform ? [pointsField(info, gcps)] : []),
    ...(rpc ? [{ tag: tagsOfOthers.rpcCoefficients, type: 'double', values: rpc } as const] : []),
    ...(profile
      ? [{ tag: tagsOfOthers.iccProfile, type: 'undefined', values: profile } as const]
      : []),
    ...(typeof xmp === 'string'
      ? [{ tag: tagsOfOthers.xmp, type: 'byte', values: Buffer.from(xmp) } as const]
      : []),
    ...(xml === undefined ? [] : [textField(tags.gdalMetadata, xml)]),
  ];
}

/** What a single file has no place for, and GDAL keeps in a file beside it. */
export function leftOut(info: RasterInfo): readonly NotCarried[] {
  const why =
    'a TIFF has no place for it, and GDAL keeps it in a file beside, which no rename puts in place with it';
  const where = 'the source';
  const tables = info.bands.flatMap(({ categories, attributeTable }, index) => [
    ...(categories?.length ? [`the names of the values of band ${index + 1}`] : []),
    ...(attributeTable === undefined ? [] : [`the attribute table of band ${index + 1}`]),
  ]);
  const isNamed = info.gcps?.points.some(
    ({ id, info: about }, index) => id !== String(index + 1) || about !== undefined,
  );
  return [...tables, ...(isNamed ? ['the names of the control points'] : [])].map((what) => ({
    what,
    where,
    why,
  }));
}

function without<T>(
  all: Readonly<Record<string, T>>,
  isOut: (key: string) => boolean,
): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(all).filter(([key]) => !isOut(key)));
}

/**
 * Tie points that go with no scale (OGC 19-008r4, 7.1.2): raster places are of centres where pixels
 * are points.
 */
function pointsField(
  { georeferencing }: RasterInfo,
  { points }: NonNullable<RasterInfo['gcps']>,
): Field {
  const shift = georeferencing.pixelIs === 'point' ? 0.5 : 0;
  const values = points.flatMap(({ pixel, line, x, y, z }) => [
    pixel - shift,
    line - shift,
    0,
    x,
    y,
    z,
  ]);
  return { tag: tags.modelTiepoint, type: 'double', values };
}

/** The numbers of the field (GDAL's "RPCs in GeoTIFF"); `undefined` where one is missing. */
function rpcValues(domain: unknown): readonly number[] | undefined {
  if (typeof domain !== 'object' || domain === null) return undefined;
  const items = domain as Readonly<Record<string, string>>;
  // GDAL takes -1 for an error that is not known.
  const single = rpcNumbers.map((name) =>
    Number(items[name] ?? (name.startsWith('ERR_') ? -1 : NaN)),
  );
  const lists = rpcLists.map((name) => (items[name] ?? '').trim().split(/\s+/u).map(Number));
  const isWhole = lists.every(({ length }) => length === RPC_LIST_LENGTH);
  const values = [...single, ...lists.flat()];
  return isWhole && values.every((value) => Number.isFinite(value)) ? values : undefined;
}

function profileBytes(domain: unknown): Uint8Array | undefined {
  const text = (domain as Readonly<Record<string, string>> | undefined)?.[PROFILE.item];
  return typeof text === 'string' ? Buffer.from(text, 'base64') : undefined;
}

/**
 * What a GeoTIFF says about itself besides its samples: georeferencing, nodata, bands and metadata.
 */
import type {
  BandInfo,
  ColourInterpretation,
  Crs,
  GeoKey,
  GroundControlPoint,
  NotCarried,
  PaletteEntry,
  RasterInfo,
  Transform,
} from '../../model.js';
import {
  bandInfoOf,
  domainsOf,
  itemColour,
  type MetadataItem,
  metadataItems,
  plainItems,
  wellFormed,
} from './gdal-items.js';
import { verticalUnit } from '../../crs/vertical-units.js';
import { readGeoKeys } from '../../tiff/geo-key-directory.js';
import type { Tags } from './image-tags.js';
import { MOST_VALUES } from './limits.js';
import { joinedDomains } from './sidecars.js';
import { tagDomains, tagItems, tellOtherTags } from './tag-items.js';
import { geoKeys } from '../../crs/geo-key-ids.js';

const PIXEL_IS_POINT = 2;

const PHOTOMETRIC = { whiteIsZero: 0, blackIsZero: 1, rgb: 2, palette: 3, separated: 5, yCbCr: 6 };

/**
 * Where the pixels lie: by a transform, or by points whose places are known, which then have the
 * CRS. The unit of its heights is that of bands that have none of their own, as GDAL has it.
 */
export async function georeferencingOf(
  tags: Tags,
): Promise<Pick<RasterInfo, 'georeferencing' | 'gcps'> & { readonly unit: string | undefined }> {
  const keys = await geoKeysIn(tags);
  const isPoint = keys.some(
    ({ id, value }) => id === geoKeys.rasterType && value === PIXEL_IS_POINT,
  );
  const hasType = keys.some(({ id }) => id === geoKeys.rasterType);
  const pixelIs = hasType ? (isPoint ? 'point' : 'area') : undefined;
  const transform = await transformOf(tags, isPoint);
  const hasCrs = keys.some(({ id }) => id > geoKeys.rasterType);
  const minorRevision = (await tags.numbers('geoKeyDirectory'))[2];
  const crs: Crs | undefined = hasCrs ? { kind: 'geoKeys', keys, minorRevision } : undefined;
  const points = transform ? [] : await pointsOf(tags, isPoint);
  const unit = verticalUnit(keys);
  if (points.length === 0)
    return { georeferencing: { transform, pixelIs, crs }, gcps: undefined, unit };
  return { georeferencing: { pixelIs }, gcps: { crs, points }, unit };
}

/** Tie points that go with no scale: places of single pixels. */
async function pointsOf(tags: Tags, isPoint: boolean): Promise<readonly GroundControlPoint[]> {
  const tie = await tags.numbers('modelTiepoint');
  const shift = isPoint ? 0.5 : 0;
  return Array.from({ length: Math.floor(tie.length / 6) }, (_, index) => {
    const [pixel = 0, line = 0, , x = 0, y = 0, z = 0] = tie.slice(6 * index, 6 * index + 6);
    return { id: String(index + 1), pixel: pixel + shift, line: line + shift, x, y, z };
  });
}

async function geoKeysIn(tags: Tags): Promise<readonly GeoKey[]> {
  const directory = await tags.numbers('geoKeyDirectory');
  const doubles = await tags.numbers('geoDoubleParams');
  const ascii = await tags.textBytes('geoAsciiParams');
  return readGeoKeys(directory, doubles, ascii, MOST_VALUES);
}

/**
 * The geotransform of the outer corner, from a matrix, or from a scale and one tie point (7.2,
 * annex B.6).
 */
async function transformOf(tags: Tags, isPoint: boolean): Promise<Transform | undefined> {
  const ofTiePoint = await scaledTransform(tags);
  const transform = ofTiePoint ?? (await matrixTransform(tags));
  return transform && isPoint ? shifted(transform, -0.5) : transform;
}

async function scaledTransform(tags: Tags): Promise<Transform | undefined> {
  const tie = await tags.numbers('modelTiepoint');
  const [scaleX = 0, scaleY = 0] = await tags.numbers('modelPixelScale');
  if (scaleX !== 0 && scaleY !== 0 && tie.length >= 6) {
    const [column = 0, row = 0, , x = 0, y = 0] = tie;
    return [x - column * scaleX, scaleX, 0, y + row * scaleY, 0, -scaleY];
  }
  return undefined;
}

async function matrixTransform(tags: Tags): Promise<Transform | undefined> {
  const matrix = await tags.numbers('modelTransformation');
  if (matrix.length !== 16) return undefined;
  const [a = 0, b = 0, , x = 0, d = 0, e = 0, , y = 0] = matrix;
  return [x, a, b, y, d, e];
}

/**
 * Scale and offset of heights, which GDAL puts into the third dimension of the placement where the
 * CRS is vertical too.
 */
export async function heightsOf(
  tags: Tags,
  crs: Crs | undefined,
  told: NotCarried[],
): Promise<{ readonly scale: number; readonly offset: number } | undefined> {
  if (crs?.kind !== 'geoKeys' || !crs.keys.some(({ id }) => id === geoKeys.vertical))
    return undefined;
  const [, , scale = 0] = await tags.numbers('modelPixelScale');
  const [, , z = 0, , , offset = 0] = await tags.numbers('modelTiepoint');
  if (scale === 0 || (scale === 1 && offset === 0)) return undefined;
  if (crs.minorRevision === 0) {
    const what = 'scale and offset of heights';
    told.push({ what, where: 'the placement', why: 'GDAL believes none of GeoTIFF 1.0' });
    return undefined;
  }
  return { scale, offset: offset - z * scale };
}

function shifted(transform: Transform, pixels: number): Transform {
  const [x, a, b, y, d, e] = transform;
  return [x + pixels * (a + b), a, b, y + pixels * (d + e), d, e];
}

/** Items that GDAL keeps in fields of their own, by role. */
export type Description = Pick<RasterInfo, 'bands' | 'metadata' | 'domains'>;

export async function descriptionOf(
  tags: Tags,
  bandCount: number,
  told: NotCarried[],
): Promise<Description> {
  const items = await metadataItems(await tags.text('gdalMetadata'), told);
  const itemsOf = byBand(items);
  tellLostBands(itemsOf, bandCount, told);
  const colours = await coloursOf(tags, bandCount);
  const palette = await paletteOf(tags, bandCount, told);
  await tellInks(tags, told);
  const bands: BandInfo[] = [];
  for (const [band, colour] of colours.entries()) {
    const ofBand = itemsOf.get(band) ?? [];
    const info = bandInfoOf(ofBand, told);
    bands.push({
      ...info,
      domains: await wellFormed(info.domains, `band ${band + 1}`, told),
      colour: colourOf(itemColour(ofBand, told), colour, band === 0 ? palette : undefined),
      palette: band === 0 ? palette : undefined,
    });
  }
  const ofTheFile = itemsOf.get(undefined) ?? [];
  const metadata = { ...plainItems(ofTheFile), ...(await tagItems(tags)) };
  const joined = joinedDomains(domainsOf(ofTheFile), await tagDomains(tags, told));
  await tellOtherTags(tags, told);
  // It says what the GeoKeys say.
  delete metadata['AREA_OR_POINT'];
  return {
    bands,
    metadata: Object.keys(metadata).length > 0 ? metadata : undefined,
    domains: await wellFormed(joined, 'the file', told),
  };
}

function colourOf(
  ofItem: ColourInterpretation | undefined,
  ofFields: ColourInterpretation,
  palette: readonly PaletteEntry[] | undefined,
): ColourInterpretation {
  const isOpen = ofItem === undefined || ofItem === 'Undefined';
  return palette && isOpen ? 'Palette' : (ofItem ?? ofFields);
}

function tellLostBands(
  itemsOf: ReadonlyMap<number | undefined, readonly MetadataItem[]>,
  bandCount: number,
  told: NotCarried[],
): void {
  for (const [band, { length }] of itemsOf) {
    if (band === undefined || (Number.isInteger(band) && band >= 0 && band < bandCount)) continue;
    const why = 'there is no such band';
    told.push({ what: `${length} items of band ${band + 1}`, where: 'GDAL_METADATA', why });
  }
}

function byBand(
  items: readonly MetadataItem[],
): ReadonlyMap<number | undefined, readonly MetadataItem[]> {
  const itemsOf = new Map<number | undefined, MetadataItem[]>();
  for (const item of items) {
    const known = itemsOf.get(item.band);
    if (known) known.push(item);
    else itemsOf.set(item.band, [item]);
  }
  return itemsOf;
}

/**
 * TIFF 6.0: the photometric interpretation names the first bands; ExtraSamples 1 and 2 are alpha.
 */
async function coloursOf(tags: Tags, bandCount: number): Promise<readonly ColourInterpretation[]> {
  const photometric = await tags.number('photometricInterpretation');
  const named = namedColours(photometric ?? PHOTOMETRIC.blackIsZero);
  const extra = await tags.numbers('extraSamples');
  const firstExtra = bandCount - extra.length;
  return Array.from({ length: bandCount }, (_, band) => {
    const kind = extra[band - firstExtra];
    if (band >= firstExtra && (kind === 1 || kind === 2)) return 'Alpha';
    return (band < firstExtra ? named[band] : undefined) ?? 'Undefined';
  });
}

function namedColours(photometric: number): readonly ColourInterpretation[] {
  switch (photometric) {
    case PHOTOMETRIC.whiteIsZero:
      return ['Undefined'];
    case PHOTOMETRIC.rgb:
    case PHOTOMETRIC.yCbCr:
      return ['Red', 'Green', 'Blue'];
    case PHOTOMETRIC.palette:
      return ['Palette'];
    case PHOTOMETRIC.separated:
      return ['Cyan', 'Magenta', 'Yellow', 'Black'];
    default:
      return ['Gray'];
  }
}

/** Samples of more bits have no table: it would be as large as most rasters. */
const MOST_PALETTE_BITS = 8;

/**
 * The colours of the values: those of a colour map, or black and white of samples of one bit, which
 * would all be black as shades of grey, and of those for which white is zero.
 */
async function paletteOf(
  tags: Tags,
  bandCount: number,
  told: NotCarried[],
): Promise<readonly PaletteEntry[] | undefined> {
  const photometric = (await tags.number('photometricInterpretation')) ?? PHOTOMETRIC.blackIsZero;
  if (photometric === PHOTOMETRIC.palette) return mappedPalette(await tags.numbers('colorMap'));
  const whiteIsZero = photometric === PHOTOMETRIC.whiteIsZero;
  const bits = (await tags.number('bitsPerSample')) ?? 1;
  if (bandCount === 1 && (whiteIsZero || bits === 1) && bits <= MOST_PALETTE_BITS)
    return shades(2 ** bits, whiteIsZero);
  if (whiteIsZero) {
    const why = 'the samples are as in the file, and no table of colours says so';
    told.push({ what: 'white is zero', where: 'PhotometricInterpretation (tag 262)', why });
  }
  return undefined;
}

/**
 * What is told of a picture whose samples GDAL reads as others: red, green, blue and alpha of four
 * inks.
 */
export const INKS = 'a picture of inks';

/** Of four inks GDAL makes red, green, blue and alpha. */
async function tellInks(tags: Tags, told: NotCarried[]): Promise<void> {
  if ((await tags.number('photometricInterpretation')) !== PHOTOMETRIC.separated) return;
  const why = 'the samples are the inks, as in the file, and not the colours that they make';
  told.push({ what: INKS, where: 'PhotometricInterpretation (tag 262)', why });
}

function shades(count: number, whiteIsZero: boolean): readonly PaletteEntry[] {
  return Array.from({ length: count }, (_, value) => {
    const shade = Math.floor((255 * (whiteIsZero ? count - 1 - value : value)) / (count - 1));
    return [shade, shade, shade, 255];
  });
}

/**
 * A colour map holds all reds, then greens, then blues, each 0 to 65535 (TIFF 6.0, page 23). Some
 * writers take 0 to 255, which would all be black.
 */
function mappedPalette(map: readonly number[]): readonly PaletteEntry[] | undefined {
  if (map.length === 0) return undefined;
  const count = Math.floor(map.length / 3);
  const unit = map.some((value) => value > 255) ? 257 : 1;
  const channel = (index: number) => Math.floor((map[index] ?? 0) / unit);
  return Array.from({ length: count }, (_, entry) => [
    channel(entry),
    channel(count + entry),
    channel(2 * count + entry),
    255,
  ]);
}

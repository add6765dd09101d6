/** What a GeoTIFF says about itself besides its samples: georeferencing, nodata, bands and metadata. */
import { invalidArgument } from 'holdfast/options';
import type {
  BandInfo,
  ColourInterpretation,
  DataType,
  Georeferencing,
  GeoKey,
  Nodata,
  PaletteEntry,
  Transform,
} from '../../model.js';
import type { Tags } from './image-tags.js';

/** GeoTIFF 1.1 (OGC 19-008r4), requirement class 7.4: the key that says whether a pixel is an area or a point. */
const RASTER_TYPE_KEY = 1025;
const PIXEL_IS_POINT = 2;
/** Keys whose values lie in these fields instead of the directory itself (7.1.2). */
const DOUBLES = 34736;
const ASCII = 34737;

const PHOTOMETRIC = { whiteIsZero: 0, blackIsZero: 1, rgb: 2, palette: 3, separated: 5, yCbCr: 6 };

export async function georeferencingOf(tags: Tags, path: string): Promise<Georeferencing> {
  const keys = await geoKeysOf(tags);
  const isPoint = keys.some(({ id, value }) => id === RASTER_TYPE_KEY && value === PIXEL_IS_POINT);
  const hasType = keys.some(({ id }) => id === RASTER_TYPE_KEY);
  const pixelIs = hasType ? (isPoint ? 'point' : 'area') : undefined;
  const transform = await transformOf(tags, isPoint, path);
  const hasCrs = keys.some(({ id }) => id > RASTER_TYPE_KEY);
  return { transform, pixelIs, crs: hasCrs ? { kind: 'geoKeys', keys } : undefined };
}

async function geoKeysOf(tags: Tags): Promise<readonly GeoKey[]> {
  const directory = await tags.numbers('geoKeyDirectory');
  const doubles = await tags.numbers('geoDoubleParams');
  const ascii = (await tags.text('geoAsciiParams')) ?? '';
  const keys: GeoKey[] = [];
  for (let at = 4; at + 3 < directory.length && keys.length < (directory[3] ?? 0); at += 4) {
    const [id = 0, location, count = 0, offset = 0] = directory.slice(at, at + 4);
    if (location === DOUBLES) {
      const values = doubles.slice(offset, offset + count);
      keys.push({ id, value: values.length === 1 ? (values[0] as number) : values });
    } else if (location === ASCII) {
      // Every string ends with a bar, which is not part of it.
      keys.push({ id, value: ascii.slice(offset, offset + count).replace(/\|$/u, '') });
    } else {
      keys.push({ id, value: offset });
    }
  }
  return keys;
}

/** The geotransform of the outer corner, from a matrix, or from a scale and one tie point (7.2, annex B.6). */
async function transformOf(
  tags: Tags,
  isPoint: boolean,
  path: string,
): Promise<Transform | undefined> {
  const ofTiePoint = await scaledTransform(tags, path);
  const transform = ofTiePoint ?? (await matrixTransform(tags));
  return transform && isPoint ? shifted(transform, -0.5) : transform;
}

async function scaledTransform(tags: Tags, path: string): Promise<Transform | undefined> {
  const tie = await tags.numbers('modelTiepoint');
  const [scaleX = 0, scaleY = 0] = await tags.numbers('modelPixelScale');
  if (scaleX !== 0 && scaleY !== 0 && tie.length >= 6) {
    const [column = 0, row = 0, , x = 0, y = 0] = tie;
    return [x - column * scaleX, scaleX, 0, y + row * scaleY, 0, -scaleY];
  }
  if (tie.length > 6 && !tags.has('modelTransformation')) {
    throw invalidArgument(
      'fromGeoTiff',
      'the GeoTIFF is placed by ground control points, which a mosaic cannot carry: warp it first (gdalwarp)',
      path,
    );
  }
  return undefined;
}

async function matrixTransform(tags: Tags): Promise<Transform | undefined> {
  const matrix = await tags.numbers('modelTransformation');
  if (matrix.length !== 16) return undefined;
  const [a = 0, b = 0, , x = 0, d = 0, e = 0, , y = 0] = matrix;
  return [x, a, b, y, d, e];
}

function shifted(transform: Transform, pixels: number): Transform {
  const [x, a, b, y, d, e] = transform;
  return [x + pixels * (a + b), a, b, y + pixels * (d + e), d, e];
}

/** GDAL's nodata text as a value; one that no sample of the type can have is left out, since it marks nothing. */
export function nodataOf(text: string | undefined, dataType: DataType): Nodata | undefined {
  const trimmed = text?.trim() ?? '';
  if (trimmed === '') return undefined;
  if (dataType === 'int64' || dataType === 'uint64') return wholeNodata(trimmed, dataType);
  const value =
    trimmed.toLowerCase() === 'nan' ? NaN : Number(trimmed.replace(/^([+-]?)inf$/iu, '$1Infinity'));
  if (dataType.startsWith('float')) return value;
  return Number.isInteger(value) && fits(BigInt(value), dataType) ? value : undefined;
}

function wholeNodata(text: string, dataType: DataType): Nodata | undefined {
  if (!/^[+-]?\d+$/u.test(text)) return undefined;
  const value = BigInt(text);
  return fits(value, dataType) ? value : undefined;
}

function fits(value: bigint, dataType: DataType): boolean {
  const bits = Number(/\d+$/u.exec(dataType)?.[0]);
  return dataType.startsWith('u')
    ? value === BigInt.asUintN(bits, value)
    : value === BigInt.asIntN(bits, value);
}

/** The items of GDAL's metadata field. */
interface MetadataItem {
  readonly name: string;
  readonly band: number | undefined;
  readonly role: string | undefined;
  readonly domain: string | undefined;
  readonly value: string;
}

async function metadataItems(xml: string | undefined): Promise<readonly MetadataItem[]> {
  if (!xml) return [];
  const { SaxesParser } = await import('saxes');
  const items: MetadataItem[] = [];
  let open: Omit<MetadataItem, 'value'> | undefined;
  let text = '';
  const parser = new SaxesParser();
  parser.on('opentag', ({ name, attributes }) => {
    if (name !== 'Item') return;
    text = '';
    const { name: item = '', sample, role, domain } = attributes;
    open = { name: item, band: sample === undefined ? undefined : Number(sample), role, domain };
  });
  parser.on('text', (piece) => (text += piece));
  parser.on('closetag', ({ name }) => {
    if (name === 'Item' && open) items.push({ ...open, value: unescaped(text) });
    open = undefined;
  });
  parser.write(xml).close();
  return items;
}

const entities: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
};

/** GDAL escapes the values before it makes them XML, so they are escaped twice. */
function unescaped(text: string): string {
  return text.replace(
    /&(lt|gt|amp|quot|apos);/gu,
    (whole, name: string) => entities[name] ?? whole,
  );
}

/** Items that GDAL keeps in fields of their own, by role. */
export interface Description {
  readonly bands: readonly BandInfo[];
  readonly metadata: Readonly<Record<string, string>> | undefined;
}

export async function descriptionOf(tags: Tags, bandCount: number): Promise<Description> {
  const items = await metadataItems(await tags.text('gdalMetadata'));
  const colours = await coloursOf(tags, bandCount);
  const palette = await paletteOf(tags, bandCount);
  const bands = colours.map((colour, band) => ({
    ...bandInfoOf(items.filter((item) => item.band === band)),
    colour: itemColour(items, band) ?? colour,
    palette: band === 0 ? palette : undefined,
  }));
  return { bands, metadata: plainItems(items.filter((item) => item.band === undefined)) };
}

const colourNames: readonly ColourInterpretation[] = [
  'Undefined',
  'Gray',
  'Palette',
  'Red',
  'Green',
  'Blue',
  'Alpha',
  'Cyan',
  'Magenta',
  'Yellow',
  'Black',
];

function itemColour(
  items: readonly MetadataItem[],
  band: number,
): ColourInterpretation | undefined {
  const item = items.find((each) => each.band === band && each.role === 'colorinterp');
  return colourNames.find((name) => name.toLowerCase() === item?.value.toLowerCase());
}

function bandInfoOf(items: readonly MetadataItem[]): BandInfo {
  const byRole = (role: string) => items.find((item) => item.role === role)?.value;
  const numeric = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  return {
    description: byRole('description'),
    unit: byRole('unittype'),
    scale: numeric(byRole('scale')),
    offset: numeric(byRole('offset')),
    metadata: plainItems(items),
  };
}

function plainItems(items: readonly MetadataItem[]): Readonly<Record<string, string>> | undefined {
  const plain = items.filter((item) => item.role === undefined && item.domain === undefined);
  if (plain.length === 0) return undefined;
  return Object.fromEntries(plain.map(({ name, value }) => [name, value]));
}

/** TIFF 6.0: the photometric interpretation names the first bands; ExtraSamples 1 and 2 are alpha. */
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

/** A colour map holds all reds, then greens, then blues, each 0 to 65535 (TIFF 6.0, page 23). */
async function paletteOf(
  tags: Tags,
  bandCount: number,
): Promise<readonly PaletteEntry[] | undefined> {
  const map = await tags.numbers('colorMap');
  if (map.length === 0 || bandCount !== 1) return undefined;
  const count = map.length / 3;
  const channel = (index: number) => Math.floor((map[index] ?? 0) / 257);
  return Array.from({ length: count }, (_, entry) => [
    channel(entry),
    channel(count + entry),
    channel(2 * count + entry),
    255,
  ]);
}

/**
 * What the tags of a GeoTIFF say that GDAL has as metadata: items `TIFFTAG_*`, XMP (700), an ICC
 * profile (34675), rational polynomial coefficients (50844). Further tags are told (GDAL's page of
 * the GTiff driver; its `tifftagaliases`).
 */
import type { MetadataDomains, NotCarried } from '../../model.js';
import { tags as writtenTags } from '../../tiff/tags.js';
import { type Tags, tagsOfOthers } from './image-tags.js';

/** Texts, as GDAL names them. */
const texts = {
  TIFFTAG_DOCUMENTNAME: 'documentName',
  TIFFTAG_IMAGEDESCRIPTION: 'imageDescription',
  TIFFTAG_SOFTWARE: 'software',
  TIFFTAG_DATETIME: 'dateTime',
  TIFFTAG_ARTIST: 'artist',
  TIFFTAG_HOSTCOMPUTER: 'hostComputer',
  TIFFTAG_COPYRIGHT: 'copyright',
  TIFFTAG_RSID: 'rsid',
  TIFFTAG_GEO_METADATA: 'geoMetadata',
} as const;

const numbers = {
  TIFFTAG_XRESOLUTION: 'xResolution',
  TIFFTAG_YRESOLUTION: 'yResolution',
  TIFFTAG_MINSAMPLEVALUE: 'minSampleValue',
  TIFFTAG_MAXSAMPLEVALUE: 'maxSampleValue',
} as const;

const resolutionUnits: Readonly<Record<number, string>> = {
  1: '1 (unitless)',
  2: '2 (pixels/inch)',
  3: '3 (pixels/cm)',
};

/** The items `TIFFTAG_*`. */
export async function tagItems(tags: Tags): Promise<Readonly<Record<string, string>>> {
  const items: Record<string, string> = {};
  for (const [key, name] of Object.entries(texts)) {
    const text = await tags.text(name);
    if (text) items[key] = text;
  }
  for (const [key, name] of Object.entries(numbers)) {
    const value = await tags.number(name);
    // The lowest and highest value are only said where a file says them; resolutions come as
    // float32.
    if (value !== undefined && Number.isFinite(value)) items[key] = general(Math.fround(value), 8);
  }
  const unit = await tags.number('resolutionUnit');
  if (unit !== undefined) items['TIFFTAG_RESOLUTIONUNIT'] = resolutionUnits[unit] ?? String(unit);
  return items;
}

/** C's `%.<digits>g`. */
function general(value: number, digits: number): string {
  if (value === 0) return '0';
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent >= -5 && exponent < digits) return String(Number(value.toPrecision(digits)));
  const [mantissa = '', power = ''] = value.toExponential(digits - 1).split('e');
  const sign = power.startsWith('-') ? '-' : '+';
  const plain = mantissa.includes('.') ? mantissa.replace(/\.?0+$/u, '') : mantissa;
  return `${plain}e${sign}${power.slice(1).padStart(2, '0')}`;
}

/** XMP, an ICC profile and RPC, in the domains where GDAL has them. */
export async function tagDomains(tags: Tags, told: NotCarried[]): Promise<MetadataDomains> {
  const xmp = await tags.text('xmp');
  const profile = await tags.bytes('iccProfile');
  const icc = Buffer.from(profile).toString('base64');
  const rpc = await rpcOf(tags, told);
  return {
    ...(xmp && { 'xml:XMP': xmp }),
    ...(icc !== '' && { COLOR_PROFILE: { SOURCE_ICC_PROFILE: icc } }),
    ...(rpc && { RPC: rpc }),
  };
}

/** The names of the 92 numbers (GDAL's "RPCs in GeoTIFF"); the last four are lists of twenty. */
export const rpcNumbers = [
  'ERR_BIAS',
  'ERR_RAND',
  'LINE_OFF',
  'SAMP_OFF',
  'LAT_OFF',
  'LONG_OFF',
  'HEIGHT_OFF',
  'LINE_SCALE',
  'SAMP_SCALE',
  'LAT_SCALE',
  'LONG_SCALE',
  'HEIGHT_SCALE',
] as const;
export const rpcLists = [
  'LINE_NUM_COEFF',
  'LINE_DEN_COEFF',
  'SAMP_NUM_COEFF',
  'SAMP_DEN_COEFF',
] as const;
export const RPC_LIST_LENGTH = 20;
const RPC_COUNT = 92;

async function rpcOf(
  tags: Tags,
  told: NotCarried[],
): Promise<Readonly<Record<string, string>> | undefined> {
  const values = await tags.numbers('rpcCoefficients');
  if (values.length === 0) return undefined;
  if (values.length !== RPC_COUNT) {
    const why = `it has ${values.length} numbers, and not ${RPC_COUNT}`;
    told.push({ what: 'rational polynomial coefficients', where: 'tag 50844', why });
    return undefined;
  }
  const text = (value: number): string => general(value, 15);
  const items: [string, string][] = rpcNumbers.map((name, at) => [name, text(values[at] ?? 0)]);
  for (const [index, name] of rpcLists.entries()) {
    const start = rpcNumbers.length + RPC_LIST_LENGTH * index;
    items.push([
      name,
      values
        .slice(start, start + RPC_LIST_LENGTH)
        .map(text)
        .join(' '),
    ]);
  }
  return Object.fromEntries(items);
}

/** What others have words for; the rest is told by its number. */
const tagNames: Readonly<Record<number, string>> = {
  301: 'transfer function',
  318: 'white point',
  319: 'primary chromaticities',
  330: 'further images (SubIFDs)',
  33723: 'IPTC',
  34377: 'Photoshop resources',
  34665: 'Exif',
  34853: 'GPS (Exif)',
  37724: 'Photoshop layers',
  50674: 'LERC parameters',
};

/** Tags that say how the samples lie in the file, or what no reader needs. */
const ofTheStorage: ReadonlySet<number> = new Set([
  255, 263, 264, 265, 266, 288, 289, 290, 291, 292, 293, 297, 332, 334, 336, 340, 341, 343, 512,
  513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 34926, 65000, 65004, 65536, 65565,
]);
const ORIENTATION = 274;

/** Tells every tag that nothing here reads. */
export async function tellOtherTags(tags: Tags, told: NotCarried[]): Promise<void> {
  const known = new Set<number>([...Object.values(writtenTags), ...Object.values(tagsOfOthers)]);
  for (const tag of tags.numbersOfTags()) {
    if (known.has(tag) || ofTheStorage.has(tag) || tag === ORIENTATION) continue;
    const why = 'a mosaic has no place for it';
    told.push({ what: tagNames[tag] ?? `the field ${tag}`, where: `tag ${tag}`, why });
  }
  const orientation = (await tags.number('orientation')) ?? 1;
  if (orientation !== 1)
    told.push({
      what: `orientation ${orientation}`,
      where: `tag ${ORIENTATION}`,
      why: 'rows and columns stay as they lie in the file, as GDAL reads them',
    });
}

/**
 * Understands a VRT index: GDAL's own mosaics of simple and complex sources, and ours. What it does
 * not understand is an error that names it, never left out in silence, since that would be other
 * pixels.
 */
import { setImmediate } from 'node:timers/promises';
import { crsOfText } from '../crs/crs.js';
import {
  dataTypeNames,
  dataTypes,
  type BandInfo,
  type ColourInterpretation,
  type DataType,
  type Nodata,
  type Transform,
} from '../model.js';
import { nodataSample } from '../tiff/nodata.js';
import { overviewsFileIn, vrtDomain } from '../vrt/vrt-text.js';
import { xmlText } from '../vrt/xml.js';
import { categoriesOf, gcpsOf, metadataOf, paletteOf } from './dataset-elements.js';
import {
  type PixelRectangle,
  textOfParts,
  type VrtBand,
  type VrtDocument,
  type VrtOverview,
  type VrtSource,
} from './vrt-document.js';
import { child, children, parseXml, type XmlElement } from './xml-tree.js';

/** The elements of a source that place pixels as they are, or say nothing about pixels. */
const plainSourceElements: ReadonlySet<string> = new Set([
  'SourceFilename',
  'SourceBand',
  'SourceProperties',
  'SrcRect',
  'DstRect',
  'OpenOptions',
]);

/** What is believed of an index at most. */
export interface IndexLimits {
  readonly maxBands: number;
  /** Of all bands together. */
  readonly maxSources: number;
}

const noLimits: IndexLimits = { maxBands: Infinity, maxSources: Infinity };

/** So many sources are understood in one go; then others have their turn. */
const SOURCES_PER_TURN = 4096;

/** Of an index in which nothing is wrong: it asks for something that this reader does not have. */
export class UnsupportedFeature extends Error {}

/**
 * Parses the text of an index.
 *
 * @throws the reason of `signal`; Error that says what is wrong: not XML, not a VRT, a number that
 *   is none, or a feature that this reader does not have (derived, warped and pansharpened bands,
 *   kernels, look-up tables, scaling)
 */
export async function parseVrt(
  text: string,
  limits: IndexLimits = noLimits,
  signal?: AbortSignal,
): Promise<VrtDocument> {
  const root = await parseXml(text, { signal, onElement: counterOf(limits) });
  if (root.name !== 'VRTDataset')
    throw new Error(`the root element is ${root.name}, not VRTDataset`);
  const subClass = root.attributes['subClass'];
  if (subClass !== undefined) throw unsupported(`a dataset of class ${subClass}`);
  const turn = turnTaker(signal);
  const bands: VrtBand[] = [];
  for (const band of children(root, 'VRTRasterBand')) bands.push(await parseBand(band, turn));
  if (bands.length === 0) throw new Error('it has no bands');
  const mask = (await parseMask(root, turn)) ?? commonMask(bands);
  const gcps = child(root, 'GCPList');
  const metadata = parseMetadata(root);
  return {
    widthPx: positiveInteger(root, 'rasterXSize'),
    heightPx: positiveInteger(root, 'rasterYSize'),
    srs: textOf(root, 'SRS'),
    coordinateEpoch: numberOf(child(root, 'SRS')?.attributes['coordinateEpoch']),
    transform: parseTransform(textOf(root, 'GeoTransform')),
    metadata,
    domains: metadataOf(root).domains,
    gcps: gcps && gcpsOf(gcps, (srs) => crsOfText(srs, undefined)),
    bands: withOverviewsFile(bands, metadata),
    mask,
    unread: unreadOf(root),
  };
}

/** The first overview is the raster of the file, the others are inside of it. */
function withOverviewsFile(
  bands: readonly VrtBand[],
  metadata: VrtDocument['metadata'],
): readonly VrtBand[] {
  const filename = overviewsFileIn(metadata);
  const factors = metadata.get(vrtDomain)?.['OVERVIEWS']?.split(',') ?? [];
  if (filename === undefined || bands.some(({ overviews }) => overviews.length > 0)) return bands;
  return bands.map((band, index) => ({
    ...band,
    overviews: factors.map((_, level) => ({
      filename,
      relativeToVrt: true,
      bandNumber: index + 1,
      overviewLevel: level === 0 ? undefined : level - 1,
    })),
  }));
}

const readElements: ReadonlySet<string> = new Set([
  'SRS',
  'GeoTransform',
  'Metadata',
  'VRTRasterBand',
  'NoDataValue',
  'Description',
  'UnitType',
  'Offset',
  'Scale',
  'ColorInterp',
  'ColorTable',
  'CategoryNames',
  'GDALRasterAttributeTable',
  'GCPList',
  'MaskBand',
  'Overview',
  // What is made anew, or only speeds reading up.
  'Histograms',
  'OverviewList',
  'BlockXSize',
  'BlockYSize',
]);

function unreadOf(root: XmlElement): readonly string[] {
  const namesIn = (element: XmlElement): readonly string[] =>
    element.children.map(({ name }) => name);
  const found = [...namesIn(root), ...children(root, 'VRTRasterBand').flatMap(namesIn)];
  return [...new Set(found)].filter((name) => !readElements.has(name) && !name.endsWith('Source'));
}

/**
 * Ends the parsing of an index that has more than its reader wants to see, before there is a tree
 * of it.
 */
function counterOf({ maxBands, maxSources }: IndexLimits): (name: string) => void {
  let [bands, sources] = [0, 0];
  return (name) => {
    if (name === 'VRTRasterBand') bands += 1;
    if (name.endsWith('Source')) sources += 1;
    if (bands > maxBands) throw overLimit('bands', 'maxBands', maxBands);
    if (sources > maxSources) throw overLimit('sources', 'maxSources', maxSources);
  };
}

function overLimit(what: string, name: string, most: number): Error {
  return new Error(`it has over ${most} ${what}; raise ${name} if it is to be trusted`);
}

/** Lets others have their turn after so many calls. */
function turnTaker(signal: AbortSignal | undefined): () => Promise<void> | undefined {
  let calls = 0;
  return () => {
    calls += 1;
    if (calls % SOURCES_PER_TURN !== 0) return undefined;
    return setImmediate().then(() => signal?.throwIfAborted());
  };
}

/** The mask in the index, or in one of its bands. */
async function parseMask(
  element: XmlElement,
  turn: () => Promise<void> | undefined,
): Promise<VrtBand | undefined> {
  const mask = child(element, 'MaskBand');
  const band = mask && child(mask, 'VRTRasterBand');
  return band && parseBand(band, turn);
}

/**
 * Masks of single bands are one of all where they say the same; others have no place in a mosaic.
 */
function commonMask(bands: readonly VrtBand[]): VrtBand | undefined {
  const words = new Set(
    bands.map(({ mask }) => mask && textOfParts([mask.dataType, mask.sources])),
  );
  if (words.size === 1) return bands[0]?.mask;
  throw unsupported(
    'a mask of one band that the others do not have (gdal_translate -b takes them apart)',
  );
}

async function parseBand(
  element: XmlElement,
  turn: () => Promise<void> | undefined,
): Promise<VrtBand> {
  const subClass = element.attributes['subClass'];
  if (subClass !== undefined && subClass !== 'VRTSourcedRasterBand') {
    throw unsupported(`a band of class ${subClass}`);
  }
  const dataType = parseDataType(element.attributes['dataType'] ?? 'Byte');
  const sources: VrtSource[] = [];
  for (const source of element.children) {
    if (!source.name.endsWith('Source')) continue;
    sources.push(parseSource(source, dataType));
    const turned = turn();
    if (turned) await turned;
  }
  return {
    dataType,
    nodata: parseNodata(textOf(element, 'NoDataValue'), dataType),
    info: parseBandInfo(element),
    sources,
    overviews: children(element, 'Overview').map(parseFile),
    mask: await parseMask(element, turn),
  };
}

function parseBandInfo(element: XmlElement): BandInfo {
  const [palette, categories, table] = [
    'ColorTable',
    'CategoryNames',
    'GDALRasterAttributeTable',
  ].map((name) => child(element, name));
  return {
    description: textOf(element, 'Description'),
    unit: textOf(element, 'UnitType'),
    offset: numberOf(textOf(element, 'Offset')),
    scale: numberOf(textOf(element, 'Scale')),
    colour: textOf(element, 'ColorInterp') as ColourInterpretation | undefined,
    palette: palette && paletteOf(palette),
    categories: categories && categoriesOf(categories),
    attributeTable: table && xmlText(table),
    ...metadataOf(element),
  };
}

function parseSource(element: XmlElement, dataType: DataType): VrtSource {
  if (element.name !== 'SimpleSource' && element.name !== 'ComplexSource') {
    throw unsupported(`a source of kind ${element.name}`);
  }
  const isComplex = element.name === 'ComplexSource';
  const odd = element.children.find(
    ({ name }) =>
      !plainSourceElements.has(name) && !(isComplex && ['NODATA', 'UseMaskBand'].includes(name)),
  );
  if (odd) throw unsupported(`${odd.name} in a ${element.name}`);
  const [source, destination] = ['SrcRect', 'DstRect'].map((name) =>
    parseRectangle(child(element, name)),
  );
  checkResampling(element, source, destination);
  const properties = child(element, 'SourceProperties')?.attributes;
  return {
    ...parseFile(element),
    source,
    destination,
    fileWidthPx: numberOf(properties?.['RasterXSize']),
    fileHeightPx: numberOf(properties?.['RasterYSize']),
    fileDataType: properties?.['DataType'] ? parseDataType(properties['DataType']) : undefined,
    nodata: parseNodata(textOf(element, 'NODATA'), dataType),
    usesMask: /^(?:true|yes|on|1)$/iu.test(textOf(element, 'UseMaskBand') ?? '') || undefined,
  };
}

/**
 * Of a source that is not scaled every method gives the same pixels; of others, only the nearest
 * ones are given here.
 */
function checkResampling(
  { attributes }: XmlElement,
  source: PixelRectangle | undefined,
  destination: PixelRectangle | undefined,
): void {
  const method = attributes['resampling'];
  if (method === undefined || /^near/iu.test(method)) return;
  const isPlain =
    source?.widthPx === destination?.widthPx && source?.heightPx === destination?.heightPx;
  if (!isPlain) throw unsupported(`a source that is scaled by ${method}`);
}

function parseFile(element: XmlElement): VrtOverview {
  const filename = child(element, 'SourceFilename');
  if (!filename?.text) throw new Error(`a ${element.name} has no SourceFilename`);
  return {
    filename: filename.text,
    relativeToVrt: filename.attributes['relativeToVRT'] === '1',
    ...parseSourceBand(textOf(element, 'SourceBand') ?? '1'),
    overviewLevel: parseOverviewLevel(child(element, 'OpenOptions')),
  };
}

/**
 * The one open option that decides about pixels; `NONE` and `AUTO` leave the choice to the reader.
 */
function parseOverviewLevel(options: XmlElement | undefined): number | undefined {
  const option = options?.children.find(({ attributes }) => attributes['key'] === 'OVERVIEW_LEVEL');
  if (!option || /^(?:auto|none)$/iu.test(option.text)) return undefined;
  if (/^\d+$/u.test(option.text)) return Number(option.text);
  throw unsupported(`the overview level '${option.text}'`);
}

/** A band by its number, or as `mask,1` (`mask` for short) the mask that it has. */
function parseSourceBand(text: string): Pick<VrtSource, 'bandNumber' | 'isMask'> {
  const [, mask, digits] = /^(mask,)?(\d+)$/u.exec(text.trim().replace(/^mask$/u, 'mask,1')) ?? [];
  const bandNumber = Number(digits ?? Number.NaN);
  if (bandNumber >= 1) return mask === undefined ? { bandNumber } : { bandNumber, isMask: true };
  throw unsupported(`the source band '${text}'`);
}

function parseRectangle(element: XmlElement | undefined): PixelRectangle | undefined {
  if (!element) return undefined;
  const [xPx, yPx, widthPx, heightPx] = ['xOff', 'yOff', 'xSize', 'ySize'].map((name) =>
    numberOf(element.attributes[name]),
  );
  if (xPx === undefined || yPx === undefined || widthPx === undefined || heightPx === undefined) {
    throw new Error(`${element.name} lacks one of xOff, yOff, xSize, ySize`);
  }
  return { xPx, yPx, widthPx, heightPx };
}

function parseTransform(text: string | undefined): Transform | undefined {
  if (text === undefined) return undefined;
  const numbers = text.split(',').map((part) => numberOf(part));
  if (numbers.length !== 6 || numbers.includes(undefined)) {
    throw new Error(`GeoTransform has not six numbers: ${text}`);
  }
  return numbers as unknown as Transform;
}

function parseMetadata(element: XmlElement): Map<string, Record<string, string>> {
  const domains = new Map<string, Record<string, string>>();
  for (const metadata of children(element, 'Metadata')) {
    if (metadata.attributes['format'] !== undefined) continue;
    const items = children(metadata, 'MDI').map((item) => [
      item.attributes['key'] ?? '',
      item.text,
    ]);
    domains.set(
      metadata.attributes['domain'] ?? '',
      Object.fromEntries(items) as Record<string, string>,
    );
  }
  return domains;
}

function parseDataType(gdalName: string): DataType {
  const found = dataTypeNames.find((name) => dataTypes[name].gdalName === gdalName);
  if (!found) throw unsupported(`the data type ${gdalName}`);
  return found;
}

/**
 * `nan` and `-nan` are how GDAL writes not-a-number; 64-bit integers do not fit a JavaScript
 * number.
 */
function parseNodata(text: string | undefined, dataType: DataType): Nodata | undefined {
  if (text === undefined) return undefined;
  const wide = dataType === 'int64' || dataType === 'uint64';
  if (wide && /^[+-]?\d+$/.test(text)) return BigInt(text);
  const value = numberOf(text);
  return value === undefined ? undefined : nodataSample(value, dataType);
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  if (/^\s*[+-]?nan\s*$/i.test(text)) return Number.NaN;
  if (/^\s*[+-]?inf\s*$/i.test(text)) return text.includes('-') ? -Infinity : Infinity;
  const number = Number(text);
  if (Number.isNaN(number)) throw new Error(`'${text}' is not a number`);
  return number;
}

function positiveInteger(element: XmlElement, attribute: string): number {
  const number = Number(element.attributes[attribute]);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new Error(`${attribute} is '${element.attributes[attribute]}', not a positive integer`);
}

function textOf(element: XmlElement, name: string): string | undefined {
  const text = child(element, name)?.text;
  return text === undefined || text === '' ? undefined : text;
}

function unsupported(what: string): UnsupportedFeature {
  return new UnsupportedFeature(`${what} is not supported by this reader`);
}

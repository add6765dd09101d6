/**
 * Understands a VRT index: GDAL's own mosaics of simple and complex sources, and ours. What it does not understand is
 * an error that names it, never left out in silence, since that would be other pixels.
 */
import {
  dataTypeNames,
  dataTypes,
  type BandInfo,
  type ColourInterpretation,
  type DataType,
  type Nodata,
  type PaletteEntry,
  type Transform,
} from '../model.js';
import type {
  PixelRectangle,
  VrtBand,
  VrtDocument,
  VrtOverview,
  VrtSource,
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

/**
 * Parses the text of an index.
 *
 * @throws Error that says what is wrong: not XML, not a VRT, a number that is none, or a feature that this reader does
 *   not have (derived, warped and pansharpened bands, kernels, look-up tables, scaling)
 */
export async function parseVrt(text: string): Promise<VrtDocument> {
  const root = await parseXml(text);
  if (root.name !== 'VRTDataset')
    throw new Error(`the root element is ${root.name}, not VRTDataset`);
  const subClass = root.attributes['subClass'];
  if (subClass !== undefined) throw unsupported(`a dataset of class ${subClass}`);
  const bands = children(root, 'VRTRasterBand').map(parseBand);
  if (bands.length === 0) throw new Error('it has no bands');
  return {
    widthPx: positiveInteger(root, 'rasterXSize'),
    heightPx: positiveInteger(root, 'rasterYSize'),
    srs: textOf(root, 'SRS'),
    transform: parseTransform(textOf(root, 'GeoTransform')),
    metadata: parseMetadata(root),
    bands,
  };
}

function parseBand(element: XmlElement): VrtBand {
  const subClass = element.attributes['subClass'];
  if (subClass !== undefined && subClass !== 'VRTSourcedRasterBand') {
    throw unsupported(`a band of class ${subClass}`);
  }
  const dataType = parseDataType(element.attributes['dataType'] ?? 'Byte');
  return {
    dataType,
    nodata: parseNodata(textOf(element, 'NoDataValue'), dataType),
    info: parseBandInfo(element),
    sources: element.children
      .filter(({ name }) => name.endsWith('Source'))
      .map((source) => parseSource(source, dataType)),
    overviews: children(element, 'Overview').map(parseFile),
  };
}

function parseBandInfo(element: XmlElement): BandInfo {
  return {
    description: textOf(element, 'Description'),
    unit: textOf(element, 'UnitType'),
    offset: numberOf(textOf(element, 'Offset')),
    scale: numberOf(textOf(element, 'Scale')),
    colour: textOf(element, 'ColorInterp') as ColourInterpretation | undefined,
    palette: parsePalette(child(element, 'ColorTable')),
    metadata: parseMetadata(element).get(''),
  };
}

function parseSource(element: XmlElement, dataType: DataType): VrtSource {
  if (element.name !== 'SimpleSource' && element.name !== 'ComplexSource') {
    throw unsupported(`a source of kind ${element.name}`);
  }
  const odd = element.children.find(
    ({ name }) =>
      !plainSourceElements.has(name) && !(element.name === 'ComplexSource' && name === 'NODATA'),
  );
  if (odd) throw unsupported(`${odd.name} in a ${element.name}`);
  const properties = child(element, 'SourceProperties')?.attributes;
  return {
    ...parseFile(element),
    overviewLevel: parseOverviewLevel(child(element, 'OpenOptions')),
    source: parseRectangle(child(element, 'SrcRect')),
    destination: parseRectangle(child(element, 'DstRect')),
    fileWidthPx: numberOf(properties?.['RasterXSize']),
    fileHeightPx: numberOf(properties?.['RasterYSize']),
    nodata: parseNodata(textOf(element, 'NODATA'), dataType),
  };
}

function parseFile(element: XmlElement): VrtOverview {
  const filename = child(element, 'SourceFilename');
  if (!filename?.text) throw new Error(`a ${element.name} has no SourceFilename`);
  return {
    filename: filename.text,
    relativeToVrt: filename.attributes['relativeToVRT'] === '1',
    bandNumber: parseSourceBand(textOf(element, 'SourceBand') ?? '1'),
  };
}

/** The one open option that decides about pixels; `NONE` and `AUTO` leave the choice to the reader. */
function parseOverviewLevel(options: XmlElement | undefined): number | undefined {
  const option = options?.children.find(({ attributes }) => attributes['key'] === 'OVERVIEW_LEVEL');
  if (!option || /^(?:auto|none)$/iu.test(option.text)) return undefined;
  if (/^\d+$/u.test(option.text)) return Number(option.text);
  throw unsupported(`the overview level '${option.text}'`);
}

function parseSourceBand(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1) return number;
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

function parsePalette(element: XmlElement | undefined): readonly PaletteEntry[] | undefined {
  return element?.children.map(
    ({ attributes }) =>
      ['c1', 'c2', 'c3', 'c4'].map((name) =>
        Number(attributes[name] ?? (name === 'c4' ? 255 : 0)),
      ) as unknown as PaletteEntry,
  );
}

function parseDataType(gdalName: string): DataType {
  const found = dataTypeNames.find((name) => dataTypes[name].gdalName === gdalName);
  if (!found) throw unsupported(`the data type ${gdalName}`);
  return found;
}

/** `nan` and `-nan` are how GDAL writes not-a-number; 64-bit integers do not fit a JavaScript number. */
function parseNodata(text: string | undefined, dataType: DataType): Nodata | undefined {
  if (text === undefined) return undefined;
  const wide = dataType === 'int64' || dataType === 'uint64';
  if (wide && /^[+-]?\d+$/.test(text)) return BigInt(text);
  return numberOf(text);
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

function unsupported(what: string): Error {
  return new Error(`${what} is not supported by this reader`);
}

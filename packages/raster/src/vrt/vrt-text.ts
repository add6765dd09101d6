/**
 * The index of a mosaic as GDAL's VRT text (https://gdal.org/drivers/raster/vrt.html), given out in
 * pieces: an index of 100,000 tiles has 35 MB and is never held whole.
 *
 * One `SimpleSource` a tile and band, with `SourceProperties`, so that opening the index opens no
 * tile. Tiles are placed by pixels; a geotransform is written only if there is one.
 */
import { createHash } from 'node:crypto';
import { coordinateEpoch, srsText } from '../crs/crs.js';
import {
  type BandInfo,
  dataTypes,
  type GroundControlPoints,
  hasMask,
  imageBands,
  type MetadataDomains,
  type Nodata,
  type PaletteEntry,
  type RasterInfo,
  type Window,
} from '../model.js';
import { type BandStatistics, noStatistics } from '../statistics/band-statistics.js';
import { histogramLines, isStatistic, statisticsMetadata } from '../statistics/gdal-statistics.js';
import { digestLine } from './index-digest.js';
import { escapeXml, unescapeXml } from './xml.js';

/** One tile as the index names it. */
export interface IndexedTile {
  /** Relative to the index, with `/` between the parts. */
  readonly path: string;
  readonly window: Window;
  /** The blocks inside the tile's own TIFF. */
  readonly blockWidthPx: number;
  readonly blockHeightPx: number;
}

/** A file that was there before its index. */
export interface IndexedFile {
  /** Relative to the index, with `/` between the parts. */
  readonly path: string;
  readonly sizeBytes: number;
  /** SHA-256 of the file, in hexadecimal; `undefined` where none was taken. */
  readonly sha256: string | undefined;
}

/** The overviews of a mosaic, in one file. */
export interface IndexedOverviews {
  /** Ascending. */
  readonly factors: readonly number[];
  /** The first of them, and the others inside of it; relative to the index. */
  readonly path: string;
}

/** The item of a catalogue, items of the tiles, and GDAL's tile index. */
const filesBeside = ['STAC', 'ITEMS', 'GTI'] as const;
export type FilesBeside = Readonly<Partial<Record<(typeof filesBeside)[number], string>>>;

/** What an index says. */
export interface VrtIndex {
  readonly info: RasterInfo;
  /** The CRS as `OGRSpatialReference::SetFromUserInput` takes it: `EPSG:n`, WKT or PROJ. */
  readonly srs: string | undefined;
  /** Names the tiles that the index of a mosaic goes with, in the metadata domain HOLDFAST. */
  readonly own?: {
    readonly generation: string;
    /** The name of the tiles directory, beside the index. */
    readonly tilesName: string;
    readonly overviews?: IndexedOverviews | undefined;
  };
  /**
   * Names of files that say of the raster what the index does, for other readers: among the tiles
   * of a mosaic, beside the index of other files.
   */
  readonly beside?: FilesBeside | undefined;
  /** What is known of the files that it names, where these are not a mosaic's own tiles. */
  readonly files?: readonly IndexedFile[] | undefined;
  /** Of each band, when there are some. */
  readonly statistics?: readonly BandStatistics[] | undefined;
  /** Given out once a band. */
  readonly tiles: Iterable<IndexedTile>;
}

/** The metadata domain of a mosaic's own facts. */
export const vrtDomain = 'HOLDFAST';
/** The domain and the item by which GDAL finds the overviews of any dataset, */
export const overviewsDomain = 'OVERVIEWS';
const overviewsItem = 'OVERVIEW_FILE';
/** and how a name begins there that counts from the folder of the dataset. */
const BESIDE_INDEX = ':::BASE:::';
/**
 * That of the files that an index names which were there before it: sizes and checksums by path.
 */
const filesDomain = 'HOLDFAST_FILES';

const PIECE_CHARACTERS = 64 * 1024;

/** The text of an index as UTF-8, in pieces of about 64 KB; its last line is its own digest. */
export async function* vrtBytes(index: VrtIndex): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for (const piece of vrtPieces(index)) {
    hash.update(piece);
    yield piece;
  }
  yield new TextEncoder().encode(digestLine(hash.digest('hex')));
}

function* vrtPieces(index: VrtIndex): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  let piece = '';
  for (const line of vrtLines(index)) {
    piece += `${line}\n`;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield encoder.encode(piece);
    piece = '';
  }
  yield encoder.encode(piece);
}

/** The text of an index, line by line. */
export function* vrtLines(index: VrtIndex): Generator<string> {
  const { info, srs, own, beside } = index;
  yield `<VRTDataset rasterXSize="${info.widthPx}" rasterYSize="${info.heightPx}">`;
  // First, so that it is found without reading the whole index.
  yield* metadata({ ...(own && ownFacts(own)), ...beside }, '  ', vrtDomain);
  if (own?.overviews) yield* overviewsLines(own.overviews);
  const epoch = coordinateEpoch(info.georeferencing.crs);
  const at = epoch === undefined ? '' : ` coordinateEpoch="${epoch}"`;
  if (srs !== undefined) yield `  <SRS${at}>${escapeXml(srs)}</SRS>`;
  const { transform, pixelIs } = info.georeferencing;
  if (transform) yield `  <GeoTransform>${transform.map(numberText).join(', ')}</GeoTransform>`;
  const areaOrPoint = pixelIs && { AREA_OR_POINT: pixelIs === 'area' ? 'Area' : 'Point' };
  yield* metadata({ ...areaOrPoint, ...info.metadata }, '  ');
  yield* domainLines(info.domains, '  ');
  if (info.gcps) yield* gcpLines(info.gcps);
  for (const [band, bandInfo] of imageBands(info).entries())
    yield* bandLines(index, band, bandInfo);
  if (hasMask(info)) yield* maskLines(index);
  yield* metadata(Object.fromEntries((index.files ?? []).map(fileItem)), '  ', filesDomain);
  yield '</VRTDataset>';
}

function fileItem({ path, sizeBytes, sha256 }: IndexedFile): [string, string] {
  return [path, sha256 === undefined ? String(sizeBytes) : `${sizeBytes} ${sha256}`];
}

/**
 * What an index says of the files that it names; `undefined` where these are none that were there
 * before it.
 */
export function filesIn(
  domains: ReadonlyMap<string, Readonly<Record<string, string>>>,
): readonly IndexedFile[] | undefined {
  const items = domains.get(filesDomain);
  if (!items) return undefined;
  return Object.entries(items).flatMap(([path, text]) => {
    const [, size, sha256] = /^(\d+)(?: ([0-9a-f]{64}))?$/u.exec(text) ?? [];
    return size === undefined ? [] : [{ path, sizeBytes: Number(size), sha256 }];
  });
}

function ownFacts({
  generation,
  tilesName,
  overviews,
}: NonNullable<VrtIndex['own']>): Readonly<Record<string, string>> {
  const facts = { GENERATION: generation, TILES: tilesName };
  return { ...facts, ...(overviews && { OVERVIEWS: overviews.factors.join(',') }) };
}

function* bandLines(index: VrtIndex, band: number, bandInfo: BandInfo): Generator<string> {
  const { info, tiles } = index;
  const statistics = index.statistics?.[band] ?? noStatistics;
  const { gdalName } = dataTypes[info.dataType];
  yield `  <VRTRasterBand dataType="${gdalName}" band="${band + 1}">`;
  yield* metadata(bandMetadata(bandInfo, index.statistics?.[band]), '    ');
  yield* domainLines(bandInfo.domains, '    ');
  yield* bandProperties(bandInfo, info.nodata);
  yield* histogramLines(statistics, '    ');
  for (const tile of tiles) yield sourceText(tile, String(band + 1), gdalName);
  yield '  </VRTRasterBand>';
}

/** One mask for all bands, made of those inside the tiles. */
function* maskLines({ tiles }: VrtIndex): Generator<string> {
  yield '  <MaskBand>';
  yield '    <VRTRasterBand dataType="Byte">';
  for (const tile of tiles) yield sourceText(tile, 'mask,1', 'Byte');
  yield '    </VRTRasterBand>';
  yield '  </MaskBand>';
}

/** Statistics that were found replace all that the source says of them. */
function bandMetadata(
  { metadata: items = {} }: BandInfo,
  statistics: BandStatistics | undefined,
): Readonly<Record<string, string>> {
  if (!statistics) return items;
  const others = Object.entries(items).filter(([key]) => !isStatistic(key));
  return { ...Object.fromEntries(others), ...statisticsMetadata(statistics) };
}

function* bandProperties(bandInfo: BandInfo, nodata: Nodata | undefined): Generator<string> {
  const { description, unit, scale, offset, colour, palette } = bandInfo;
  if (description !== undefined) yield element('Description', description);
  if (nodata !== undefined) yield element('NoDataValue', numberText(nodata));
  if (unit !== undefined) yield element('UnitType', unit);
  if (offset !== undefined) yield element('Offset', numberText(offset));
  if (scale !== undefined) yield element('Scale', numberText(scale));
  if (colour !== undefined && colour !== 'Undefined') yield element('ColorInterp', colour);
  yield* categoryLines(bandInfo.categories ?? []);
  if (palette) yield* paletteLines(palette);
  if (bandInfo.attributeTable !== undefined) yield `    ${bandInfo.attributeTable}`;
}

function* paletteLines(palette: readonly PaletteEntry[]): Generator<string> {
  yield '    <ColorTable>';
  for (const [c1, c2, c3, c4] of palette)
    yield `      <Entry c1="${c1}" c2="${c2}" c3="${c3}" c4="${c4}"/>`;
  yield '    </ColorTable>';
}

function* categoryLines(categories: readonly string[]): Generator<string> {
  if (categories.length === 0) return;
  yield '    <CategoryNames>';
  for (const name of categories) yield `      <Category>${escapeXml(name)}</Category>`;
  yield '    </CategoryNames>';
}

/** Domains of items, and those of one document: XML as it is, other text escaped. */
function* domainLines(domains: MetadataDomains = {}, indent: string): Generator<string> {
  for (const [domain, content] of Object.entries(domains)) {
    if (typeof content === 'object') yield* metadata(content, indent, domain);
    else {
      const isXml = /^xml:/iu.test(domain);
      const format = isXml ? 'xml' : 'json';
      const inside = isXml ? content : escapeXml(content);
      yield `${indent}<Metadata domain="${escapeXml(domain)}" format="${format}">${inside}</Metadata>`;
    }
  }
}

function* gcpLines({ crs, points }: GroundControlPoints): Generator<string> {
  const srs = crs && srsText(crs);
  yield `  <GCPList${srs === undefined ? '' : ` Projection="${escapeXml(srs)}"`}>`;
  for (const { id, info, pixel, line, x, y, z } of points) {
    const about = info === undefined ? '' : ` Info="${escapeXml(info)}"`;
    yield `    <GCP Id="${escapeXml(id)}"${about} Pixel="${pixel}" Line="${line}" X="${x}" Y="${y}" Z="${z}"/>`;
  }
  yield '  </GCPList>';
}

function element(name: string, text: string): string {
  return `    <${name}>${escapeXml(text)}</${name}>`;
}

function* metadata(
  items: Readonly<Record<string, string>>,
  indent: string,
  domain?: string,
): Generator<string> {
  const entries = Object.entries(items);
  if (entries.length === 0) return;
  yield `${indent}<Metadata${domain === undefined ? '' : ` domain="${escapeXml(domain)}"`}>`;
  for (const [key, value] of entries)
    yield `${indent}  <MDI key="${escapeXml(key)}">${escapeXml(value)}</MDI>`;
  yield `${indent}</Metadata>`;
}

/**
 * GDAL takes the file for the first overview and the overviews in it for the others, and so opens
 * one file where `<Overview>` would have it open one a factor (GDALDefaultOverviews).
 */
export function* overviewsLines({ path }: IndexedOverviews): Generator<string> {
  yield* metadata({ [overviewsItem]: `${BESIDE_INDEX}${path}` }, '  ', overviewsDomain);
}

/** The file of the overviews that a domain of an index names, if it names one beside the index. */
export function overviewsFileIn(
  domains: ReadonlyMap<string, Readonly<Record<string, string>>>,
): string | undefined {
  const file = domains.get(overviewsDomain)?.[overviewsItem];
  return file?.startsWith(BESIDE_INDEX) ? file.slice(BESIDE_INDEX.length) : undefined;
}

function sourceText(tile: IndexedTile, band: string, gdalName: string): string {
  const { xPx, yPx, widthPx, heightPx } = tile.window;
  const size = `xSize="${widthPx}" ySize="${heightPx}"`;
  return `    <SimpleSource>
      <SourceFilename relativeToVRT="1">${escapeXml(tile.path)}</SourceFilename>
      <SourceBand>${band}</SourceBand>
      <SourceProperties RasterXSize="${widthPx}" RasterYSize="${heightPx}" DataType="${gdalName}" BlockXSize="${tile.blockWidthPx}" BlockYSize="${tile.blockHeightPx}"/>
      <SrcRect xOff="0" yOff="0" ${size}/>
      <DstRect xOff="${xPx}" yOff="${yPx}" ${size}/>
    </SimpleSource>`;
}

/** The shortest text that reads back as the same value; GDAL's words for what is no number. */
export function numberText(value: number | bigint): string {
  if (typeof value === 'bigint' || Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'nan';
  return value > 0 ? 'inf' : '-inf';
}

/**
 * The tiles that the beginning of an index names, if it is one of ours, also when another program
 * wrote it anew.
 */
export function tilesInHead(head: string): { generation: string; tilesName: string } | undefined {
  const items = ownItemsIn(head);
  const generation = /<MDI key="GENERATION">([0-9a-f]+)<\/MDI>/u.exec(items)?.[1];
  const escapedName = /<MDI key="TILES">([^<]+)<\/MDI>/u.exec(items)?.[1];
  if (generation === undefined || escapedName === undefined) return undefined;
  return { generation, tilesName: unescapeXml(escapedName) };
}

/** The files beside it that the beginning of an index names. */
export function besideInHead(head: string): FilesBeside {
  const items = ownItemsIn(head);
  return Object.fromEntries(
    filesBeside.flatMap((kind) => {
      const name = new RegExp(`<MDI key="${kind}">([^<]+)</MDI>`, 'u').exec(items)?.[1];
      return name === undefined ? [] : [[kind, unescapeXml(name)]];
    }),
  );
}

function ownItemsIn(head: string): string {
  const start = head.indexOf('<Metadata domain="HOLDFAST">');
  const end = start === -1 ? -1 : head.indexOf('</Metadata>', start);
  return end === -1 ? '' : head.slice(start, end);
}

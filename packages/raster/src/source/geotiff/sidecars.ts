/**
 * What lies beside a GeoTIFF and is read with it, as GDAL does: `<file>.aux.xml` (GDAL's "PAM"),
 * whose word counts before the file's own, and a world file, which counts where nothing else places
 * the raster. What is not read of them is told.
 */
import { messageOf } from 'holdfast/errors';
import { basename, dirname, join } from 'node:path';
import { invalidArgument } from 'holdfast/options';
import { type Fs, openGiven, readFully } from 'holdfast/os';
import { parseCrs } from '../../crs/crs.js';
import type {
  BandInfo,
  Crs,
  GroundControlPoints,
  MetadataDomains,
  NotCarried,
  RasterInfo,
  Transform,
} from '../../model.js';
import { colourInterpretations } from '../../model.js';
import { categoriesOf, gcpsOf, metadataOf, paletteOf } from '../../read/dataset-elements.js';
import { child, children, parseXml, type XmlElement } from '../../read/xml-tree.js';
import { xmlText } from '../../vrt/xml.js';
import { decodedText } from '../../tiff/decoded-text.js';
import type { ReadableFile } from '../readable-file.js';
import { nodataOf } from './nodata-text.js';
import { type UnreadNames, unreadNames } from './imagery-sidecars.js';
import { leadingNumber } from './number-text.js';
import { rpcOfText } from './rpc-files.js';

/** A larger one is not read. */
const MOST_SIDECAR_BYTES = 64 * 1024 * 1024;

/** The texts beside a file. */
export interface Sidecars {
  readonly aux: { readonly name: string; readonly text: string } | undefined;
  readonly world: { readonly name: string; readonly text: string } | undefined;
  /** Rational polynomial coefficients. */
  readonly rpc: { readonly name: string; readonly text: string } | undefined;
  /** A file of masks. */
  readonly mask: { readonly name: string; open(): Promise<ReadableFile> } | undefined;
  /** Names of what lies there and is not read. */
  readonly unread: UnreadNames;
}

/**
 * Endings of files of rational polynomial coefficients; the first that is there counts, as in GDAL.
 */
const rpcEndings = ['.RPB', '.rpb', '_RPC.TXT', '_rpc.txt'] as const;

type OpenBeside = (path: string) => Promise<ReadableFile>;

/** How files beside another are found and opened. */
interface Beside {
  /** Where that is not just by their path. */
  readonly open?: OpenBeside | undefined;
  /** Of a name: `false` where it is known not to be there, and need not be asked for. */
  readonly mayBeThere?: ((name: string) => boolean) | undefined;
}

/** Reads what lies beside a file. Errors of the system pass as they are. */
export async function readSidecars(
  fs: Fs,
  path: string,
  {
    open = async (name) => (await openGiven(fs, name)).handle,
    mayBeThere = () => true,
  }: Beside = {},
): Promise<Sidecars> {
  const folder = dirname(path);
  const name = basename(path);
  const stem = name.replace(/\.[^.]*$/u, '');
  const extension = name.slice(stem.length + 1);
  const derived = `${extension.slice(0, 1)}${extension.slice(-1)}w`;
  const worldEndings = extension === '' ? ['wld'] : [derived, `${extension}w`, 'wld'];
  const worlds = worldEndings.flatMap((ending) => [ending.toLowerCase(), ending.toUpperCase()]);
  const there = async (names: readonly string[]): Promise<readonly string[]> => {
    const found: string[] = [];
    for (const each of new Set(names.filter(mayBeThere)))
      if (await fs.exists(join(folder, each))) found.push(each);
    return found;
  };
  const firstText = async (names: readonly string[]) => {
    for (const each of names.filter(mayBeThere))
      if (await fs.exists(join(folder, each)))
        return { name: each, text: await textOf(join(folder, each), open) };
    return undefined;
  };
  const [rpc, ...otherRpc] = await there(rpcEndings.map((ending) => `${stem}${ending}`));
  const { placing, telling } = unreadNames(name, stem);
  const hasMask = (await there([`${name}.msk`])).length > 0;
  return {
    aux: await firstText([`${name}.aux.xml`]),
    world: await firstText(worlds.map((ending) => `${stem}.${ending}`)),
    mask: hasMask ? { name: `${name}.msk`, open: () => open(`${path}.msk`) } : undefined,
    rpc: rpc === undefined ? undefined : await firstText([rpc]),
    unread: {
      placing: [...otherRpc, ...(await there(placing))],
      telling: await there(telling),
    },
  };
}

/** The text of a file beside another. */
export async function textOf(path: string, open: OpenBeside): Promise<string> {
  const file = await open(path);
  try {
    const { sizeBytes } = await file.stat();
    const bytes = new Uint8Array(Math.min(sizeBytes, MOST_SIDECAR_BYTES + 1));
    const count = await readFully(file, bytes, 0);
    if (count > MOST_SIDECAR_BYTES)
      throw invalidArgument('fromGeoTiff', `it has over ${MOST_SIDECAR_BYTES} bytes`, path);
    return decodedText(bytes.subarray(0, count));
  } finally {
    await file.close();
  }
}

/**
 * What a raster and its sidecars say together.
 *
 * @throws HoldfastError INVALID_ARGUMENT for what would decide where the raster lies, and cannot be
 *   read
 */
export async function withSidecars(
  info: RasterInfo,
  { aux, world, rpc, unread }: Sidecars,
  path: string,
  told: NotCarried[],
): Promise<RasterInfo> {
  const document = aux && (await pamOf(aux, told));
  const known = aux && document ? new PamReader(aux.name, path, told).joined(info, document) : info;
  const withRpc = rpc ? withRpcFile(known, rpc, path, told) : known;
  const placed = world ? withWorldFile(withRpc, world, path, told) : withRpc;
  for (const name of unread.telling) {
    const why = 'it is not read: it stays beside the input';
    told.push({ what: 'metadata', where: name, why });
  }
  for (const name of unread.placing) {
    if (!isPlaced(placed))
      throw invalidArgument(
        'fromGeoTiff',
        `nothing but ${name} says where the raster lies, and it is not read here: bring it into the file with gdal_translate`,
        path,
      );
    told.push({ what: 'placement', where: name, why: 'the file has one of its own' });
  }
  return placed;
}

function isPlaced({ georeferencing, gcps, domains }: RasterInfo): boolean {
  return (
    georeferencing.transform !== undefined || gcps !== undefined || domains?.['RPC'] !== undefined
  );
}

/** Coefficients beside the file count before those inside. */
function withRpcFile(
  info: RasterInfo,
  { name, text }: { readonly name: string; readonly text: string },
  path: string,
  told: NotCarried[],
): RasterInfo {
  const items = rpcOfText(name, text);
  if (items) return { ...info, domains: { ...info.domains, RPC: items } };
  if (!isPlaced(info))
    throw invalidArgument(
      'fromGeoTiff',
      `nothing but ${name} says where the raster lies, and it has not all coefficients`,
      path,
    );
  told.push({ what: 'placement', where: name, why: 'it has not all coefficients' });
  return info;
}

function withWorldFile(
  info: RasterInfo,
  { name, text }: { readonly name: string; readonly text: string },
  path: string,
  told: NotCarried[],
): RasterInfo {
  if (info.georeferencing.transform || info.gcps) {
    const why = 'the raster is placed by its own fields';
    told.push({ what: 'placement', where: name, why });
    return info;
  }
  const [a, d, b, e, x, y] = text
    .trim()
    .split(/\s+/u)
    .map((word) => leadingNumber(word)?.value);
  const numbers = [x, a, b, y, d, e];
  if (!numbers.every((number) => number !== undefined && Number.isFinite(number)))
    throw invalidArgument('fromGeoTiff', `the world file ${name} has not six numbers`, path);
  // It says where the centre of the first pixel lies.
  const [x0, a1, b1, y0, d1, e1] = numbers as unknown as Transform;
  const transform = [x0 - (a1 + b1) / 2, a1, b1, y0 - (d1 + e1) / 2, d1, e1] as const;
  return { ...info, georeferencing: { ...info.georeferencing, transform } };
}

async function pamOf(
  { name, text }: { readonly name: string; readonly text: string },
  told: NotCarried[],
): Promise<XmlElement | undefined> {
  try {
    const root = await parseXml(text);
    if (root.name === 'PAMDataset') return root;
    told.push({ what: 'all of it', where: name, why: `it holds ${root.name}, not PAMDataset` });
  } catch (error) {
    const why = `it is no XML: ${messageOf(error)}`;
    told.push({ what: 'all of it', where: name, why });
  }
  return undefined;
}

/** What a band of a sidecar says. */
type Part = (band: BandInfo, element: XmlElement) => BandInfo;

class PamReader {
  readonly #name: string;
  readonly #path: string;
  readonly #told: NotCarried[];
  /** The elements of a band that are read. */
  readonly #parts: Readonly<Record<string, Part>> = {
    Description: (band, { text }) => ({ ...band, description: text }),
    UnitType: (band, { text }) => ({ ...band, unit: text }),
    Offset: (band, { text }) => ({ ...band, offset: leadingNumber(text)?.value ?? 0 }),
    Scale: (band, { text }) => ({ ...band, scale: leadingNumber(text)?.value ?? 1 }),
    ColorInterp: (band, { text }) => ({
      ...band,
      colour: colourInterpretations.find((colour) => colour === text) ?? band.colour,
    }),
    ColorTable: (band, element) => ({ ...band, palette: paletteOf(element) }),
    CategoryNames: (band, element) => ({
      ...band,
      categories: categoriesOf(element),
    }),
    GDALRasterAttributeTable: (band, element) => ({ ...band, attributeTable: xmlText(element) }),
  };

  constructor(name: string, path: string, told: NotCarried[]) {
    this.#name = name;
    this.#path = path;
    this.#told = told;
  }

  joined(info: RasterInfo, root: XmlElement): RasterInfo {
    const srs = child(root, 'SRS');
    const crs = withEpoch(this.#crsOf(srs?.text), srs?.attributes['coordinateEpoch']);
    const transform = this.#transformOf(child(root, 'GeoTransform')?.text);
    const list = child(root, 'GCPList');
    const gcps = list && this.#gcpsOf(list);
    const points = gcps ?? (transform ? undefined : info.gcps);
    // One CRS there is that of the points, where these place the raster.
    const isOfPoints = crs !== undefined && points !== undefined && !list;
    const georeferencing = {
      ...info.georeferencing,
      ...(crs && !isOfPoints && { crs }),
      ...(transform && { transform }),
    };
    for (const { name } of root.children)
      if (!['SRS', 'GeoTransform', 'GCPList', 'Metadata', 'PAMRasterBand'].includes(name))
        this.#tell(name);
    const bandElements = children(root, 'PAMRasterBand');
    // Of several for one band the first counts.
    const byBand = new Map(
      bandElements.toReversed().map((each) => [Number(each.attributes['band']), each]),
    );
    const bands = info.bands.map((band, index) => {
      const element = byBand.get(index + 1);
      return element ? this.#bandOf(band, element) : band;
    });
    const { metadata = {}, domains } = metadataOf(root);
    const { AREA_OR_POINT: areaOrPoint, ...items } = metadata;
    const pixelIs = areaOrPoint === 'Point' ? 'point' : info.georeferencing.pixelIs;
    return {
      ...info,
      bands,
      nodata: this.#nodataOf(info, bandElements),
      georeferencing: { ...georeferencing, pixelIs },
      metadata: joinedItems(info.metadata, items),
      domains: joinedDomains(info.domains, domains),
      gcps: isOfPoints ? { ...points, crs } : points,
    };
  }

  #bandOf(given: BandInfo, element: XmlElement): BandInfo {
    let band = given;
    for (const each of element.children) {
      const part = Object.hasOwn(this.#parts, each.name) ? this.#parts[each.name] : undefined;
      if (part) band = part(band, each);
      else if (!['Metadata', 'NoDataValue'].includes(each.name)) this.#tell(each.name);
    }
    const { metadata, domains } = metadataOf(element);
    return {
      ...band,
      metadata: joinedItems(band.metadata, metadata),
      domains: joinedDomains(band.domains, domains),
    };
  }

  /** A mosaic has one for all bands. */
  #nodataOf(info: RasterInfo, bandElements: readonly XmlElement[]): RasterInfo['nodata'] {
    const texts = bandElements.flatMap((element) => child(element, 'NoDataValue')?.text ?? []);
    if (texts.length === 0) return info.nodata;
    const given = { where: this.#name };
    const values = [...new Set(texts)].map((text) =>
      nodataOf({ ...given, text }, info.dataType, this.#path, this.#told),
    );
    const isOne = values.length === 1 && texts.length === info.bands.length;
    if (isOne || (values.length === 1 && Object.is(values[0], info.nodata))) return values[0];
    throw invalidArgument(
      'fromGeoTiff',
      `${this.#name} gives the bands different nodata values, and a mosaic has one for all: make them the same, or tile the bands one by one`,
      this.#path,
    );
  }

  #crsOf(text: string | undefined): Crs | undefined {
    return text ? parseCrs(`fromGeoTiff (${this.#name})`, text) : undefined;
  }

  #transformOf(text: string | undefined): Transform | undefined {
    if (text === undefined) return undefined;
    const numbers = text.split(',').map(Number);
    if (numbers.length === 6 && numbers.every(Number.isFinite))
      return numbers as unknown as Transform;
    const why = `the GeoTransform of ${this.#name} has not six numbers: ${text}`;
    throw invalidArgument('fromGeoTiff', why, this.#path);
  }

  #gcpsOf(element: XmlElement): GroundControlPoints {
    return gcpsOf(element, (text) => this.#crsOf(text));
  }

  #tell(name: string): void {
    const why = 'a mosaic has no place for it';
    this.#told.push({ what: name, where: this.#name, why });
  }
}

/** The system with the attribute of its element. */
function withEpoch(crs: Crs | undefined, text: string | undefined): Crs | undefined {
  const coordinateEpoch = leadingNumber(text ?? '')?.value;
  if (crs === undefined || coordinateEpoch === undefined || crs.kind === 'geoKeys') return crs;
  return { ...crs, coordinateEpoch };
}

function joinedItems(
  own: Readonly<Record<string, string>> | undefined,
  others: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> | undefined {
  return others && Object.keys(others).length > 0 ? { ...own, ...others } : own;
}

export function joinedDomains(
  own: MetadataDomains | undefined,
  others: MetadataDomains | undefined,
): MetadataDomains | undefined {
  if (!own || !others) return own ?? others;
  const joined: Record<string, Readonly<Record<string, string>> | string> = { ...own };
  for (const [domain, items] of Object.entries(others)) {
    const known = joined[domain];
    joined[domain] =
      typeof known === 'object' && typeof items === 'object' ? { ...known, ...items } : items;
  }
  return joined;
}

/**
 * The overviews of a mosaic, as files beside its tiles: `overview_<factor>.vrt` puts together what
 * lies in the tiles, or in tiles of its own (`overview_<factor>_<row>_<column>.tif`), and
 * `overview_<factor>.tif` is one file (overview/pyramid.ts).
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { HoldfastError, type Stage } from 'holdfast';
import { codeOfFailure, unlinkIfThere } from 'holdfast/os';
import type { EncoderPool } from '../encode/encoder-pool.js';
import type { Pixels, RasterInfo, Transform, Window } from '../model.js';
import { Reduction, type Size } from '../overview/downsample.js';
import { type OverviewLevel, type Pyramid, tileOverviews } from '../overview/pyramid.js';
import { type Block, BlockReader } from '../source/block-reader.js';
import { emptyPixels, laidOut } from '../source/lay-out.js';
import { marked } from '../source/mask.js';
import { copyWindow } from '../source/copy-window.js';
import type { OpenedGeoTiff } from '../source/geotiff/from-geotiff.js';
import { type Cell, cells, type Grid, regularGrid } from '../source/grid.js';
import { movedTo } from '../source/moved-to.js';
import { blockGrid } from '../tiff/block-grid.js';
import { type IndexedTile, vrtBytes } from '../vrt/vrt-text.js';
import type { ManifestTile } from './manifest.js';
import type { MosaicPlan } from './mosaic-plan.js';
import { openStagedTile } from './staged-tile.js';

/** One overview, and its file in the tiles directory. */
interface OverviewFile extends OverviewLevel {
  readonly name: string;
}

/** The width and height of the tiles that an overview has of its own. */
const OWN_TILE_PX = 512;

/** The files of all overviews, by ascending factor. */
export function overviewFiles(pyramid: Pyramid | undefined): readonly OverviewFile[] {
  return (pyramid?.levels ?? []).map(({ factor, place }) => ({
    factor,
    place,
    name: `overview_${factor}.${place === 'file' ? 'tif' : 'vrt'}`,
  }));
}

/** The names of all files of overviews. */
export function* overviewNames({ pyramid, source }: MosaicPlan): Generator<string> {
  for (const { factor, place, name } of overviewFiles(pyramid)) {
    yield name;
    if (place !== 'ownTiles') continue;
    for (const cell of cells(ownGrid(source.info, factor))) yield ownTileName(factor, cell);
  }
}

function ownGrid(info: RasterInfo, factor: number): Grid {
  const { widthPx, heightPx } = scaledInfo(info, factor);
  return regularGrid(widthPx, heightPx, OWN_TILE_PX, OWN_TILE_PX);
}

function ownTileName(factor: number, { row, column }: Cell): string {
  return `overview_${factor}_${row}_${column}.tif`;
}

/** The overview on which the parts of the tiles are laid. Nothing but nodata at first. */
export class MergedOverview {
  readonly pixels: Pixels;
  readonly factor: number;
  readonly #plan: MosaicPlan;
  readonly #pyramid: Pyramid;

  private constructor(plan: MosaicPlan, pyramid: Pyramid, factor: number) {
    const { info, interleave } = plan.source;
    this.pixels = emptyPixels(scaledInfo(info, factor), interleave);
    this.factor = factor;
    this.#plan = plan;
    this.#pyramid = pyramid;
  }

  /** For a mosaic whose tiles give parts. */
  static of(plan: MosaicPlan): MergedOverview | undefined {
    const factor = plan.pyramid?.partFactor;
    if (!plan.pyramid || factor === undefined) return undefined;
    return new MergedOverview(plan, plan.pyramid, factor);
  }

  /** Lays the part of a tile where it belongs. */
  add({ window }: Cell, part: Pixels): void {
    lay(part, scaledWindow(window, this.factor), this.pixels);
  }

  /** The same for a tile that was written by an earlier run. */
  async addFromFile(cell: Cell, stage: Stage, name: string): Promise<void> {
    const tile = await openStagedTile(this.#plan.fs, stage, name);
    try {
      const { widthPx, heightPx } = cell.window;
      const pixels = await tile.read({ xPx: 0, yPx: 0, widthPx, heightPx });
      const { nodata } = this.#plan.source.info;
      const { part } = tileOverviews(pixels, this.#pyramid, nodata);
      if (part) this.add(cell, part);
    } finally {
      await tile.close();
    }
  }
}

/**
 * Writes the overviews, once all tiles are in the stage.
 *
 * @param written - the names of the tiles that were not left out
 */
export async function writeOverviews(
  writer: OverviewWriter,
  merged: MergedOverview | undefined,
  written: ReadonlySet<string>,
): Promise<readonly ManifestTile[]> {
  const { plan, stage } = writer;
  const files: ManifestTile[] = [];
  const images: [OverviewFile, Pixels][] = [];
  let picture = pictureOfTiles(writer, written, undefined);
  for (const [index, file] of overviewFiles(plan.pyramid).entries()) {
    stage.signal.throwIfAborted();
    const { factor, place } = file;
    if (place === 'inTiles') {
      files.push(await writeIndex(writer, file, tilesWithPart(plan, factor, index, written)));
      picture = pictureOfTiles(writer, written, { factor, index });
    } else if (place === 'ownTiles') {
      files.push(...(await writeOwnTiles(writer, factor, picture)));
      files.push(await writeIndex(writer, file, ownTiles(plan, factor)));
      picture = pictureOfOwnTiles(writer, factor);
    } else {
      const isGiven = merged?.factor === factor;
      const pixels = isGiven ? merged.pixels : await reducedPicture(writer, factor, picture);
      images.push([file, pixels]);
      picture = pictureInMemory(plan, pixels);
    }
  }
  // Their samples are the pool's from then on, and each was needed for the next.
  for (const [{ factor, name }, pixels] of images) {
    const { widthPx, heightPx } = pixels;
    const window = { xPx: 0, yPx: 0, widthPx, heightPx };
    files.push(await writePixels(writer, name, pixels, placeOf(plan, factor, window)));
  }
  return files;
}

/** What overviews are written with. */
interface OverviewWriter {
  readonly plan: MosaicPlan;
  readonly stage: Stage;
  readonly pool: EncoderPool;
}

/** The mosaic or one of its overviews, as far as it is there. */
interface Picture extends Size {
  read(window: Window): Promise<Pixels>;
}

/** Decoded tiles that are kept for pixels that reach over their edges. */
const KEPT_BYTES = 256 * 1024 * 1024;
/** Parts of an overview that are made at once, so that one is read while another is made. */
const PARTS_AT_ONCE = 4;

function pictureOfTiles(
  { plan, stage }: OverviewWriter,
  written: ReadonlySet<string>,
  overview: { readonly factor: number; readonly index: number } | undefined,
): Picture {
  const { factor, index } = overview ?? { factor: 1, index: undefined };
  const scaled = (edges: readonly number[]): readonly number[] =>
    edges.map((edge) => edge / factor);
  const { columnEdgesPx, rowEdgesPx } = plan.grid;
  const grid = { columnEdgesPx: scaled(columnEdgesPx), rowEdgesPx: scaled(rowEdgesPx) };
  return pictureOfFiles(plan, factor, grid, async (cell) => {
    const name = plan.tileName(cell);
    return written.has(name) ? openStagedTile(plan.fs, stage, name, index) : undefined;
  });
}

function pictureOfOwnTiles({ plan, stage }: OverviewWriter, factor: number): Picture {
  const grid = ownGrid(plan.source.info, factor);
  return pictureOfFiles(plan, factor, grid, async (cell) =>
    openStagedTile(plan.fs, stage, ownTileName(factor, cell)),
  );
}

/** A picture in files, of which those that were left out are nodata. */
function pictureOfFiles(
  { source }: MosaicPlan,
  factor: number,
  blocks: Grid,
  open: (cell: Cell) => Promise<OpenedGeoTiff | undefined>,
): Picture {
  const info = scaledInfo(source.info, factor);
  const { interleave } = source;
  const load = async ({ row, column, window }: Cell): Promise<Block> => {
    const { widthPx, heightPx } = window;
    const file = await open({ row, column, window });
    if (!file)
      return { data: emptyPixels({ ...info, widthPx, heightPx }, interleave).data, window };
    try {
      const pixels = await file.read({ xPx: 0, yPx: 0, widthPx, heightPx });
      return { data: laidOut(pixels, interleave).data, window };
    } finally {
      await file.close();
    }
  };
  const keep = { keptBytes: KEPT_BYTES, windowsOverlap: true };
  const reader = new BlockReader({ info, interleave, blocks, load, ...keep });
  return { widthPx: info.widthPx, heightPx: info.heightPx, read: (window) => reader.read(window) };
}

function pictureInMemory({ source: { info } }: MosaicPlan, pixels: Pixels): Picture {
  const { data, widthPx, heightPx, bandCount, interleave } = pixels;
  const whole = { xPx: 0, yPx: 0, widthPx, heightPx };
  return {
    widthPx,
    heightPx,
    read: async (window) => {
      const part = emptyPixels({ ...info, ...window }, interleave);
      copyWindow({ data, window: whole }, { data: part.data, window }, bandCount, interleave);
      return part;
    },
  };
}

/** All of an overview, made of the one before it. */
async function reducedPicture(
  writer: OverviewWriter,
  factor: number,
  from: Picture,
): Promise<Pixels> {
  const { info, interleave } = writer.plan.source;
  const whole = emptyPixels(scaledInfo(info, factor), interleave);
  await eachPart(writer, factor, from, async ({ window }, part) => lay(part, window, whole));
  return whole;
}

async function writeOwnTiles(
  writer: OverviewWriter,
  factor: number,
  from: Picture,
): Promise<readonly ManifestTile[]> {
  const { plan } = writer;
  const tiles = new Map<string, ManifestTile>();
  await eachPart(writer, factor, from, async (cell, part) => {
    const name = ownTileName(factor, cell);
    const transform = placeOf(plan, factor, cell.window);
    tiles.set(name, await writePixels(writer, name, part, transform));
  });
  // In the order of the grid, whichever was done first.
  return Array.from(cells(ownGrid(plan.source.info, factor)), (cell) =>
    tiles.get(ownTileName(factor, cell)),
  ) as ManifestTile[];
}

/**
 * Makes an overview part by part, a few of them at once; the first error ends it when the others
 * are done.
 */
async function eachPart(
  { plan, stage }: OverviewWriter,
  factor: number,
  from: Picture,
  take: (cell: Cell, part: Pixels) => Promise<void>,
): Promise<void> {
  const { info } = plan.source;
  const { method } = plan.pyramid as Pyramid;
  const to = scaledInfo(info, factor);
  const reduction = new Reduction({ from, to, method, nodata: info.nodata });
  const todo = cells(ownGrid(info, factor));
  let failed = false;
  const work = async (): Promise<void> => {
    for (const cell of todo) {
      if (failed) return;
      try {
        stage.signal.throwIfAborted();
        const pixels = await from.read(reduction.needs(cell.window));
        await take(cell, reduction.make(marked(pixels, info), cell.window));
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: PARTS_AT_ONCE }, work));
  const first = outcomes.find((outcome) => outcome.status === 'rejected');
  if (first) throw first.reason;
}

async function writePixels(
  { plan, stage, pool }: OverviewWriter,
  name: string,
  pixels: Pixels,
  transform: Transform | undefined,
): Promise<ManifestTile> {
  const path = stage.at(name);
  if (stage.resumed) await unlinkIfThere(plan.fs, path);
  const writing = pool.writeSamples(path, pixels, transform);
  const { sizeBytes, sha256 } = await writing.catch((cause: unknown) => {
    throw overviewError(join(stage.path, name), cause);
  });
  return { name, sizeBytes, sha256 };
}

function overviewError(path: string, cause: unknown): HoldfastError {
  const message = 'An overview could not be written.';
  return new HoldfastError(codeOfFailure(cause), { message, step: 'write', path, cause });
}

async function writeIndex(
  { plan, stage }: OverviewWriter,
  { factor, name }: OverviewFile,
  tiles: Iterable<IndexedTile>,
): Promise<ManifestTile> {
  const info = scaledInfo(plan.source.info, factor);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const piece of vrtBytes({ info, srs: plan.srs, tiles })) {
      hash.update(piece);
      sizeBytes += piece.length;
      yield piece;
    }
  }
  await stage.write(name, hashed(), { overwrite: stage.resumed });
  return { name, sizeBytes, sha256: hash.digest('hex') };
}

function tilesWithPart(
  plan: MosaicPlan,
  factor: number,
  overviewLevel: number,
  written: ReadonlySet<string>,
): Iterable<IndexedTile> {
  return {
    *[Symbol.iterator]() {
      for (const cell of cells(plan.grid)) {
        const path = plan.tileName(cell);
        if (!written.has(path)) continue;
        const window = scaledWindow(cell.window, factor);
        yield { ...indexedTile(plan, path, window), overviewLevel };
      }
    },
  };
}

function ownTiles(plan: MosaicPlan, factor: number): Iterable<IndexedTile> {
  return {
    *[Symbol.iterator]() {
      for (const cell of cells(ownGrid(plan.source.info, factor)))
        yield indexedTile(plan, ownTileName(factor, cell), cell.window);
    },
  };
}

function indexedTile({ format }: MosaicPlan, path: string, window: Window): IndexedTile {
  const { blockWidthPx, blockHeightPx } = blockGrid(format, window.widthPx, window.heightPx);
  return { path, window, blockWidthPx, blockHeightPx };
}

/** Of an overview: its size and place, and what is true of its pixels too. */
function scaledInfo(info: RasterInfo, factor: number): RasterInfo {
  const [widthPx, heightPx] = [Math.ceil(info.widthPx / factor), Math.ceil(info.heightPx / factor)];
  const { georeferencing } = info;
  return {
    ...info,
    widthPx,
    heightPx,
    bands: info.bands.map((band) => ({
      ...band,
      metadata: undefined,
      domains: undefined,
      attributeTable: undefined,
    })),
    domains: undefined,
    gcps: undefined,
    georeferencing: {
      ...georeferencing,
      transform: scaledTransform(info, { widthPx, heightPx }),
    },
    metadata: undefined,
  };
}

/** Edges between tiles, and of the mosaic, are multiples of the factor. */
function scaledWindow({ xPx, yPx, widthPx, heightPx }: Window, factor: number): Window {
  return {
    xPx: xPx / factor,
    yPx: yPx / factor,
    widthPx: widthPx / factor,
    heightPx: heightPx / factor,
  };
}

/**
 * An overview is stretched over all of the mosaic: by the sizes, which the factor need not divide.
 */
function scaledTransform(
  { widthPx, heightPx, georeferencing }: RasterInfo,
  to: Size,
): Transform | undefined {
  if (!georeferencing.transform) return undefined;
  const [x, a, b, y, d, e] = georeferencing.transform;
  const [across, down] = [widthPx / to.widthPx, heightPx / to.heightPx];
  return [x, a * across, b * down, y, d * across, e * down];
}

/** The geotransform of a window of an overview. */
function placeOf({ source }: MosaicPlan, factor: number, window: Window): Transform | undefined {
  const { transform } = scaledInfo(source.info, factor).georeferencing;
  return transform && movedTo(transform, window);
}

/** Lays a part of a picture where it belongs. */
function lay(part: Pixels, window: Window, on: Pixels): void {
  const { data, widthPx, heightPx, bandCount, interleave } = on;
  const placed = { data: laidOut(part, interleave).data, window };
  copyWindow(
    placed,
    { data, window: { xPx: 0, yPx: 0, widthPx, heightPx } },
    bandCount,
    interleave,
  );
}

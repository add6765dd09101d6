/**
 * The overviews of a mosaic, as files beside its tiles: `overview_<factor>.vrt` puts together what lies in the tiles, and
 * `overview_<factor>.tif` is a GeoTIFF of its own, made of the parts that the tiles give (overview/pyramid.ts).
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { HoldfastError, isHoldfastError, type Stage } from 'holdfast';
import { errnoOf } from 'holdfast/os';
import type { EncoderPool } from '../encode/encoder-pool.js';
import { dataTypes, type Pixels, type RasterInfo, type Transform, type Window } from '../model.js';
import { cascade, type Pyramid, tileOverviews } from '../overview/pyramid.js';
import { copyWindow } from '../source/copy-window.js';
import { fromGeoTiff } from '../source/geotiff/from-geotiff.js';
import { type Cell, cells } from '../source/grid.js';
import { blockGrid } from '../tiff/block-grid.js';
import { type IndexedTile, vrtBytes } from '../vrt/vrt-text.js';
import type { ManifestTile } from './manifest.js';
import type { MosaicPlan } from './mosaic-plan.js';
import { unlinkIfThere } from './tiles-directory.js';

/** One overview, and its file in the tiles directory. */
export interface OverviewFile {
  readonly factor: number;
  readonly name: string;
}

/** The files of all overviews, by ascending factor. */
export function overviewFiles(pyramid: Pyramid | undefined): readonly OverviewFile[] {
  if (!pyramid) return [];
  return [
    ...pyramid.tileFactors.map((factor) => ({ factor, name: `overview_${factor}.vrt` })),
    ...pyramid.mergedFactors.map((factor) => ({ factor, name: `overview_${factor}.tif` })),
  ];
}

/** The first merged overview, on which the parts of the tiles are laid. Nothing but nodata at first. */
export class MergedOverview {
  readonly pixels: Pixels;
  readonly factor: number;
  readonly #plan: MosaicPlan;
  readonly #pyramid: Pyramid;

  private constructor(plan: MosaicPlan, pyramid: Pyramid, factor: number) {
    const { info, interleave } = plan.source;
    const { widthPx, heightPx, bands } = scaledInfo(info, factor);
    const data = new dataTypes[info.dataType].array(widthPx * heightPx * bands.length);
    if (info.nodata !== undefined) data.fill(info.nodata as never);
    this.pixels = { data, widthPx, heightPx, bandCount: bands.length, interleave };
    this.factor = factor;
    this.#plan = plan;
    this.#pyramid = pyramid;
  }

  /** For a mosaic that has merged overviews. */
  static of(plan: MosaicPlan): MergedOverview | undefined {
    const [factor] = plan.pyramid?.mergedFactors ?? [];
    if (!plan.pyramid || factor === undefined) return undefined;
    return new MergedOverview(plan, plan.pyramid, factor);
  }

  /** Lays the part of a tile where it belongs. */
  add({ window }: Cell, part: Pixels): void {
    const { data, widthPx, heightPx, bandCount, interleave } = this.pixels;
    const whole = { xPx: 0, yPx: 0, widthPx, heightPx };
    const placed = {
      data: laidOut(part, interleave).data,
      window: scaledWindow(window, this.factor),
    };
    copyWindow(placed, { data, window: whole }, bandCount, interleave);
  }

  /** The same for a tile that was written by an earlier run. */
  async addFromFile(cell: Cell, path: string): Promise<void> {
    const tile = await fromGeoTiff(path, { fs: this.#plan.fs });
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
  plan: MosaicPlan,
  stage: Stage,
  pool: EncoderPool,
  merged: MergedOverview | undefined,
  written: ReadonlySet<string>,
): Promise<readonly ManifestTile[]> {
  const { pyramid, fs, source } = plan;
  if (!pyramid) return [];
  const files: ManifestTile[] = [];
  const own = overviewFiles(pyramid).slice(0, pyramid.tileFactors.length);
  for (const [level, file] of own.entries())
    files.push(await writeIndex(plan, stage, file, level, written));
  if (!merged) return files;
  const [first, ...others] = pyramid.mergedFactors as [number, ...number[]];
  const further = cascade(merged.pixels, first, others, pyramid.method, source.info.nodata);
  const images = [merged.pixels, ...further];
  for (const [index, { factor, name }] of overviewFiles(pyramid).slice(own.length).entries()) {
    const path = join(stage.path, name);
    if (stage.resumed) await unlinkIfThere(fs, path);
    const transform = scaledTransform(source.info.georeferencing.transform, factor);
    const writing = pool.writeSamples(path, images[index] as Pixels, transform);
    const { sizeBytes, sha256 } = await writing.catch((cause: unknown) => {
      throw overviewError(path, cause);
    });
    files.push({ name, sizeBytes, sha256 });
  }
  return files;
}

function overviewError(path: string, cause: unknown): HoldfastError {
  const isFull = ['ENOSPC', 'EDQUOT'].includes(errnoOf(cause) ?? '');
  const code = isHoldfastError(cause) ? cause.code : isFull ? 'NO_SPACE' : 'IO';
  const message = 'An overview could not be written.';
  return new HoldfastError(code, { message, outcome: 'unchanged', step: 'write', path, cause });
}

async function writeIndex(
  plan: MosaicPlan,
  stage: Stage,
  { factor, name }: OverviewFile,
  level: number,
  written: ReadonlySet<string>,
): Promise<ManifestTile> {
  const tiles = { [Symbol.iterator]: () => overviewTiles(plan, factor, level, written) };
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

function* overviewTiles(
  plan: MosaicPlan,
  factor: number,
  overviewLevel: number,
  written: ReadonlySet<string>,
): Generator<IndexedTile> {
  for (const cell of cells(plan.grid)) {
    const path = plan.tileName(cell);
    if (!written.has(path)) continue;
    const window = scaledWindow(cell.window, factor);
    const blocks = blockGrid(plan.format, window.widthPx, window.heightPx);
    const { blockWidthPx, blockHeightPx } = blocks;
    yield { path, window, blockWidthPx, blockHeightPx, overviewLevel };
  }
}

/** Of an overview: its size and place, and what is true of its pixels too. */
function scaledInfo(info: RasterInfo, factor: number): RasterInfo {
  const { georeferencing } = info;
  return {
    ...info,
    widthPx: Math.ceil(info.widthPx / factor),
    heightPx: Math.ceil(info.heightPx / factor),
    bands: info.bands.map((band) => ({ ...band, metadata: undefined })),
    georeferencing: {
      ...georeferencing,
      transform: scaledTransform(georeferencing.transform, factor),
    },
    metadata: undefined,
  };
}

/** Edges between tiles are multiples of the factor. */
function scaledWindow({ xPx, yPx, widthPx, heightPx }: Window, factor: number): Window {
  return {
    xPx: xPx / factor,
    yPx: yPx / factor,
    widthPx: Math.ceil(widthPx / factor),
    heightPx: Math.ceil(heightPx / factor),
  };
}

function scaledTransform(transform: Transform | undefined, factor: number): Transform | undefined {
  if (!transform) return undefined;
  const [x, a, b, y, d, e] = transform;
  return [x, a * factor, b * factor, y, d * factor, e * factor];
}

/** The same samples with their bands as wanted. */
function laidOut(pixels: Pixels, interleave: Pixels['interleave']): Pixels {
  const { data, widthPx, heightPx, bandCount } = pixels;
  if (pixels.interleave === interleave || bandCount === 1) return { ...pixels, interleave };
  const count = widthPx * heightPx;
  const target = data.slice();
  const [pixelStep, bandStep] = interleave === 'pixel' ? [bandCount, 1] : [1, count];
  for (let band = 0, at = 0; band < bandCount; band += 1) {
    for (let pixel = 0; pixel < count; pixel += 1, at += 1) {
      const from = interleave === 'pixel' ? at : pixel * bandCount + band;
      target[pixel * pixelStep + band * bandStep] = data[from] as never;
    }
  }
  return { ...pixels, data: target, interleave };
}

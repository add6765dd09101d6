/**
 * The layers of a mosaic: its tiles, and for one of ours its overviews, each as sources placed in the mosaic's own pixels.
 * The layer for a result is the smallest that has at least one pixel for each of the result.
 */
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { HoldfastError } from 'holdfast';
import type { Fs } from 'holdfast/os';
import { vrtDomain } from '../vrt/vrt-text.js';
import { readIndex } from './read-index.js';
import type { PixelRectangle, VrtBand, VrtDocument, VrtSource } from './vrt-document.js';

/** Sources that show the whole mosaic. */
export interface Layer {
  readonly bands: readonly VrtBand[];
  /** The absolute path of a file, by the name that the index of the layer has for it. */
  readonly pathOf: ReadonlyMap<string, string>;
}

/** What a layer is read with. */
export interface LayerSettings {
  readonly fs: Fs;
  readonly outside: 'refuse' | 'allow';
  readonly maxIndexBytes: number;
}

/** Sizes are whole, so a ratio that should be a factor may miss it by a little. */
const TOLERANCE = 1.001;

export class Layers {
  readonly base: Layer;
  readonly #path: string;
  readonly #document: VrtDocument;
  readonly #settings: LayerSettings;
  /** By ascending factor. */
  readonly #factors: readonly number[];
  readonly #overviews = new Map<number, Promise<Layer>>();

  constructor(path: string, document: VrtDocument, settings: LayerSettings) {
    this.#path = path;
    this.#document = document;
    this.#settings = settings;
    this.#factors = factorsOf(document);
    this.base = layerOf(path, document.bands, settings.outside);
  }

  /** The layer for results that have one pixel for `ratio` pixels of the mosaic, along the axis where they are densest. */
  async forRatio(ratio: number): Promise<Layer> {
    const level = this.#factors.findLastIndex((factor) => factor <= ratio * TOLERANCE);
    if (level < 0) return this.base;
    const known = this.#overviews.get(level) ?? this.#open(level);
    this.#overviews.set(level, known);
    known.catch(() => this.#overviews.delete(level));
    return known;
  }

  async #open(level: number): Promise<Layer> {
    const factor = this.#factors[level] as number;
    const { outside, fs, maxIndexBytes } = this.#settings;
    const named = this.#document.bands.map(({ overviews }) => overviews[level]?.filename as string);
    const name = named[0] as string;
    const path = insidePath(this.#path, { filename: name, relativeToVrt: true }, outside);
    if (!name.endsWith('.vrt')) return this.#fileLayer(level, factor);
    const { bands } = await readIndex(fs, path, maxIndexBytes);
    const placed = bands.map((band) => ({
      ...band,
      sources: band.sources.map((source) => enlarged(source, factor)),
    }));
    return layerOf(path, placed, outside);
  }

  /** An overview that is a file of its own. */
  #fileLayer(level: number, factor: number): Layer {
    const { widthPx, heightPx, bands } = this.#document;
    const [fileWidthPx, fileHeightPx] = [Math.ceil(widthPx / factor), Math.ceil(heightPx / factor)];
    const placed = bands.map((band) => {
      const { filename, relativeToVrt, bandNumber } = band.overviews[level] as VrtSource;
      const whole = { xPx: 0, yPx: 0, widthPx: fileWidthPx, heightPx: fileHeightPx };
      const source = { source: whole, destination: whole, nodata: undefined };
      const file = { filename, relativeToVrt, bandNumber, overviewLevel: undefined };
      return {
        ...band,
        sources: [enlarged({ ...file, ...source, fileWidthPx, fileHeightPx }, factor)],
      };
    });
    return layerOf(this.#path, placed, this.#settings.outside);
  }
}

/** The factors that an index of ours has overviews for; those of other programs are not used. */
function factorsOf({ metadata, bands }: VrtDocument): readonly number[] {
  const factors = (metadata.get(vrtDomain)?.['OVERVIEWS'] ?? '').split(',').map(Number);
  const fits =
    factors.every((factor) => factor > 1) &&
    bands.every(({ overviews }) => overviews.length === factors.length);
  return fits ? factors : [];
}

function enlarged(source: VrtSource, factor: number): VrtSource {
  const { xPx, yPx, widthPx, heightPx } = source.destination as PixelRectangle;
  const destination = {
    xPx: xPx * factor,
    yPx: yPx * factor,
    widthPx: widthPx * factor,
    heightPx: heightPx * factor,
  };
  return { ...source, destination };
}

function layerOf(path: string, bands: readonly VrtBand[], outside: 'refuse' | 'allow'): Layer {
  const pathOf = new Map<string, string>();
  for (const source of bands.flatMap((band) => band.sources)) {
    if (pathOf.has(source.filename)) continue;
    pathOf.set(source.filename, insidePath(path, source, outside));
  }
  return { bands, pathOf };
}

/** The absolute path of a file that an index names. */
function insidePath(
  indexPath: string,
  { filename, relativeToVrt }: Pick<VrtSource, 'filename' | 'relativeToVrt'>,
  outside: 'refuse' | 'allow',
): string {
  const folder = dirname(resolve(indexPath));
  const path = relativeToVrt ? resolve(folder, filename) : resolve(filename);
  const inside = relative(folder, path);
  const escapes = inside.startsWith('..') || isAbsolute(inside) || filename.includes('\0');
  if (!escapes || outside === 'allow') return path;
  throw new HoldfastError('PATH_ESCAPES', {
    message: `The index names a tile outside its folder: ${JSON.stringify(filename)}. If it is to be trusted, open it with outside: 'allow'.`,
    outcome: 'unchanged',
    step: 'open',
    path: indexPath,
  });
}

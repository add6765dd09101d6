/**
 * The layers of a mosaic: its tiles, and for one of ours its overviews, each as sources placed in
 * the mosaic's own pixels. The layer for a result is the smallest that has at least one pixel for
 * each of the result.
 */
import { vrtDomain } from '../vrt/vrt-text.js';
import type { MosaicFiles } from './mosaic-files.js';
import type {
  PixelRectangle,
  VrtBand,
  VrtDocument,
  VrtOverview,
  VrtSource,
} from './vrt-document.js';

/** Sources that show the whole mosaic. */
export interface Layer {
  readonly bands: readonly VrtBand[];
  /** One for all bands. */
  readonly mask: VrtBand | undefined;
  /** The absolute path of a file, by the name that the index of the layer has for it. */
  readonly pathOf: ReadonlyMap<string, string>;
}

type Size = Pick<PixelRectangle, 'widthPx' | 'heightPx'>;

/** Sizes are whole, so a ratio that should be a factor may miss it by a little. */
const TOLERANCE = 1.001;

export class Layers {
  readonly base: Layer;
  readonly #path: string;
  readonly #document: VrtDocument;
  readonly #files: MosaicFiles;
  /** By ascending factor. */
  readonly #sizes: readonly Size[];
  readonly #overviews = new Map<number, Promise<Layer>>();

  constructor(path: string, document: VrtDocument, files: MosaicFiles) {
    this.#path = path;
    this.#document = document;
    this.#files = files;
    this.#sizes = sizesOf(document);
    this.base = layerOf(path, document, files);
  }

  /**
   * The layer for results that have one pixel for `ratio` pixels of the mosaic, along the axis
   * where they are densest.
   */
  async forRatio(ratio: number): Promise<Layer> {
    const { widthPx, heightPx } = this.#document;
    const level = this.#sizes.findLastIndex(
      (size) => Math.min(widthPx / size.widthPx, heightPx / size.heightPx) <= ratio * TOLERANCE,
    );
    if (level < 0) return this.base;
    const known = this.#overviews.get(level) ?? this.#open(level);
    this.#overviews.set(level, known);
    known.catch(() => this.#overviews.delete(level));
    return known;
  }

  async #open(level: number): Promise<Layer> {
    const size = this.#sizes[level] as Size;
    const named = this.#document.bands.map(({ overviews }) => overviews[level]?.filename as string);
    const name = named[0] as string;
    const path = this.#files.pathOf(this.#path, { filename: name, relativeToVrt: true });
    if (!name.endsWith('.vrt')) return this.#fileLayer(level, size);
    const { bands, mask } = await this.#files.readIndex(path);
    const enlarged = (band: VrtBand): VrtBand => ({
      ...band,
      sources: band.sources.map((source) => this.#enlarged(source, size)),
    });
    return layerOf(path, { bands: bands.map(enlarged), mask: mask && enlarged(mask) }, this.#files);
  }

  /** A source of an overview, which is stretched over all of the mosaic. */
  #enlarged(source: VrtSource, size: Size): VrtSource {
    const { widthPx, heightPx } = this.#document;
    const [across, down] = [widthPx / size.widthPx, heightPx / size.heightPx];
    const place = source.destination as PixelRectangle;
    const destination = {
      xPx: place.xPx * across,
      yPx: place.yPx * down,
      widthPx: place.widthPx * across,
      heightPx: place.heightPx * down,
    };
    return { ...source, destination };
  }

  /** An overview that is a file of its own. */
  #fileLayer(level: number, size: Size): Layer {
    const { widthPx: fileWidthPx, heightPx: fileHeightPx } = size;
    const { bands: all, mask } = this.#document;
    const inFile = (band: VrtBand, file: VrtOverview): VrtBand => {
      const whole = { xPx: 0, yPx: 0, widthPx: fileWidthPx, heightPx: fileHeightPx };
      const source = { source: whole, destination: whole, nodata: undefined };
      const place = { ...source, fileWidthPx, fileHeightPx };
      return { ...band, sources: [this.#enlarged({ ...file, ...place }, size)] };
    };
    const bands = all.map((band) => inFile(band, band.overviews[level] as VrtOverview));
    const file = all[0]?.overviews[level] as VrtOverview;
    const ofMask = mask && inFile(mask, { ...file, bandNumber: 1, isMask: true });
    return layerOf(this.#path, { bands, mask: ofMask }, this.#files);
  }
}

/** The sizes of the overviews of an index of ours; those of other programs are not used. */
function sizesOf({ metadata, bands, widthPx, heightPx }: VrtDocument): readonly Size[] {
  const factors = (metadata.get(vrtDomain)?.['OVERVIEWS'] ?? '').split(',').map(Number);
  const fits =
    factors.every((factor) => factor > 1) &&
    bands.every(({ overviews }) => overviews.length === factors.length);
  if (!fits) return [];
  return factors.map((factor) => ({
    widthPx: Math.ceil(widthPx / factor),
    heightPx: Math.ceil(heightPx / factor),
  }));
}

function layerOf(
  path: string,
  { bands, mask }: Pick<VrtDocument, 'bands' | 'mask'>,
  files: MosaicFiles,
): Layer {
  const pathOf = new Map<string, string>();
  const all = mask ? [...bands, mask] : bands;
  for (const source of all.flatMap((band) => band.sources)) {
    if (pathOf.has(source.filename)) continue;
    pathOf.set(source.filename, files.pathOf(path, source));
  }
  return { bands, mask, pathOf };
}

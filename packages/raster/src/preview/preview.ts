/** A small picture of a mosaic, to look at. */
import { checkOptions, invalidArgument } from 'holdfast/options';
import type { Nodata, PaletteEntry, RasterArray } from '../model.js';
import type { Mosaic } from '../read/open-vrt.js';
import { terrainColour } from './colour-ramp.js';
import { pngOf } from './png.js';
import { hillshade } from './shade.js';

/**
 * How values become colours. `auto`: three or four bands of bytes are red, green, blue and alpha, a
 * palette is used, and anything else is grey. `hillshade`: the first band as a terrain under a
 * north-west light. `ramp`: the first band from green over brown to white, shaded.
 */
export type PreviewStyle = 'auto' | 'hillshade' | 'ramp';

/** How a picture is drawn. */
export interface PreviewOptions {
  readonly style?: PreviewStyle | undefined;
  /** The longer side of the picture, in pixels; 1024 by default, never more than the mosaic has. */
  readonly maxSizePx?: number | undefined;
  /**
   * How much heights are exaggerated for shading; by default so that the picture shows the terrain.
   */
  readonly exaggeration?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A PNG file and its size. */
export interface Preview {
  readonly png: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** Bands as numbers, not-a-number where there is no data. */
interface Picture {
  readonly bands: readonly Float64Array[];
  readonly widthPx: number;
  readonly heightPx: number;
}

/**
 * Each picture pixel is the mean of this many by this many samples, so that thin things do not
 * flicker out.
 */
const OVERSAMPLING = 2;
/**
 * Shares of the values that a grey or coloured picture leaves to its darkest and brightest tone.
 */
const STRETCH = { low: 0.02, high: 0.98 };
const STRETCH_SAMPLES = 65_536;
/**
 * The share of a picture's width by which its highest point is made to rise, where nobody says how
 * much.
 */
const RELIEF_OF_WIDTH = 0.06;

/**
 * Draws a picture of a mosaic; nothing is written. Pixels without data are transparent.
 *
 * @throws HoldfastError INVALID_ARGUMENT, and all that {@link Mosaic.read} throws
 */
export async function renderPreview(
  mosaic: Mosaic,
  options: PreviewOptions = {},
): Promise<Preview> {
  checkOptions('renderPreview', options, ['style', 'maxSizePx', 'exaggeration', 'signal']);
  const { style = 'auto', maxSizePx = 1024 } = options;
  if (!Number.isInteger(maxSizePx) || maxSizePx < 1) {
    throw invalidArgument(
      'renderPreview',
      `maxSizePx must be a positive integer, not ${maxSizePx}`,
    );
  }
  if (style === 'auto' && mosaic.info.bands[0]?.palette)
    return renderPalette(mosaic, maxSizePx, options);
  const colours = style === 'auto' && isRgb(mosaic);
  const picture = await readPicture(mosaic, maxSizePx, colours ? undefined : 1, options.signal);
  if (colours) return toPng(picture, colourPixel(picture));
  if (style === 'auto') return toPng(picture, greyPixel(picture));
  return toPng(picture, terrainPixel(picture, mosaic, style, options.exaggeration));
}

function isRgb(mosaic: Mosaic): boolean {
  const { bands, dataType } = mosaic.info;
  return dataType === 'uint8' && (bands.length === 3 || bands.length === 4);
}

/**
 * Gives a pixel its red, green, blue and alpha, at four places of the picture that are 0: a pixel
 * that is left is transparent.
 */
type PaintPixel = (index: number, picture: Uint8ClampedArray, at: number) => void;

function setPixel(
  picture: Uint8ClampedArray,
  at: number,
  [red, green, blue, alpha = 255]: readonly number[],
): void {
  picture[at] = red as number;
  picture[at + 1] = green as number;
  picture[at + 2] = blue as number;
  picture[at + 3] = alpha;
}

function setGrey(picture: Uint8ClampedArray, at: number, tone: number): void {
  picture[at] = tone;
  picture[at + 1] = tone;
  picture[at + 2] = tone;
  picture[at + 3] = 255;
}

function colourPixel({ bands }: Picture): PaintPixel {
  const [red, green, blue, alpha] = bands as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array?,
  ];
  return (index, picture, at) => {
    const [r, g, b] = [red[index] as number, green[index] as number, blue[index] as number];
    if (!Number.isNaN(r + g + b)) setPixel(picture, at, [r, g, b, alpha?.[index] ?? 255]);
  };
}

function greyPixel({ bands }: Picture): PaintPixel {
  const [values] = bands as [Float64Array];
  const shareOf = stretch(values);
  return (index, picture, at) => {
    const share = shareOf(values[index] as number);
    if (!Number.isNaN(share)) setGrey(picture, at, share * 255);
  };
}

function terrainPixel(
  picture: Picture,
  mosaic: Mosaic,
  style: 'hillshade' | 'ramp',
  exaggeration: number | undefined,
): PaintPixel {
  const [values] = picture.bands as [Float64Array];
  const { widthPx, heightPx } = picture;
  const factor = exaggeration ?? fittingExaggeration(picture, mosaic);
  const shade = hillshade({
    values: values.map((value) => value * factor),
    widthPx,
    heightPx,
    cellWidth: cellSize(mosaic, 1, widthPx),
    cellHeight: cellSize(mosaic, 5, heightPx),
  });
  if (style === 'hillshade') {
    return (index, into, at) => {
      const light = shade[index] as number;
      if (!Number.isNaN(light)) setGrey(into, at, light * 255);
    };
  }
  const shareOf = stretch(values);
  return (index, into, at) => {
    const light = shade[index] as number;
    if (Number.isNaN(light)) return;
    const [red, green, blue] = terrainColour(shareOf(values[index] as number));
    // Flat ground, which is lit by sin 45°, keeps its colour.
    const gain = light / Math.SQRT1_2;
    setPixel(into, at, [red * gain, green * gain, blue * gain]);
  };
}

/**
 * Cell size in the mosaic's own unit, or 1 pixel without georeferencing; `term` is its place in the
 * transform.
 */
function cellSize(mosaic: Mosaic, term: 1 | 5, picturePx: number): number {
  const { info } = mosaic;
  const whole = term === 1 ? info.widthPx : info.heightPx;
  return (Math.abs(info.georeferencing.transform?.[term] ?? 1) * whole) / picturePx;
}

/** Heights and map units differ (metres over degrees), so the relief is scaled to the picture. */
function fittingExaggeration(picture: Picture, mosaic: Mosaic): number {
  const { low, high } = rangeOf(picture.bands[0] as Float64Array);
  const width = cellSize(mosaic, 1, picture.widthPx) * picture.widthPx;
  return high > low ? (RELIEF_OF_WIDTH * width) / (high - low) : 1;
}

async function renderPalette(
  mosaic: Mosaic,
  maxSizePx: number,
  options: PreviewOptions,
): Promise<Preview> {
  const palette = mosaic.info.bands[0]?.palette as readonly PaletteEntry[];
  const scale = Math.min(1, maxSizePx / Math.max(mosaic.info.widthPx, mosaic.info.heightPx));
  const { signal } = options;
  const { data, widthPx, heightPx } = await mosaic.read(undefined, { band: 1, scale, signal });
  const picture = { bands: [], widthPx, heightPx };
  const valid = await validityOf(mosaic, scale, signal);
  const nodata = valid ? undefined : mosaic.document.bands[0]?.nodata;
  return toPng(picture, (index, into, at) => {
    const colour = palette[Number(data[index])];
    if (colour && data[index] !== nodata && valid?.[index] !== 0) setPixel(into, at, colour);
  });
}

/**
 * Reads the mosaic at twice the size of the picture and takes means, leaving out what has no data.
 */
async function readPicture(
  mosaic: Mosaic,
  maxSizePx: number,
  band: number | undefined,
  signal: AbortSignal | undefined,
): Promise<Picture> {
  const { widthPx, heightPx } = mosaic.info;
  const scale = Math.min(1, maxSizePx / Math.max(widthPx, heightPx));
  const oversampling = scale * OVERSAMPLING <= 1 ? OVERSAMPLING : 1;
  const read = await mosaic.read(undefined, { scale: scale * oversampling, band, signal });
  const pixels = read.widthPx * read.heightPx;
  const valid = await validityOf(mosaic, scale * oversampling, signal);
  const bands = Array.from({ length: read.bandCount }, (_, index) => {
    const nodata = valid ? undefined : mosaic.document.bands[index]?.nodata;
    const samples = read.data.subarray(index * pixels, (index + 1) * pixels);
    const values = numbersOf(samples, nodata, valid);
    return shrink(values, read.widthPx, read.heightPx, oversampling);
  });
  return {
    bands,
    widthPx: Math.ceil(read.widthPx / oversampling),
    heightPx: Math.ceil(read.heightPx / oversampling),
  };
}

/** For each pixel whether it is valid, of a mosaic with a mask. */
async function validityOf(
  mosaic: Mosaic,
  scale: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  if (!mosaic.hasMask) return undefined;
  const { data } = await mosaic.read(undefined, { band: 'mask', scale, signal });
  return data as Uint8Array;
}

/** Samples as numbers, not-a-number where there is no data. */
function numbersOf(
  samples: RasterArray,
  nodata: Nodata | undefined,
  valid: Uint8Array | undefined,
): Float64Array {
  const values = new Float64Array(samples.length);
  for (let index = 0; index < values.length; index += 1) {
    const value = samples[index];
    values[index] = value === nodata || valid?.[index] === 0 ? Number.NaN : Number(value);
  }
  return values;
}

function shrink(
  values: Float64Array,
  widthPx: number,
  heightPx: number,
  factor: number,
): Float64Array {
  if (factor === 1) return values;
  const width = Math.ceil(widthPx / factor);
  const sums = new Float64Array(width * Math.ceil(heightPx / factor));
  const counts = new Uint32Array(sums.length);
  let index = 0;
  for (let y = 0; y < heightPx; y += 1) {
    const row = Math.floor(y / factor) * width;
    for (let x = 0; x < widthPx; x += 1, index += 1) {
      const value = values[index] as number;
      if (Number.isNaN(value)) continue;
      const target = row + Math.floor(x / factor);
      sums[target] = (sums[target] as number) + value;
      counts[target] = (counts[target] as number) + 1;
    }
  }
  // Nothing valid gives 0/0, which is not-a-number: no data.
  for (let target = 0; target < sums.length; target += 1)
    sums[target] = (sums[target] as number) / (counts[target] as number);
  return sums;
}

/** Where a value lies between the darkest and brightest tone, from 0 to 1. */
function stretch(values: Float64Array): (value: number) => number {
  const { low, high } = rangeOf(values);
  return (value) =>
    high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : value - value;
}

function rangeOf(values: Float64Array): { low: number; high: number } {
  const sorted = sampleOf(values).toSorted();
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  return { low: at(STRETCH.low), high: at(STRETCH.high) };
}

/** The finite ones of so many values, evenly spread: to sort a million takes longer than to read them. */
function sampleOf(values: Float64Array): Float64Array {
  // A stride that shares nothing with the widths of pictures meets all columns.
  const stride = Math.max(1, Math.floor(values.length / STRETCH_SAMPLES)) | 1;
  const sample = new Float64Array(Math.ceil(values.length / stride));
  let count = 0;
  for (let index = 0; index < values.length; index += stride) {
    const value = values[index] as number;
    if (value - value === 0) sample[count++] = value;
  }
  return sample.subarray(0, count);
}

function toPng({ widthPx, heightPx }: Picture, paint: PaintPixel): Preview {
  const data = new Uint8ClampedArray(widthPx * heightPx * 4);
  for (let index = 0; index < widthPx * heightPx; index += 1) paint(index, data, 4 * index);
  return {
    png: pngOf(new Uint8Array(data.buffer), widthPx, heightPx),
    widthPx,
    heightPx,
  };
}

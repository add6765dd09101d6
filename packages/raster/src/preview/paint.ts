/** Makes colours of what was read of a mosaic: the pixels of a picture, or of a part of one. */
import type { Nodata, PaletteEntry, RasterArray, RasterInfo } from '../model.js';
import { terrainColour } from './colour-ramp.js';
import { hillshade } from './shade.js';

/** Bands as numbers, not-a-number where there is no data. */
export interface Picture {
  readonly bands: readonly Float64Array[];
  readonly widthPx: number;
  readonly heightPx: number;
}

/** Values between which tones and colours go from one end to the other. */
export interface ValueRange {
  readonly low: number;
  readonly high: number;
}

/** How a terrain is lit. */
export interface Relief {
  /** What heights are multiplied by. */
  readonly exaggeration: number;
  /** Size of a pixel of the picture in the unit of the heights. */
  readonly cellWidth: number;
  readonly cellHeight: number;
}

/**
 * Gives a pixel its red, green, blue and alpha, at four places of the picture that are 0: a pixel
 * that is left is transparent.
 */
export type PaintPixel = (index: number, picture: Uint8ClampedArray, at: number) => void;

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

/** Whether the bands are taken for red, green, blue and perhaps alpha. */
export function isRgb({ bands, dataType }: RasterInfo): boolean {
  return dataType === 'uint8' && (bands.length === 3 || bands.length === 4);
}

/** Three or four bands as red, green, blue and alpha. */
export function colourPixel({ bands }: Picture): PaintPixel {
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

/** The first band by a palette. */
export function palettePixel({ bands }: Picture, palette: readonly PaletteEntry[]): PaintPixel {
  const [values] = bands as [Float64Array];
  return (index, picture, at) => {
    const colour = palette[values[index] as number];
    if (colour) setPixel(picture, at, colour);
  };
}

/** The first band in tones of grey. */
export function greyPixel({ bands }: Picture, range: ValueRange): PaintPixel {
  const [values] = bands as [Float64Array];
  const shareOf = stretch(range);
  return (index, picture, at) => {
    const share = shareOf(values[index] as number);
    if (!Number.isNaN(share)) setGrey(picture, at, share * 255);
  };
}

/** The first band as a lit terrain; with a range in the colours of its heights. */
export function terrainPixel(
  { bands, widthPx, heightPx }: Picture,
  { exaggeration, cellWidth, cellHeight }: Relief,
  range?: ValueRange,
): PaintPixel {
  const [values] = bands as [Float64Array];
  const shade = hillshade({
    values: values.map((value) => value * exaggeration),
    widthPx,
    heightPx,
    cellWidth,
    cellHeight,
  });
  if (range === undefined) {
    return (index, into, at) => {
      const light = shade[index] as number;
      if (!Number.isNaN(light)) setGrey(into, at, light * 255);
    };
  }
  const shareOf = stretch(range);
  return (index, into, at) => {
    const light = shade[index] as number;
    if (Number.isNaN(light)) return;
    const [red, green, blue] = terrainColour(shareOf(values[index] as number));
    // Flat ground, which is lit by sin 45°, keeps its colour.
    const gain = light / Math.SQRT1_2;
    setPixel(into, at, [red * gain, green * gain, blue * gain]);
  };
}

/** Heights and map units differ (metres over degrees), so the relief is scaled to a width. */
export function fittingExaggeration({ low, high }: ValueRange, width: number): number {
  return high > low ? (RELIEF_OF_WIDTH * width) / (high - low) : 1;
}

/** The range of values that is shown; outliers are left to its ends. */
export function rangeOf(values: Float64Array): ValueRange {
  const sorted = sampleOf(values).toSorted();
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  return { low: at(STRETCH.low), high: at(STRETCH.high) };
}

/** Samples as numbers, not-a-number where there is no data. */
export function numbersOf(
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

/** Where a value lies between the darkest and brightest tone, from 0 to 1. */
function stretch({ low, high }: ValueRange): (value: number) => number {
  return (value) =>
    high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : value - value;
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

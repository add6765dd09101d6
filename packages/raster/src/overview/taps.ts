/**
 * Which samples along one axis a pixel of a smaller picture is made of, and what each weighs. A
 * picture of `to` pixels is stretched over one of `from`, so a pixel stands for `from / to` of
 * them: by the sizes, and not by the factor that was asked for, which need not divide them. The
 * windows, weights and rounding are those of GDAL's overviews.
 */

/**
 * `nearest` takes the sample where the pixel begins, also when it is nodata. The others leave
 * nodata out: `average` is the mean by area, `rms` the root of the mean square, `mode` the value
 * that first reaches the highest count, `bilinear` and `cubic` (a = -0.5) are convolutions as wide
 * as the reduction, `gauss` has a binomial kernel of 3, 5 or 7 samples.
 */
export type OverviewMethod =
  'nearest' | 'average' | 'rms' | 'mode' | 'bilinear' | 'cubic' | 'gauss';

/** The ways of making an overview. */
export const overviewMethods: readonly OverviewMethod[] = [
  'nearest',
  'average',
  'rms',
  'mode',
  'bilinear',
  'cubic',
  'gauss',
];

/** Samples that follow each other, from `start` on, with their weights. */
export interface Taps {
  readonly start: number;
  readonly weights: Float64Array;
  /** All of them weigh 1. */
  readonly areEqual: boolean;
}

/** Quotients of sizes miss whole numbers by less. */
const TOLERANCE = 1e-8;
const BINOMIALS = [
  [1, 2, 1],
  [1, 4, 6, 4, 1],
  [1, 6, 15, 20, 15, 6, 1],
] as const;

interface Kernel {
  /** In pixels of the result. */
  readonly radius: number;
  readonly weight: (distance: number) => number;
}

const kernels: Readonly<Record<'bilinear' | 'cubic', Kernel>> = {
  bilinear: { radius: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  cubic: { radius: 2, weight: cubicWeight },
};

/** The samples, of `from`, of the result pixel `index`, of `to`. */
export function tapsOf(method: OverviewMethod, index: number, from: number, to: number): Taps {
  const ratio = from / to;
  if (method === 'bilinear' || method === 'cubic')
    return kernelTaps(kernels[method], index, from, ratio);
  if (method === 'gauss') return gaussTaps(index, from, ratio);
  if (method === 'nearest')
    return { start: Math.min(from - 1, Math.trunc(0.5 + index * ratio)), ...equal(1) };
  const taps = areaTaps(index, from, ratio);
  return method === 'mode' ? { ...taps, ...equal(taps.weights.length) } : taps;
}

function equal(count: number): Pick<Taps, 'weights' | 'areEqual'> {
  return { weights: new Float64Array(count).fill(1), areEqual: true };
}

/** The first and the last sample weigh as much of them as lies in the pixel. */
function areaTaps(index: number, from: number, ratio: number): Taps {
  const [begin, end] = [index * ratio, (index + 1) * ratio];
  const start = Math.min(from - 1, Math.trunc(begin + TOLERANCE));
  const last = Math.max(start + 1, Math.min(from, Math.ceil(end - TOLERANCE)));
  const { weights } = equal(last - start);
  weights[0] = 1 - (begin - start);
  if (last - start > 1) weights[last - start - 1] = 1 - (last - end);
  return { start, weights, areEqual: weights.every((weight) => weight === 1) };
}

function gaussTaps(index: number, from: number, ratio: number): Taps {
  const reach = Math.trunc(0.5 + ratio);
  const binomial = BINOMIALS[reach <= 2 ? 0 : reach <= 4 ? 1 : 2];
  const begin = Math.trunc(0.5 + index * ratio);
  const end = Math.trunc(0.5 + (index + 1) * ratio) + 1;
  const first = begin + Math.trunc((end - begin) / 2) - Math.trunc(binomial.length / 2);
  const [start, last] = [Math.max(0, first), Math.min(from, first + binomial.length)];
  const weights = Float64Array.from(binomial.slice(start - first, last - first));
  return { start, weights, areEqual: false };
}

function kernelTaps({ radius, weight }: Kernel, index: number, from: number, ratio: number): Taps {
  const centre = (index + 0.5) * ratio;
  const start = Math.max(0, Math.floor(centre - radius * ratio + 0.5));
  const last = Math.min(from, Math.trunc(centre + radius * ratio + 0.5));
  const weights = Float64Array.from({ length: last - start }, (_, at) =>
    weight((start + at - centre + 0.5) / ratio),
  );
  return { start, weights, areEqual: false };
}

/**
 * Keys' cubic convolution with a = -0.5 (IEEE Transactions on Acoustics, Speech, and Signal
 * Processing 29, 1981).
 */
function cubicWeight(distance: number): number {
  const x = Math.abs(distance);
  if (x <= 1) return x * x * (1.5 * x - 2.5) + 1;
  return x <= 2 ? x * x * (2.5 - 0.5 * x) - 4 * x + 2 : 0;
}

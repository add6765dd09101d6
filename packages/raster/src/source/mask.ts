/**
 * Masks: which pixels are valid, as the last band of the samples (`BandInfo.isMask`), 0 where they
 * are not. In a file a mask is an image of its own.
 */
import { types } from 'node:util';
import { invalidArgument } from 'holdfast/options';
import {
  dataTypes,
  hasMask,
  imageBands,
  type NotCarried,
  type Pixels,
  type RasterArray,
  type RasterInfo,
} from '../model.js';
import type { RasterSource } from './raster-source.js';

/** What a mask has where pixels are valid, as GDAL gives it. */
export const VALID = 255;

/** The bands without the mask, and the mask as bytes of 0 and 255. */
export function splitMask(pixels: Pixels): { readonly image: Pixels; readonly mask: Pixels } {
  const { data, widthPx, heightPx, bandCount, interleave } = pixels;
  const count = widthPx * heightPx;
  const bands = bandCount - 1;
  const last = new Uint8Array(count);
  const size = { widthPx, heightPx };
  const mask = { data: last, ...size, bandCount: 1, interleave: 'pixel' as const };
  if (interleave === 'band') {
    for (let at = 0; at < count; at += 1) last[at] = isZero(data[count * bands + at]) ? 0 : VALID;
    const image = { data: data.slice(0, count * bands), ...size, bandCount: bands, interleave };
    return { image, mask };
  }
  const samples = new (data.constructor as new (length: number) => RasterArray)(count * bands);
  for (let at = 0, to = 0, from = 0; at < count; at += 1) {
    for (let band = 0; band < bands; band += 1, to += 1, from += 1)
      samples[to] = data[from] as never;
    last[at] = isZero(data[from]) ? 0 : VALID;
    from += 1;
  }
  return { image: { data: samples, ...size, bandCount: bands, interleave }, mask };
}

/** Tells of a mask that its values between are taken for valid, once. */
function tellPartial(mask: RasterArray, told: NotCarried[]): void {
  if (told.some(({ what }) => what === PARTIAL) || !mask.some(isPartial)) return;
  const why = 'the mask of a tile has single bits: what is not 0 is valid';
  told.push({ what: PARTIAL, where: 'the mask', why });
}

const PARTIAL = 'values between 0 and 255';

function isPartial(value: number | bigint): boolean {
  return value !== 0 && value !== VALID;
}

/** The samples with a mask as their last band; what of it is lost by that is told. */
export function joinMask(image: Pixels, mask: RasterArray, told: NotCarried[]): Pixels {
  tellPartial(mask, told);
  const { data, widthPx, heightPx, bandCount, interleave } = image;
  const count = widthPx * heightPx;
  const joined = new (data.constructor as new (length: number) => RasterArray)(
    count * (bandCount + 1),
  );
  const wide = types.isBigInt64Array(data) || types.isBigUint64Array(data);
  // Bytes with a sign hold no 255; what is not 0 is valid.
  const valid = wide ? BigInt(VALID) : types.isInt8Array(data) ? 1 : VALID;
  const invalid = wide ? 0n : 0;
  if (interleave === 'band') (joined as Uint8Array).set(data as Uint8Array);
  for (let at = 0, to = 0, from = 0; at < count; at += 1) {
    if (interleave === 'pixel')
      for (let band = 0; band < bandCount; band += 1, to += 1, from += 1)
        joined[to] = data[from] as never;
    joined[interleave === 'band' ? count * bandCount + at : to] = (
      isZero(mask[at]) ? invalid : valid
    ) as never;
    to += 1;
  }
  return { data: joined, widthPx, heightPx, bandCount: bandCount + 1, interleave, hasMask: true };
}

/** For each pixel whether it is valid; `undefined` without a mask. */
export function validityOf({
  data,
  widthPx,
  heightPx,
  bandCount,
  interleave,
  hasMask: isMasked,
}: Pixels): Uint8Array | undefined {
  if (!isMasked) return undefined;
  const count = widthPx * heightPx;
  const [first, step] =
    interleave === 'band' ? [count * (bandCount - 1), 1] : [bandCount - 1, bandCount];
  return Uint8Array.from({ length: count }, (_, at) =>
    isZero(data[first + at * step]) ? 0 : VALID,
  );
}

/** Makes the last band say that no pixel is valid. */
export function clearMask({ data, widthPx, heightPx, bandCount, interleave }: Pixels): void {
  const count = widthPx * heightPx;
  const [first, step] =
    interleave === 'band' ? [count * (bandCount - 1), 1] : [bandCount - 1, bandCount];
  const zero = types.isBigInt64Array(data) || types.isBigUint64Array(data) ? 0n : 0;
  for (let at = 0; at < count; at += 1) data[first + at * step] = zero as never;
}

/** Samples as the raster has them: with a mask if it has one. */
export function marked(pixels: Pixels, info: Pick<RasterInfo, 'bands'>): Pixels {
  return hasMask(info) ? { ...pixels, hasMask: true } : pixels;
}

/**
 * A source with a mask as one whose last band is alpha: opaque where pixels are valid. One without
 * a mask as it is.
 *
 * @throws HoldfastError INVALID_ARGUMENT for samples that no reader takes for alpha
 */
export function asAlpha(call: string, source: RasterSource): RasterSource {
  const { info } = source;
  if (!hasMask(info)) return source;
  if (info.dataType !== 'uint8' && info.dataType !== 'uint16')
    throw invalidArgument(
      call,
      `alpha is of uint8 or uint16, and these samples are ${info.dataType}`,
    );
  const opaque = 2 ** (8 * dataTypes[info.dataType].bytes) - 1;
  const { interleave, blocks, tiling, notCarried } = source;
  return {
    info: { ...info, bands: [...imageBands(info), { colour: 'Alpha' }] },
    interleave,
    blocks,
    tiling,
    notCarried,
    ...(source.fingerprint && { fingerprint: async () => (await source.fingerprint?.()) ?? '' }),
    read: async (window, signal) => {
      const pixels = await source.read(window, signal);
      const { data, bandCount } = pixels;
      const count = pixels.widthPx * pixels.heightPx;
      const [first, step] =
        pixels.interleave === 'band' ? [count * (bandCount - 1), 1] : [bandCount - 1, bandCount];
      for (let at = first; at < data.length; at += step) data[at] = data[at] ? opaque : 0;
      return { ...pixels, hasMask: false };
    },
  };
}

function isZero(value: number | bigint | undefined): boolean {
  return Number(value) === 0;
}

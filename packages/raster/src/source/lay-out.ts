/** Samples of pictures: of nothing but nodata, and with their bands laid out otherwise. */
import { dataTypes, hasMask, type Pixels, type RasterInfo } from '../model.js';
import { clearMask } from './mask.js';

/** Room for samples; nothing but nodata at first. */
export function emptyPixels(
  {
    widthPx,
    heightPx,
    bands,
    dataType,
    nodata,
  }: Pick<RasterInfo, 'widthPx' | 'heightPx' | 'bands' | 'dataType' | 'nodata'>,
  interleave: Pixels['interleave'],
): Pixels {
  const data = new dataTypes[dataType].array(widthPx * heightPx * bands.length);
  const pixels = { data, widthPx, heightPx, bandCount: bands.length, interleave };
  if (nodata === undefined) return pixels;
  data.fill(nodata as never);
  if (hasMask({ bands })) clearMask(pixels);
  return pixels;
}

/** The same samples with their bands as wanted. */
export function laidOut(pixels: Pixels, interleave: Pixels['interleave']): Pixels {
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

/**
 * The package that decodes WebP: libwebp as WebAssembly. It is an optional peer, loaded when a
 * block needs it.
 */
import { createRequire } from 'node:module';

export const WEBP_PACKAGE = '@cwasm/webp';

/** What is used of it. */
interface WebpDecoder {
  decode(block: Uint8Array): {
    readonly width: number;
    readonly height: number;
    readonly data: Uint8ClampedArray;
  };
}

const require = createRequire(import.meta.url);

/** Whether it is installed. */
export function hasWebp(): boolean {
  try {
    return require.resolve(WEBP_PACKAGE) !== '';
  } catch {
    return false;
  }
}

/** The samples of a picture, of so many of red, green, blue and alpha a pixel. */
export function decodeWebp(block: Uint8Array, samplesPerPixel: number): Uint8Array {
  const decoder = require(WEBP_PACKAGE) as WebpDecoder;
  const { width, height, data } = decoder.decode(block);
  const samples = new Uint8Array(width * height * samplesPerPixel);
  for (let pixel = 0; pixel < width * height; pixel += 1)
    for (let band = 0; band < samplesPerPixel; band += 1)
      samples[pixel * samplesPerPixel + band] = data[4 * pixel + band] as number;
  return samples;
}

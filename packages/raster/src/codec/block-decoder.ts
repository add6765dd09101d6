/** Decoders for blocks of TIFF files by their compression tag, kept open for the thread that reads. */
import type { Codec } from './codec.js';
import { compressions } from './compressions.js';
import { openLz4 } from './lz4.js';
import { openLzw } from './lzw.js';
import { openPackBits } from './packbits.js';
import { systemLibrary } from './system-library.js';
import { openZstd } from './zstd.js';

const open: Readonly<Record<number, () => Codec | undefined>> = {
  [compressions.lzw.tag]: openLzw,
  [compressions.packbits.tag]: openPackBits,
  // Only with the library: what there is else can be slower than geotiff.js.
  [compressions.zstd.tag]: () => (systemLibrary('libzstd') ? openZstd(1) : undefined),
  [compressions.lz4.tag]: () => openLz4(0),
};

const opened = new Map<number, Codec | undefined>();

/**
 * The decoder for a compression; `undefined` for those that are better left to others.
 *
 * @throws HoldfastError UNSUPPORTED_PLATFORM when nothing but a library that the system lacks can decode it
 */
export function blockDecoder(tag: number): Codec | undefined {
  if (!opened.has(tag)) opened.set(tag, open[tag]?.());
  return opened.get(tag);
}

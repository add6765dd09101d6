/** Decoders for blocks of TIFF files by their compression tag, kept open for the thread that reads. */
import type { DataType } from '../model.js';
import type { Codec } from './codec.js';
import { compressions } from './compressions.js';
import { openLerc } from './lerc.js';
import { openLz4 } from './lz4.js';
import { openLzw } from './lzw.js';
import { openPackBits } from './packbits.js';
import { systemLibrary } from './system-library.js';
import { openZstd } from './zstd.js';

const open: Readonly<Record<number, (dataType: DataType) => Codec | undefined>> = {
  [compressions.lzw.tag]: openLzw,
  [compressions.packbits.tag]: openPackBits,
  [compressions.lz4.tag]: () => openLz4(0),
  // Only with the library: without, geotiff.js has a decoder of its own.
  [compressions.zstd.tag]: () => (systemLibrary('libzstd') ? openZstd(1) : undefined),
  // geotiff.js's keeps no more than 24 bits of an integer.
  [compressions.lerc.tag]: (dataType) =>
    systemLibrary('libLerc') ? openLerc(0, dataType) : undefined,
};

const opened = new Map<string, Codec | undefined>();

/**
 * The decoder for blocks of a compression and a sample type; `undefined` for those that are better left to others.
 *
 * @throws HoldfastError UNSUPPORTED_PLATFORM when nothing but a library that the system lacks can decode them
 */
export function blockDecoder(tag: number, dataType: DataType): Codec | undefined {
  const key = `${tag} ${dataType}`;
  if (!opened.has(key)) opened.set(key, open[tag]?.(dataType));
  return opened.get(key);
}

/**
 * Decoders for blocks of TIFF files by their compression tag, kept open for the thread that reads.
 */
import type { DataType } from '../model.js';
import type { Codec } from './codec.js';
import { compressions } from './compressions.js';
import { openLerc } from './lerc.js';
import { openLz4 } from './lz4.js';
import { openLzma } from './lzma.js';
import { openLzw } from './lzw.js';
import { openPackBits } from './packbits.js';
import { systemLibrary } from './system-library.js';
import { hasZstd, openZstd } from './zstd.js';

/** libtiff's `tiff.h`. */
const LZMA = 34925;

const open: Readonly<Record<number, (dataType: DataType) => Codec | undefined>> = {
  [compressions.lzw.tag]: openLzw,
  [compressions.packbits.tag]: openPackBits,
  [compressions.lz4.tag]: () => openLz4(0),
  [LZMA]: openLzma,
  // Where nothing here can do it, geotiff.js has decoders of its own.
  [compressions.zstd.tag]: () => (hasZstd() ? openZstd(1) : undefined),
  // geotiff.js's keeps no more than 24 bits of an integer.
  [compressions.lerc.tag]: (dataType) =>
    systemLibrary('libLerc') ? openLerc(0, dataType) : undefined,
};

/** What only a system library, or a newer Node, makes one of ours; else there is one of a guest. */
const needs: Readonly<Record<number, () => boolean>> = {
  [compressions.zstd.tag]: hasZstd,
  [compressions.lerc.tag]: () => systemLibrary('libLerc') !== undefined,
};

/**
 * Whether there is a decoder for blocks of a compression, or would be if the system had its
 * library.
 */
export function hasBlockDecoder(tag: number): boolean {
  return tag in open && (needs[tag]?.() ?? true);
}

const opened = new Map<string, Codec | undefined>();

/**
 * The decoder for blocks of a compression and a sample type; `undefined` for those that are better
 * left to others.
 *
 * @throws HoldfastError UNSUPPORTED_PLATFORM when nothing but a library that the system lacks can
 *   decode them
 */
export function blockDecoder(tag: number, dataType: DataType): Codec | undefined {
  const key = `${tag} ${dataType}`;
  if (!opened.has(key)) opened.set(key, open[tag]?.(dataType));
  return opened.get(key);
}

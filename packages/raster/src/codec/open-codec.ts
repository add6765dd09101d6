/** Opens the codec of a compression for the thread that calls it. */
import type { DataType } from '../model.js';
import { damagedBlock, type Codec } from './codec.js';
import type { Compression, CompressionName } from './compressions.js';
import { openDeflate } from './deflate.js';
import { openLerc } from './lerc.js';
import { openLz4 } from './lz4.js';
import { openLzw } from './lzw.js';
import { openPackBits } from './packbits.js';
import { openZstd } from './zstd.js';

const open: Readonly<Record<CompressionName, (by: Compression, dataType: DataType) => Codec>> = {
  none: openNone,
  deflate: ({ level }) => openDeflate(level),
  zstd: ({ level }) => openZstd(level),
  lzw: openLzw,
  packbits: openPackBits,
  lz4: ({ level }) => openLz4(level),
  lerc: ({ maxZError }, dataType) => openLerc(maxZError, dataType),
};

/**
 * Opens a codec.
 *
 * @throws HoldfastError UNSUPPORTED_PLATFORM when the compression needs a library that the system
 *   lacks
 */
export function openCodec(compression: Compression, dataType: DataType): Codec {
  return open[compression.name](compression, dataType);
}

function openNone(): Codec {
  return {
    boundBytes: (inputBytes) => inputBytes,
    compress(input, output) {
      output.set(input);
      return input.length;
    },
    decompress(input, output) {
      if (input.length !== output.length)
        throw damagedBlock('raw', 'its size is not that of its samples');
      output.set(input);
    },
    close() {},
  };
}

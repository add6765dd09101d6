/**
 * Zstandard (libtiff's compression 50000, one frame a block): libzstd where the system has it, else Node's own zlib, which
 * has Zstandard from 22.15 on.
 */
import * as zlib from 'node:zlib';
import { damagedBlock, type Codec } from './codec.js';
import { libraryMissing, systemLibrary, type Library } from './system-library.js';

type ZstdCall = (input: Uint8Array, options: object) => Uint8Array;

/** The two calls that @types/node 20 does not know. */
interface ZlibWithZstd {
  readonly zstdCompressSync?: ZstdCall;
  readonly zstdDecompressSync?: ZstdCall;
}

/** `ZSTD_c_compressionLevel` of zstd.h. */
const COMPRESSION_LEVEL = 100;

export function openZstd(level: number): Codec {
  const library = systemLibrary('libzstd');
  if (library) return openLibzstd(library, level);
  const { zstdCompressSync, zstdDecompressSync } = zlib as ZlibWithZstd;
  if (!zstdCompressSync || !zstdDecompressSync) {
    throw libraryMissing('zstd', 'libzstd', 'install it, use Node 22.15 or later, or use deflate.');
  }
  return {
    boundBytes: zstdBoundBytes,
    compress(input, output) {
      const bytes = zstdCompressSync(input, { params: { [COMPRESSION_LEVEL]: level } });
      output.set(bytes);
      return bytes.length;
    },
    decompress(input, output) {
      const bytes = decompressed(zstdDecompressSync, input, output.length);
      if (bytes.length !== output.length) throw damagedBlock('zstd', 'its size is wrong');
      output.set(bytes);
    },
    close() {},
  };
}

function decompressed(call: ZstdCall, input: Uint8Array, sizeBytes: number): Uint8Array {
  try {
    return call(input, { maxOutputLength: Math.max(1, sizeBytes) });
  } catch (error) {
    throw damagedBlock('zstd', String(error));
  }
}

function openLibzstd(library: Library, level: number): Codec {
  const calls = zstdCalls(library);
  let compressor: unknown;
  let decompressor: unknown;
  const checked = (result: number): number => {
    if (calls.isError(result)) throw damagedBlock('zstd', String(calls.errorName(result)));
    return result;
  };
  return {
    boundBytes: zstdBoundBytes,
    compress(input, output) {
      compressor ??= calls.createCompressor();
      return checked(
        calls.compress(compressor, output, output.length, input, input.length, level) as number,
      );
    },
    decompress(input, output) {
      decompressor ??= calls.createDecompressor();
      const size = checked(
        calls.decompress(decompressor, output, output.length, input, input.length) as number,
      );
      if (size !== output.length)
        throw damagedBlock('zstd', `${size} bytes instead of ${output.length}`);
    },
    close() {
      if (compressor) calls.freeCompressor(compressor);
      if (decompressor) calls.freeDecompressor(decompressor);
      compressor = decompressor = undefined;
    },
  };
}

type ZstdCalls = ReturnType<typeof declareZstd>;
const declared = new WeakMap<Library, ZstdCalls>();

function zstdCalls(library: Library): ZstdCalls {
  const calls = declared.get(library) ?? declareZstd(library);
  declared.set(library, calls);
  return calls;
}

/** The stable part of `zstd.h`. */
function declareZstd(library: Library) {
  return {
    createCompressor: library.func('void *ZSTD_createCCtx()'),
    freeCompressor: library.func('size_t ZSTD_freeCCtx(void *context)'),
    compress: library.func(
      'size_t ZSTD_compressCCtx(void *context, uint8_t *out, size_t room, const uint8_t *in, size_t size, int level)',
    ),
    createDecompressor: library.func('void *ZSTD_createDCtx()'),
    freeDecompressor: library.func('size_t ZSTD_freeDCtx(void *context)'),
    decompress: library.func(
      'size_t ZSTD_decompressDCtx(void *context, uint8_t *out, size_t room, const uint8_t *in, size_t size)',
    ),
    isError: library.func('unsigned int ZSTD_isError(size_t result)'),
    errorName: library.func('const char *ZSTD_getErrorName(size_t result)'),
  };
}

/** `ZSTD_COMPRESSBOUND` of zstd.h. */
function zstdBoundBytes(inputBytes: number): number {
  const small = inputBytes < 128 * 1024 ? (128 * 1024 - inputBytes) >>> 11 : 0;
  return inputBytes + Math.ceil(inputBytes / 256) + small + 16;
}

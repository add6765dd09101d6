/**
 * Zstandard (libtiff's compression 50000, one frame a block): libzstd where the system has it, else
 * Node's own zlib, which has Zstandard from 22.15 on.
 */
import * as zlib from 'node:zlib';
import { damagedBlock, type Codec } from './codec.js';
import { libraryMissing, systemLibrary, type Library } from './system-library.js';

type ZstdCall = (input: Uint8Array, options: object) => Uint8Array;

/** The two calls that @types/node 20 does not know. */
interface ZlibWithZstd {
  readonly zstdCompressSync?: ZstdCall | undefined;
  readonly zstdDecompressSync?: ZstdCall | undefined;
}

/** `ZSTD_c_compressionLevel` of zstd.h. */
const COMPRESSION_LEVEL = 100;

/** Whether something here can do it: a system library, or Node. */
export function hasZstd(): boolean {
  return systemLibrary('libzstd') !== undefined || 'zstdDecompressSync' in zlib;
}

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
      checkSize(zstdContentBytes(input), output.length);
      const bytes = decompressed(zstdDecompressSync, input, output.length);
      checkSize(bytes.length, output.length);
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
      checkContentSize(BigInt(calls.contentSize(input, input.length) as number), output.length);
      decompressor ??= calls.createDecompressor();
      const size = checked(
        calls.decompress(decompressor, output, output.length, input, input.length) as number,
      );
      checkSize(size, output.length);
    },
    close() {
      if (compressor) calls.freeCompressor(compressor);
      if (decompressor) calls.freeDecompressor(decompressor);
      compressor = decompressor = undefined;
    },
  };
}

/**
 * RFC 8878, 3.1.1: how a frame begins, how many bytes the number of its dictionary takes, and how
 * many its size does.
 */
const MAGIC = 0xfd2fb528;
const DICTIONARY_BYTES = [0, 1, 2, 4];
const SIZE_BYTES = [0, 2, 4, 8];

/**
 * What a frame says of its size; `undefined` when it says nothing. For decoders that do not ask.
 */
export function zstdContentBytes(frame: Uint8Array): number | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 5 || view.getUint32(0, true) !== MAGIC)
    throw damagedBlock('zstd', 'it does not begin as a frame');
  const descriptor = view.getUint8(4);
  const isSingle = (descriptor & 0x20) !== 0;
  const at = 5 + (isSingle ? 0 : 1) + (DICTIONARY_BYTES[descriptor & 3] as number);
  const sizeBytes = (SIZE_BYTES[descriptor >> 6] as number) || (isSingle ? 1 : 0);
  if (frame.length < at + sizeBytes)
    throw damagedBlock('zstd', `its header ends after ${frame.length} bytes`);
  switch (sizeBytes) {
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at, true) + 256;
    case 4:
      return view.getUint32(at, true);
    case 8:
      return Number(view.getBigUint64(at, true));
    default:
      return undefined;
  }
}

/**
 * `ZSTD_CONTENTSIZE_UNKNOWN` and `ZSTD_CONTENTSIZE_ERROR` of zstd.h: what a frame can say of its
 * size besides a number.
 */
const SIZE_UNKNOWN = 2n ** 64n - 1n;
const SIZE_ERROR = 2n ** 64n - 2n;

/** A frame that says its size is not begun with when that is another. */
function checkContentSize(promised: bigint, sizeBytes: number): void {
  if (promised === SIZE_ERROR) throw damagedBlock('zstd', 'it does not begin as a frame');
  checkSize(promised === SIZE_UNKNOWN ? undefined : promised, sizeBytes);
}

function checkSize(size: number | bigint | undefined, expected: number): void {
  if (size !== undefined && BigInt(size) !== BigInt(expected))
    throw damagedBlock('zstd', `${size} bytes instead of ${expected}`);
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
    contentSize: library.func(
      'unsigned long long ZSTD_getFrameContentSize(const uint8_t *in, size_t size)',
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

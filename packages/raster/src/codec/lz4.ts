/**
 * LZ4, one frame a block, by the system's liblz4. TIFF has no registered tag for it: xarray-spatial
 * reads it, GDAL and geotiff.js do not.
 */
import { damagedBlock, type Codec } from './codec.js';
import { libraryMissing, systemLibrary, type Library } from './system-library.js';

const FRAME_VERSION = 100;
/** `LZ4F_preferences_t` of lz4frame.h, all zero but for the size of the content and the level. */
const PREFERENCES_BYTES = 56;
/** `LZ4F_frameInfo_t`, with which the preferences begin. */
const FRAME_INFO_BYTES = 32;
const CONTENT_SIZE_AT = 16;
const SIZE_UNKNOWN = 0n;
const LEVEL_AT = 32;

export function openLz4(level: number): Codec {
  const library = systemLibrary('liblz4');
  if (!library) throw libraryMissing('lz4', 'liblz4', 'install it, or use zstd or deflate.');
  const calls = lz4Calls(library);
  const preferences = new Uint8Array(PREFERENCES_BYTES);
  const preferencesView = new DataView(preferences.buffer);
  preferencesView.setInt32(LEVEL_AT, level, true);
  return {
    // The frame's header, end mark and block sizes, on blocks that are stored if they do not
    // shrink, and LZ4's own bound.
    boundBytes: (inputBytes) => inputBytes + Math.ceil(inputBytes / 255) + 64 * 1024 + 128,
    compress(input, output) {
      preferencesView.setBigUint64(CONTENT_SIZE_AT, BigInt(input.length), true);
      const size = calls.compress(
        output,
        output.length,
        input,
        input.length,
        preferences,
      ) as number;
      if (calls.isError(size)) throw new Error(`liblz4: ${String(calls.errorName(size))}`);
      return size;
    },
    decompress(input, output) {
      const context: [unknown] = [null];
      const made = calls.createDecompressor(context, FRAME_VERSION) as number;
      if (calls.isError(made)) throw new Error(`liblz4: ${String(calls.errorName(made))}`);
      try {
        decodeFrame(calls, context[0], input, output);
      } finally {
        calls.freeDecompressor(context[0]);
      }
    },
    close() {},
  };
}

/** A frame that says its size is not begun with when that is another. */
function decodeFrame(
  calls: Lz4Calls,
  context: unknown,
  input: Uint8Array,
  output: Uint8Array,
): void {
  const checked = (result: number): number => {
    if (calls.isError(result)) throw damagedBlock('lz4', String(calls.errorName(result)));
    return result;
  };
  const info = new Uint8Array(FRAME_INFO_BYTES);
  const headerBytes = [input.length];
  checked(calls.frameInfo(context, info, input, headerBytes) as number);
  const promised = new DataView(info.buffer).getBigUint64(CONTENT_SIZE_AT, true);
  if (promised !== SIZE_UNKNOWN && promised !== BigInt(output.length))
    throw damagedBlock('lz4', `${promised} bytes instead of ${output.length}`);
  const blocks = input.subarray(headerBytes[0]);
  const outputSize = [output.length];
  const rest = checked(
    calls.decompress(context, output, outputSize, blocks, [blocks.length], null) as number,
  );
  if (rest !== 0 || outputSize[0] !== output.length)
    throw damagedBlock('lz4', `it is not ${output.length} bytes`);
}

type Lz4Calls = ReturnType<typeof declareLz4>;
const declared = new WeakMap<Library, Lz4Calls>();

function lz4Calls(library: Library): Lz4Calls {
  const calls = declared.get(library) ?? declareLz4(library);
  declared.set(library, calls);
  return calls;
}

/** The stable part of `lz4frame.h`. */
function declareLz4(library: Library) {
  return {
    compress: library.func(
      'size_t LZ4F_compressFrame(uint8_t *out, size_t room, const uint8_t *in, size_t size, const uint8_t *preferences)',
    ),
    createDecompressor: library.func(
      'size_t LZ4F_createDecompressionContext(_Out_ void **context, unsigned int version)',
    ),
    freeDecompressor: library.func('size_t LZ4F_freeDecompressionContext(void *context)'),
    frameInfo: library.func(
      'size_t LZ4F_getFrameInfo(void *context, uint8_t *info, const uint8_t *in, _Inout_ size_t *inSize)',
    ),
    decompress: library.func(
      'size_t LZ4F_decompress(void *context, uint8_t *out, _Inout_ size_t *outSize, const uint8_t *in, _Inout_ size_t *inSize, const void *options)',
    ),
    isError: library.func('unsigned int LZ4F_isError(size_t result)'),
    errorName: library.func('const char *LZ4F_getErrorName(size_t result)'),
  };
}

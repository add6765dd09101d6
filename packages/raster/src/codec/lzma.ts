/**
 * LZMA (libtiff's compression 34925, an .xz stream a block) by the system's liblzma, which is told
 * how many bytes there are to read and to write, and how much memory a stream may ask for. Read
 * only: tiles have better ways to be compressed.
 */
import { damagedBlock, type Codec } from './codec.js';
import { libraryMissing, systemLibrary, type Library } from './system-library.js';

/** `LZMA_OK` of `lzma/base.h`. */
const OK = 0;
/** The largest preset of xz, which asks for 65 MiB, four times. */
const MOST_MEMORY_BYTES = 256 * 1024 * 1024;

/** Whether something here can do it. */
export function hasLzma(): boolean {
  return systemLibrary('liblzma') !== undefined;
}

export function openLzma(): Codec {
  const library = systemLibrary('liblzma');
  if (!library) throw libraryMissing('lzma', 'liblzma', 'install it, or compress the file anew.');
  const calls = lzmaCalls(library);
  return {
    boundBytes: () => 0,
    compress() {
      throw new TypeError('LZMA is only read');
    },
    decompress(input, output) {
      const outputBytes = [0];
      const status = calls.decode(
        [MOST_MEMORY_BYTES],
        0,
        null,
        input,
        [0],
        input.length,
        output,
        outputBytes,
        output.length,
      ) as number;
      // Also where there is more in it than room: that is told like an end that is missing.
      if (status !== OK) throw damagedBlock('lzma', `status ${status}`);
      if (outputBytes[0] !== output.length)
        throw damagedBlock('lzma', `${outputBytes[0]} bytes instead of ${output.length}`);
    },
    close() {},
  };
}

type LzmaCalls = ReturnType<typeof declareLzma>;
const declared = new WeakMap<Library, LzmaCalls>();

function lzmaCalls(library: Library): LzmaCalls {
  const calls = declared.get(library) ?? declareLzma(library);
  declared.set(library, calls);
  return calls;
}

/** `lzma/container.h` of xz 5. */
function declareLzma(library: Library) {
  return {
    decode: library.func(
      'int lzma_stream_buffer_decode(_Inout_ uint64_t *memory, uint32_t flags, const void *allocator, const uint8_t *in, _Inout_ size_t *inPosition, size_t inSize, uint8_t *out, _Inout_ size_t *outPosition, size_t outSize)',
    ),
  };
}

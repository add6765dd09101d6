/**
 * LERC (Limited Error Raster Compression, libtiff's compression 34887) by the system's libLerc:
 * samples are kept to within a given error, 0 for exactly. Written one band at a time; `NaN`
 * samples are told apart by LERC's mask of valid pixels, as libtiff does.
 *
 * libLerc is told sizes in pixels and types, never in bytes: it reads and writes as many bytes as
 * these come to. So the buffers are measured against them first, and a block is asked what it holds
 * before it is decoded.
 */
import { types } from 'node:util';
import { dataTypes, type DataType } from '../model.js';
import { checkSampleBytes, damagedBlock, type BlockShape, type Codec } from './codec.js';
import type { LercInfo } from './lerc-header.js';
import { libraryMissing, systemLibrary, type Library } from './system-library.js';

/** `Lerc_c_api.h`: the numbers of the sample types; there are none for 64-bit integers. */
const lercTypes: Partial<Record<DataType, number>> = {
  int8: 0,
  uint8: 1,
  int16: 2,
  uint16: 3,
  int32: 4,
  uint32: 5,
  float32: 6,
  float64: 7,
};
/** The format of Lerc 2.4, which libtiff writes and which every decoder reads. */
const FORMAT_VERSION = 4;

export function openLerc(maxZError: number, dataType: DataType): Codec {
  const library = systemLibrary('libLerc');
  if (!library) throw libraryMissing('lerc', 'libLerc', 'install it, or use zstd or deflate.');
  const calls = lercCalls(library);
  const type = lercTypes[dataType];
  if (type === undefined) throw new TypeError(`LERC cannot hold ${dataType}`);
  return {
    // LERC stores blocks that do not shrink: the samples, a mask, and headers of blocks of at least
    // 8 x 8.
    boundBytes: (inputBytes) => inputBytes + Math.ceil(inputBytes / 4) + 4096,
    compress(input, output, shape) {
      const { widthPx, heightPx } = checkShape(shape);
      checkSampleBytes('lerc', input, shape, dataTypes[dataType].bytes);
      const mask = validMask(input, dataType);
      const size = [0];
      const status = calls.encode(
        input,
        FORMAT_VERSION,
        type,
        1,
        widthPx,
        heightPx,
        1,
        mask ? 1 : 0,
        mask ?? null,
        maxZError,
        output,
        output.length,
        size,
      ) as number;
      if (status !== 0) throw new Error(`libLerc refused to encode a block: status ${status}`);
      return size[0] ?? 0;
    },
    decompress(input, output, shape) {
      const { widthPx, heightPx, samplesPerPixel } = shape;
      checkSampleBytes('lerc', output, shape, dataTypes[dataType].bytes);
      const info = blobInfo(calls, input);
      checkLercInfo(info, shape, dataType, input.length);
      const mask = info.masks > 0 ? new Uint8Array(widthPx * heightPx) : undefined;
      const status = calls.decode(
        input,
        input.length,
        mask ? 1 : 0,
        mask ?? null,
        samplesPerPixel,
        widthPx,
        heightPx,
        1,
        type,
        output,
      ) as number;
      if (status !== 0) throw damagedBlock('lerc', `status ${status}`);
      if (mask) fillInvalid(output, dataType, mask, samplesPerPixel);
    },
    close() {},
  };
}

const INFO_NUMBERS = 9;
const SIZE_AND_MASKS = 7;
const RANGE_NUMBERS = 3;

/**
 * The numbers of a block, which `lerc_getBlobInfo` gives in the order of `InfoArrOrder`
 * (`Lerc_types.h`).
 */
function blobInfo(calls: LercCalls, input: Uint8Array): LercInfo & { readonly masks: number } {
  const info = new Uint32Array(INFO_NUMBERS);
  const ranges = new Float64Array(RANGE_NUMBERS);
  const status = calls.info(input, input.length, info, ranges, INFO_NUMBERS, RANGE_NUMBERS);
  if (status !== 0) throw damagedBlock('lerc', `status ${String(status)} of its header`);
  const [, type = 0, depth = 0, columns = 0, rows = 0, bands = 0] = info;
  const [sizeBytes = 0, masks = 0] = info.subarray(SIZE_AND_MASKS);
  return { type, depth, columns, rows, bands, sizeBytes, masks };
}

/** Refuses a block that would be decoded into other samples than there is room for. */
export function checkLercInfo(
  info: LercInfo,
  shape: BlockShape,
  dataType: DataType,
  inputBytes: number,
): void {
  const type = lercTypes[dataType];
  const { widthPx, heightPx, samplesPerPixel } = shape;
  const expected = { type, depth: samplesPerPixel, columns: widthPx, rows: heightPx, bands: 1 };
  for (const [name, value] of Object.entries(expected)) {
    const found = info[name as keyof typeof expected];
    if (found !== value) throw damagedBlock('lerc', `${name} ${found} instead of ${value}`);
  }
  if (info.sizeBytes > inputBytes) throw damagedBlock('lerc', 'it ends too early');
}

/** The mask of valid pixels cannot tell bands apart. */
function checkShape(shape: BlockShape): BlockShape {
  if (shape.samplesPerPixel !== 1) throw new RangeError('LERC takes one band at a time');
  return shape;
}

/** A byte a pixel, 0 where it is `NaN`; nothing when no pixel is. */
function validMask(input: Uint8Array, dataType: DataType): Uint8Array | undefined {
  const samples = floatSamples(input, dataType);
  if (!samples) return undefined;
  const mask = Uint8Array.from(samples, (value) => (Number.isNaN(value) ? 0 : 1));
  return mask.includes(0) ? mask : undefined;
}

function fillInvalid(
  output: Uint8Array,
  dataType: DataType,
  mask: Uint8Array,
  samplesPerPixel: number,
): void {
  const samples = floatSamples(output, dataType);
  if (!samples) return;
  for (let pixel = 0; pixel < mask.length; pixel += 1) {
    const first = pixel * samplesPerPixel;
    if (mask[pixel] === 0) samples.fill(Number.NaN, first, first + samplesPerPixel);
  }
}

function floatSamples(
  bytes: Uint8Array,
  dataType: DataType,
): Float32Array | Float64Array | undefined {
  const { array: Samples, bytes: width } = dataTypes[dataType];
  const samples = new Samples(bytes.buffer, bytes.byteOffset, bytes.length / width);
  return types.isFloat32Array(samples) || types.isFloat64Array(samples) ? samples : undefined;
}

type LercCalls = ReturnType<typeof declareLerc>;
const declared = new WeakMap<Library, LercCalls>();

function lercCalls(library: Library): LercCalls {
  const calls = declared.get(library) ?? declareLerc(library);
  declared.set(library, calls);
  return calls;
}

/** `Lerc_c_api.h` of Lerc 3 and 4. */
function declareLerc(library: Library) {
  return {
    encode: library.func(
      'unsigned int lerc_encodeForVersion(const void *data, int version, unsigned int type, int depth, int columns, int rows, int bands, int masks, const uint8_t *valid, double maxZError, uint8_t *out, unsigned int room, _Out_ unsigned int *size)',
    ),
    info: library.func(
      'unsigned int lerc_getBlobInfo(const uint8_t *blob, unsigned int size, uint32_t *info, double *ranges, int infoNumbers, int rangeNumbers)',
    ),
    decode: library.func(
      'unsigned int lerc_decode(const uint8_t *blob, unsigned int size, int masks, uint8_t *valid, int depth, int columns, int rows, int bands, unsigned int type, void *data)',
    ),
  };
}

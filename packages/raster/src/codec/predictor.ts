/**
 * TIFF predictors (TIFF 6.0, section 14; Adobe TIFF Technical Note 3 for floating point), a row at a time: done while a
 * row is copied into its block, undone in place. Rows are independent of each other.
 *
 * The samples of a row are looked at as unsigned words of their width, whatever they mean: differences wrap around, and
 * floating point is taken apart into bytes. Words of 8 bytes are pairs of 4-byte words, low one first, since BigInt
 * arithmetic is some fifty times as slow. Words are little-endian, as the machine and the file both are.
 */

/** Samples as words: `Uint8Array`, `Uint16Array` or `Uint32Array`; 64-bit samples are two words of 4 bytes. */
export type Words = Uint8Array | Uint16Array | Uint32Array;

/** The bytes of a sample. */
export type SampleBytes = 1 | 2 | 4 | 8;

/** Looks at the bytes of samples as words; the bytes must be aligned to the word. */
export function wordsOf(bytes: ArrayBufferView, sampleBytes: SampleBytes): Words {
  const { buffer, byteOffset, byteLength } = bytes;
  if (sampleBytes === 1) return new Uint8Array(buffer, byteOffset, byteLength);
  if (sampleBytes === 2) return new Uint16Array(buffer, byteOffset, byteLength / 2);
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}

/** How many words a sample has. */
export function wordsPerSample(sampleBytes: SampleBytes): 1 | 2 {
  return sampleBytes === 8 ? 2 : 1;
}

/**
 * Copies one row from `source` to `target` with its predictor applied.
 *
 * @param sampleCount - samples in the row: pixels times samples per pixel
 * @param stride - samples per pixel: a sample is predicted from the same band of the pixel to its left
 */
export type PredictRow = (
  source: Words,
  sourceStart: number,
  target: Words,
  targetStart: number,
  sampleCount: number,
  stride: number,
) => void;

/** The row function of a predictor for samples of a width. */
export function predictRowOf(predictor: 1 | 2 | 3, sampleBytes: SampleBytes): PredictRow {
  if (predictor === 2) return sampleBytes === 8 ? differences64 : differences;
  if (predictor === 3) return sampleBytes === 8 ? floatingPoint64 : floatingPoint32;
  return sampleBytes === 8 ? copy64 : copy;
}

/** Undoes a predictor in place in one row of `words`. */
export type UnpredictRow = (
  words: Words,
  start: number,
  sampleCount: number,
  stride: number,
) => void;

/** The function that undoes a predictor for samples of a width. */
export function unpredictRowOf(predictor: 1 | 2 | 3, sampleBytes: SampleBytes): UnpredictRow {
  if (predictor === 2) return sampleBytes === 8 ? sums64 : sums;
  if (predictor === 3) {
    return (words, start, sampleCount, stride) =>
      undoFloatingPoint(words, start, sampleCount, stride, sampleBytes);
  }
  return () => undefined;
}

const copy: PredictRow = (source, sourceStart, target, targetStart, sampleCount) => {
  target.set(source.subarray(sourceStart, sourceStart + sampleCount), targetStart);
};

const copy64: PredictRow = (source, sourceStart, target, targetStart, sampleCount) => {
  target.set(source.subarray(sourceStart, sourceStart + 2 * sampleCount), targetStart);
};

const differences: PredictRow = (source, from, target, to, sampleCount, stride) => {
  for (let i = 0; i < stride; i += 1) target[to + i] = source[from + i]!;
  for (let i = stride; i < sampleCount; i += 1) {
    // The store into a typed array takes the difference modulo the word.
    target[to + i] = source[from + i]! - source[from + i - stride]!;
  }
};

const differences64: PredictRow = (source, from, target, to, sampleCount, stride) => {
  for (let i = 0; i < 2 * stride; i += 1) target[to + i] = source[from + i]!;
  for (let i = 2 * stride; i < 2 * sampleCount; i += 2) {
    const low = source[from + i]!;
    const lowBefore = source[from + i - 2 * stride]!;
    const borrow = low < lowBefore ? 1 : 0;
    target[to + i] = low - lowBefore;
    target[to + i + 1] = source[from + i + 1]! - source[from + i + 1 - 2 * stride]! - borrow;
  }
};

const sums: UnpredictRow = (words, start, sampleCount, stride) => {
  for (let i = start + stride; i < start + sampleCount; i += 1) {
    words[i] = words[i]! + words[i - stride]!;
  }
};

const sums64: UnpredictRow = (words, start, sampleCount, stride) => {
  for (let i = start + 2 * stride; i < start + 2 * sampleCount; i += 2) {
    const low = words[i]! + words[i - 2 * stride]!;
    const carry = low > 0xffffffff ? 1 : 0;
    words[i] = low;
    words[i + 1] = words[i + 1]! + words[i + 1 - 2 * stride]! + carry;
  }
};

/*
 * Floating point: the bytes of a row are sorted into planes, the most significant of all samples first, and then
 * each byte is replaced by its difference to the one `stride` before it, across the borders of the planes.
 */

const floatingPoint32: PredictRow = (source, from, target, to, sampleCount, stride) => {
  const bytes = bytesOf(target, to, sampleCount, 4);
  if (stride === 1) planes32(source, from, bytes, sampleCount);
  else {
    splitIntoPlanes(bytesOf(source, from, sampleCount, 4), bytes, 4);
    byteDifferences(bytes, stride);
  }
};

const floatingPoint64: PredictRow = (source, from, target, to, sampleCount, stride) => {
  const bytes = bytesOf(target, to, sampleCount, 8);
  splitIntoPlanes(bytesOf(source, from, sampleCount, 8), bytes, 8);
  byteDifferences(bytes, stride);
};

/** The common case in one pass: each plane starts from the last byte of the plane before it. */
function planes32(source: Words, from: number, bytes: Uint8Array, count: number): void {
  // Every byte one place down: a plane starts from the plane above it, the top one from nothing.
  let before = source[from + count - 1]! >>> 8;
  for (let i = 0; i < count; i += 1) {
    const value = source[from + i]! | 0;
    bytes[i] = (value >>> 24) - (before >>> 24);
    bytes[count + i] = (value >>> 16) - (before >>> 16);
    bytes[2 * count + i] = (value >>> 8) - (before >>> 8);
    bytes[3 * count + i] = value - before;
    before = value;
  }
}

function splitIntoPlanes(source: Uint8Array, target: Uint8Array, sampleBytes: number): void {
  const count = source.length / sampleBytes;
  for (let byte = 0; byte < sampleBytes; byte += 1) {
    const plane = (sampleBytes - 1 - byte) * count;
    for (let i = 0; i < count; i += 1) target[plane + i] = source[i * sampleBytes + byte]!;
  }
}

function byteDifferences(bytes: Uint8Array, stride: number): void {
  for (let i = bytes.length - 1; i >= stride; i -= 1) bytes[i] = bytes[i]! - bytes[i - stride]!;
}

function undoFloatingPoint(
  words: Words,
  start: number,
  sampleCount: number,
  stride: number,
  sampleBytes: SampleBytes,
): void {
  const bytes = bytesOf(words, start, sampleCount, sampleBytes);
  for (let i = stride; i < bytes.length; i += 1) bytes[i] = bytes[i]! + bytes[i - stride]!;
  const planes = bytes.slice();
  for (let byte = 0; byte < sampleBytes; byte += 1) {
    const plane = (sampleBytes - 1 - byte) * sampleCount;
    for (let i = 0; i < sampleCount; i += 1) bytes[i * sampleBytes + byte] = planes[plane + i]!;
  }
}

function bytesOf(
  words: Words,
  start: number,
  sampleCount: number,
  sampleBytes: number,
): Uint8Array {
  const offset = words.byteOffset + start * words.BYTES_PER_ELEMENT;
  return new Uint8Array(words.buffer, offset, sampleCount * sampleBytes);
}

/**
 * TIFF predictors (TIFF 6.0, section 14; Adobe TIFF Technical Note 3 for floating point), a row at
 * a time: done while a row is copied into its block, undone in place. Rows are independent of each
 * other.
 *
 * The samples of a row are looked at as unsigned words of their width, whatever they mean:
 * differences wrap around, and floating point is taken apart into bytes. Words of 8 bytes are pairs
 * of 4-byte words, low one first, since BigInt arithmetic is some fifty times as slow. Words are
 * little-endian, as the machine and the file both are.
 */

/**
 * Samples as words: `Uint8Array`, `Uint16Array` or `Uint32Array`; 64-bit samples are two words of 4
 * bytes.
 */
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

/** Where the words of a row begin. */
export interface Row {
  readonly words: Words;
  readonly start: number;
}

/**
 * Copies one row from `source` to `target` with its predictor applied.
 *
 * @param sampleCount - samples in the row: pixels times samples per pixel
 * @param stride - samples per pixel: a sample is predicted from the same band of the pixel to its
 *   left
 */
export type PredictRow = (source: Row, target: Row, sampleCount: number, stride: number) => void;

/** The row function of a predictor for samples of a width. */
export function predictRowOf(predictor: 1 | 2 | 3, sampleBytes: SampleBytes): PredictRow {
  if (predictor === 2) return sampleBytes === 8 ? differences64 : differences;
  if (predictor === 3) return sampleBytes === 8 ? floatingPoint64 : floatingPoint32;
  return sampleBytes === 8 ? copy64 : copy;
}

/** How samples lie in rows. */
export interface RowLayout {
  readonly sampleBytes: SampleBytes;
  readonly rowCount: number;
  /** Samples in each row. */
  readonly sampleCount: number;
  /** Samples per pixel. */
  readonly stride: number;
}

/** Undoes a predictor in place. */
export function unpredict(predictor: 2 | 3, words: Words, layout: RowLayout): void {
  if (predictor === 3) {
    undoFloatingPoint(words, layout);
    return;
  }
  const { sampleBytes, rowCount, sampleCount, stride } = layout;
  const addRow = sampleBytes === 8 ? addRow64 : addRow32;
  const rowWords = sampleCount * wordsPerSample(sampleBytes);
  for (let row = 0; row < rowCount; row += 1) addRow(words, row * rowWords, sampleCount, stride);
}

/** Adds up one row of `words` in place. */
type AddRow = (words: Words, start: number, sampleCount: number, stride: number) => void;

const copy: PredictRow = (source, target, sampleCount) => {
  const { words, start } = source;
  target.words.set(words.subarray(start, start + sampleCount), target.start);
};

const copy64: PredictRow = (source, target, sampleCount) =>
  copy(source, target, 2 * sampleCount, 1);

const differences: PredictRow = (sourceRow, targetRow, sampleCount, stride) => {
  const { words: source, start: from } = sourceRow;
  const { words: target, start: to } = targetRow;
  for (let i = 0; i < stride; i += 1) target[to + i] = source[from + i]!;
  for (let i = stride; i < sampleCount; i += 1) {
    // The store into a typed array takes the difference modulo the word.
    target[to + i] = source[from + i]! - source[from + i - stride]!;
  }
};

const differences64: PredictRow = (sourceRow, targetRow, sampleCount, stride) => {
  const { words: source, start: from } = sourceRow;
  const { words: target, start: to } = targetRow;
  for (let i = 0; i < 2 * stride; i += 1) target[to + i] = source[from + i]!;
  for (let i = 2 * stride; i < 2 * sampleCount; i += 2) {
    const low = source[from + i]!;
    const lowBefore = source[from + i - 2 * stride]!;
    const borrow = low < lowBefore ? 1 : 0;
    target[to + i] = low - lowBefore;
    target[to + i + 1] = source[from + i + 1]! - source[from + i + 1 - 2 * stride]! - borrow;
  }
};

const addRow32: AddRow = (words, start, sampleCount, stride) => {
  for (let i = start + stride; i < start + sampleCount; i += 1) {
    words[i] = words[i]! + words[i - stride]!;
  }
};

const addRow64: AddRow = (words, start, sampleCount, stride) => {
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

const floatingPoint32: PredictRow = (source, target, sampleCount, stride) => {
  const bytes = bytesOf(target, sampleCount, 4);
  if (stride === 1) planes32(source, bytes, sampleCount);
  else {
    splitIntoPlanes(bytesOf(source, sampleCount, 4), bytes, 4);
    byteDifferences(bytes, stride);
  }
};

const floatingPoint64: PredictRow = (source, target, sampleCount, stride) => {
  const bytes = bytesOf(target, sampleCount, 8);
  splitIntoPlanes(bytesOf(source, sampleCount, 8), bytes, 8);
  byteDifferences(bytes, stride);
};

/** The common case in one pass: each plane starts from the last byte of the plane before it. */
function planes32({ words: source, start: from }: Row, bytes: Uint8Array, count: number): void {
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

/**
 * What rows were before their planes were put together, grown to the largest: as words, and as
 * their bytes.
 */
let planeWords = new Uint32Array(0);
let planeBytes = new Uint8Array(0);
/** Rows that are put together at one time have no more, or are a single one. */
const PLANES_AT_ONCE_BYTES = 256 * 1024;

function undoFloatingPoint(words: Words, layout: RowLayout): void {
  const { sampleBytes, rowCount, sampleCount, stride } = layout;
  const rowBytes = sampleCount * sampleBytes;
  const bytes = bytesOf({ words, start: 0 }, rowCount * sampleCount, sampleBytes);
  const rowsAtOnce = Math.max(1, Math.floor(PLANES_AT_ONCE_BYTES / rowBytes));
  for (let first = 0; first < rowCount; first += rowsAtOnce) {
    const end = Math.min(rowCount, first + rowsAtOnce);
    keepPlanes(bytes.subarray(first * rowBytes, end * rowBytes));
    for (let row = first; row < end; row += 1) {
      const from = (row - first) * rowBytes;
      if (sampleBytes === 4 && stride === 1)
        joinPlanes32(from, words as Uint32Array, row * sampleCount, sampleCount);
      else joinPlanes(from, bytes.subarray(row * rowBytes, (row + 1) * rowBytes), layout);
    }
  }
}

function keepPlanes(bytes: Uint8Array): void {
  if (planeBytes.length < bytes.length) {
    planeWords = new Uint32Array(Math.ceil(bytes.length / 4));
    planeBytes = new Uint8Array(planeWords.buffer);
  }
  planeBytes.set(bytes);
}

function joinPlanes(
  from: number,
  target: Uint8Array,
  { sampleBytes, sampleCount, stride }: RowLayout,
): void {
  const planes = planeBytes;
  const end = from + sampleCount * sampleBytes;
  for (let i = from + stride; i < end; i += 1) planes[i] = planes[i]! + planes[i - stride]!;
  for (let byte = 0; byte < sampleBytes; byte += 1) {
    const plane = from + (sampleBytes - 1 - byte) * sampleCount;
    for (let i = 0; i < sampleCount; i += 1) target[i * sampleBytes + byte] = planes[plane + i]!;
  }
}

/**
 * The common case in one pass over all four planes side by side: each begins with the sum of those
 * above it.
 */
function joinPlanes32(from: number, target: Uint32Array, to: number, count: number): void {
  const planes = planeBytes;
  const second = from + count;
  const third = second + count;
  const fourth = third + count;
  const firstSum = sumOfPlane(from, count);
  const secondSum = firstSum + sumOfPlane(second, count);
  const thirdSum = secondSum + sumOfPlane(third, count);
  // Two sums in one number, with room for a carry between them.
  let upper = secondSum & 0xff;
  let lower = ((firstSum & 0xff) << 16) | (thirdSum & 0xff);
  for (let i = 0; i < count; i += 1) {
    upper = (upper + ((planes[from + i]! << 16) | planes[third + i]!)) & 0xff00ff;
    lower = (lower + ((planes[second + i]! << 16) | planes[fourth + i]!)) & 0xff00ff;
    target[to + i] = (upper << 8) | lower;
  }
}

/** Words whose bytes are added before their sums could pass 16 bits. */
const WORDS_AT_ONCE = 64;

/** Four bytes at a time, where they are whole words. */
function sumOfPlane(from: number, count: number): number {
  let sum = 0;
  if (from % 4 !== 0 || count % 4 !== 0) {
    for (let i = from; i < from + count; i += 1) sum += planeBytes[i]!;
    return sum;
  }
  const words = planeWords;
  const end = (from + count) / 4;
  for (let i = from / 4; i < end;) {
    let pairs = 0;
    for (const most = Math.min(end, i + WORDS_AT_ONCE); i < most; i += 1) {
      const word = words[i]!;
      pairs = (pairs + (word & 0xff00ff) + ((word >>> 8) & 0xff00ff)) | 0;
    }
    sum += (pairs & 0xffff) + (pairs >>> 16);
  }
  return sum;
}

function bytesOf({ words, start }: Row, sampleCount: number, sampleBytes: number): Uint8Array {
  const offset = words.byteOffset + start * words.BYTES_PER_ELEMENT;
  return new Uint8Array(words.buffer, offset, sampleCount * sampleBytes);
}

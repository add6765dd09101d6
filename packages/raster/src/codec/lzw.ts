/**
 * LZW as TIFF has it (TIFF 6.0, section 13): codes of 9 to 12 bits, most significant bit first, each block begun by a
 * clear code and ended by an end code. The width grows one code early: when the next code would be 512, 1024 or 2048;
 * the table is cleared when it would be 4094.
 */
import { damagedBlock, type Codec } from './codec.js';

const CLEAR = 256;
const END = 257;
const FIRST_FREE = 258;
const LAST_FREE = 4094;
const MIN_WIDTH = 9;
const MAX_WIDTH = 12;

/** A table of at most 3,836 strings, a quarter full at most: longer searches cost more than the cache it takes. */
const HASH_BITS = 14;
const HASH_MASK = (1 << HASH_BITS) - 1;
/** An entry without a string. */
const FREE = -1;
/** 2^32 divided by the golden ratio (Knuth, volume 3, section 6.4). */
const HASH_FACTOR = 0x9e3779b1;

export function openLzw(): Codec {
  const table = new Int32Array(1 << HASH_BITS);
  const starts = new Uint32Array(1 << MAX_WIDTH);
  const lengths = new Uint32Array(1 << MAX_WIDTH);
  return {
    // At worst each byte is a code of 12 bits, with a clear code for every 3,836 of them.
    boundBytes: (inputBytes) => Math.ceil(inputBytes * 1.501) + 16,
    compress: (input, output) => compress(input, output, table),
    decompress: (input, output) => decompress(input, output, starts, lengths),
    close() {},
  };
}

/**
 * An entry of the table holds a string's prefix code (12 bits), its last byte (8) and its own code (12). No string has
 * the prefix that a free entry seems to have, so one comparison finds a string. It is one loop with its state in local
 * variables, since this is where the time goes.
 */
function compress(input: Uint8Array, output: Uint8Array, table: Int32Array): number {
  let width = MIN_WIDTH;
  let next = FIRST_FREE;
  let growAt = 1 << width;
  // A block starts with the clear code, whose last bit waits for the first string.
  output[0] = CLEAR >>> 1;
  let out = 1;
  let bits = CLEAR;
  let bitCount = MIN_WIDTH - 8;
  table.fill(FREE);
  let prefix = input[0]!;
  for (let i = 1; i < input.length; i += 1) {
    const byte = input[i]!;
    const key = (prefix << 8) | byte;
    let slot = Math.imul(key, HASH_FACTOR) >>> (32 - HASH_BITS);
    let entry = table[slot]!;
    while (entry >>> 12 !== key && entry !== FREE) {
      slot = (slot + 1) & HASH_MASK;
      entry = table[slot]!;
    }
    if (entry !== FREE) {
      prefix = entry & 0xfff;
      continue;
    }
    // A code of 9 bits or more fills one byte, and with what waited perhaps a second one. That is written in any case
    // and only then counted or not, since a branch here would be guessed wrong every other time.
    bits = (bits << width) | prefix;
    bitCount += width - 8;
    output[out] = bits >>> bitCount;
    output[out + 1] = bits >>> (bitCount - 8);
    const second = bitCount >>> 3;
    out += 1 + second;
    bitCount -= second << 3;
    table[slot] = (key << 12) | next;
    next += 1;
    prefix = byte;
    if (next === growAt) {
      width += 1;
      growAt <<= 1;
    } else if (next === LAST_FREE) {
      bits = (bits << width) | CLEAR;
      bitCount += width;
      for (; bitCount >= 8; out += 1) {
        bitCount -= 8;
        output[out] = bits >>> bitCount;
      }
      table.fill(FREE);
      next = FIRST_FREE;
      width = MIN_WIDTH;
      growAt = 1 << width;
    }
  }
  return finish(output, out, bits, bitCount, width, prefix, next);
}

/** The last string, the end code, and zeros up to a whole byte. */
function finish(
  output: Uint8Array,
  start: number,
  bits: number,
  bitCount: number,
  width: number,
  prefix: number,
  next: number,
): number {
  let out = start;
  let pending = bits;
  let pendingCount = bitCount;
  const put = (code: number, codeWidth: number): void => {
    pending = (pending << codeWidth) | code;
    pendingCount += codeWidth;
    for (; pendingCount >= 8; out += 1) {
      pendingCount -= 8;
      output[out] = pending >>> pendingCount;
    }
  };
  put(prefix, width);
  // The decoder adds a string for the last code too, so the end code may be wider, or follow a clear code.
  if (next + 1 === LAST_FREE) {
    put(CLEAR, width);
    put(END, MIN_WIDTH);
  } else put(END, next + 1 === 1 << width ? width + 1 : width);
  if (pendingCount > 0) put(0, 8 - pendingCount);
  return out;
}

/**
 * Every string lies in the output already, where it was made: the string of the code before, and the byte after it. So
 * the table holds places in the output and lengths, and a code is one copy.
 */
function decompress(
  input: Uint8Array,
  output: Uint8Array,
  starts: Uint32Array,
  lengths: Uint32Array,
): void {
  let out = 0;
  let at = 0;
  let bits = 0;
  let bitCount = 0;
  let width = MIN_WIDTH;
  let next = FIRST_FREE;
  let before = -1;
  let beforeLength = 0;
  while (out < output.length) {
    while (bitCount < width) {
      if (at >= input.length) throw damagedBlock('lzw', 'it ends too early');
      bits = (bits << 8) | input[at]!;
      at += 1;
      bitCount += 8;
    }
    bitCount -= width;
    const code = (bits >>> bitCount) & ((1 << width) - 1);
    if (code === END) throw damagedBlock('lzw', `${out} bytes instead of ${output.length}`);
    if (code === CLEAR) {
      width = MIN_WIDTH;
      next = FIRST_FREE;
      before = -1;
      continue;
    }
    if (before >= 0 && next < 1 << MAX_WIDTH) {
      starts[next] = before;
      lengths[next] = beforeLength + 1;
      next += 1;
    }
    if (code > END && code >= next) throw damagedBlock('lzw', `code ${code} before its string`);
    before = out;
    if (code < CLEAR) {
      output[out] = code;
      beforeLength = 1;
    } else {
      beforeLength = lengths[code]!;
      const from = starts[code]!;
      // Byte by byte, since a string may reach into itself.
      const length = Math.min(beforeLength, output.length - out);
      for (let i = 0; i < length; i += 1) output[out + i] = output[from + i]!;
    }
    out += beforeLength;
    if (next + 1 === 1 << width && width < MAX_WIDTH) width += 1;
  }
}

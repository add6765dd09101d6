/**
 * LZW as TIFF has it (TIFF 6.0, section 13): codes of 9 to 12 bits, most significant bit first,
 * each block begun by a clear code and ended by an end code. The width grows one code early: when
 * the next code would be 512, 1024 or 2048; the table is cleared when it would be 4094.
 */
import { damagedBlock, type Codec } from './codec.js';

const CLEAR = 256;
const END = 257;
const FIRST_FREE = 258;
const LAST_FREE = 4094;
const MIN_WIDTH = 9;
const MAX_WIDTH = 12;

/**
 * A table of at most 3,836 strings, a quarter full at most: longer searches cost more than the
 * cache it takes.
 */
const HASH_BITS = 14;
const HASH_MASK = (1 << HASH_BITS) - 1;
/** An entry without a string. */
const FREE = -1;
/** 2^32 divided by the golden ratio (Knuth, volume 3, section 6.4). */
const HASH_FACTOR = 0x9e3779b1;

export function openLzw(): Codec {
  const table = new Int32Array(1 << HASH_BITS);
  let decoder: Decoder | undefined;
  return {
    // At worst each byte is a code of 12 bits, with a clear code for every 3,836 of them.
    boundBytes: (inputBytes) => Math.ceil(inputBytes * 1.501) + 16,
    compress: (input, output) => compress(input, output, table),
    decompress: (input, output) => (decoder ??= new Decoder()).decompress(input, output),
    close() {},
  };
}

/**
 * An entry of the table holds a string's prefix code (12 bits), its last byte (8) and its own code
 * (12). No string has the prefix that a free entry seems to have, so one comparison finds a string.
 * It is one loop with its state in local variables, since this is where the time goes.
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
    // A code of 9 bits or more fills one byte, and with what waited perhaps a second one. That is
    // written in any case and only then counted or not, since a branch here would be guessed wrong
    // every other time.
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
  return finish(output, { out, bits, bitCount, width, prefix, next });
}

/** The last string, the end code, and zeros up to a whole byte. */
function finish(
  output: Uint8Array,
  last: Readonly<Record<'out' | 'bits' | 'bitCount' | 'width' | 'prefix' | 'next', number>>,
): number {
  const { width, prefix, next } = last;
  let { out, bits: pending, bitCount: pendingCount } = last;
  const put = (code: number, codeWidth: number): void => {
    pending = (pending << codeWidth) | code;
    pendingCount += codeWidth;
    for (; pendingCount >= 8; out += 1) {
      pendingCount -= 8;
      output[out] = pending >>> pendingCount;
    }
  };
  put(prefix, width);
  // The decoder adds a string for the last code too, so the end code may be wider, or follow a
  // clear code.
  if (next + 1 === LAST_FREE) {
    put(CLEAR, width);
    put(END, MIN_WIDTH);
  } else put(END, next + 1 === 1 << width ? width + 1 : width);
  if (pendingCount > 0) put(0, 8 - pendingCount);
  return out;
}

/** The table of a decoder: one more is for codes that come when it is full. */
const TABLE_SIZE = (1 << MAX_WIDTH) + 1;
/** Longer strings are copied by a call. */
const LONG_BYTES = 64;
/** What is read behind the input, and written behind the output: a code, and a string. */
const INPUT_MARGIN_BYTES = 8;
const OUTPUT_MARGIN_BYTES = TABLE_SIZE + 8;

/**
 * Every string lies in the output already, where it was made: the string of the code before, and
 * the byte after it. So the table holds places in the output and lengths, and a code is one copy.
 * Before the output lie all single bytes, so that they are strings like others: a branch that is
 * guessed wrong costs as much as ten bytes.
 */
class Decoder {
  readonly #starts = new Uint32Array(TABLE_SIZE);
  readonly #lengths = new Uint32Array(TABLE_SIZE);
  #input = new Uint8Array(0);
  #output = new Uint8Array(0);

  constructor() {
    for (let byte = 0; byte < CLEAR; byte += 1) {
      this.#starts[byte] = byte;
      this.#lengths[byte] = 1;
    }
  }

  decompress(block: Uint8Array, target: Uint8Array): void {
    const input = (this.#input = roomOf(this.#input, block.length + INPUT_MARGIN_BYTES));
    input.set(block);
    input.fill(0, block.length, block.length + INPUT_MARGIN_BYTES);
    const outputBytes = CLEAR + target.length + OUTPUT_MARGIN_BYTES;
    const output = (this.#output = roomOf(this.#output, outputBytes));
    for (let byte = 0; byte < CLEAR; byte += 1) output[byte] = byte;
    decode(input, 8 * block.length, output, target.length, this.#starts, this.#lengths);
    target.set(output.subarray(CLEAR, CLEAR + target.length));
  }
}

function roomOf(room: Uint8Array<ArrayBuffer>, sizeBytes: number): Uint8Array<ArrayBuffer> {
  return room.length >= sizeBytes ? room : new Uint8Array(sizeBytes);
}

function decode(
  input: Uint8Array,
  inputBits: number,
  output: Uint8Array,
  outputBytes: number,
  starts: Uint32Array,
  lengths: Uint32Array,
): void {
  const source = new DataView(input.buffer);
  const words = new DataView(output.buffer);
  const end = CLEAR + outputBytes;
  let out = CLEAR;
  let bit = 0;
  let width = MIN_WIDTH;
  let growAt = 1 << MIN_WIDTH;
  let next = FIRST_FREE;
  while (out < end) {
    const code = (source.getUint32(bit >>> 3) << (bit & 7)) >>> (32 - width);
    bit += width;
    if (bit > inputBits) throw damagedBlock('lzw', 'it ends too early');
    if (code >>> 1 === CLEAR >>> 1) {
      if (code === END) throw damagedBlock('lzw', `${out - CLEAR} bytes instead of ${outputBytes}`);
      width = MIN_WIDTH;
      growAt = 1 << MIN_WIDTH;
      next = FIRST_FREE;
      continue;
    }
    if (code >= next) throw damagedBlock('lzw', `code ${code} before its string`);
    const from = starts[code]!;
    const length = lengths[code]!;
    // Most strings are no longer than eight bytes. What is written behind them is written again.
    words.setUint32(out, words.getUint32(from));
    words.setUint32(out + 4, words.getUint32(from + 4));
    if (length > 8) {
      if (length > LONG_BYTES) output.copyWithin(out, from, from + length);
      else for (let i = 8; i < length; i += 4) words.setUint32(out + i, words.getUint32(from + i));
    }
    // A string may end with its own first byte, which was not there yet.
    if (from + length > out) output[out + length - 1] = output[from]!;
    starts[next] = out;
    lengths[next] = length + 1;
    out += length;
    if (next < 1 << MAX_WIDTH) {
      next += 1;
      if (next === growAt && width < MAX_WIDTH) {
        width += 1;
        growAt <<= 1;
      }
    }
  }
}

/**
 * PackBits (TIFF 6.0, section 9): a header byte n and then, for n from 0 to 127, n + 1 bytes as
 * they are; for n from -127 to -1, one byte to be repeated 1 - n times. Each row is packed by
 * itself.
 */
import { damagedBlock, type Codec } from './codec.js';

const MOST_BYTES = 128;
/** A run of two inside bytes that differ costs as much as it saves. */
const SHORTEST_RUN = 3;

export function openPackBits(): Codec {
  return {
    // At worst one header byte for every 128 bytes of a row, and one for the rest of it.
    boundBytes: (inputBytes) => 2 * inputBytes + 16,
    compress(input, output, shape) {
      const rowBytes = input.length / shape.heightPx;
      let out = 0;
      for (let row = 0; row < input.length; row += rowBytes) {
        out = packRow(input.subarray(row, row + rowBytes), output, out);
      }
      return out;
    },
    decompress: unpack,
    close() {},
  };
}

function packRow(input: Uint8Array, output: Uint8Array, outputStart: number): number {
  const end = input.length;
  let out = outputStart;
  let at = 0;
  let literalStart = 0;
  while (at < end) {
    const run = runLength(input, at, end);
    if (run < SHORTEST_RUN) {
      at += run;
      continue;
    }
    out = putLiterals(input, literalStart, at, output, out);
    output[out] = 1 - run;
    output[out + 1] = input[at]!;
    out += 2;
    at += run;
    literalStart = at;
  }
  return putLiterals(input, literalStart, end, output, out);
}

function runLength(input: Uint8Array, start: number, end: number): number {
  const byte = input[start];
  const last = Math.min(end, start + MOST_BYTES);
  let at = start + 1;
  while (at < last && input[at] === byte) at += 1;
  return at - start;
}

function putLiterals(
  input: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  outputStart: number,
): number {
  let out = outputStart;
  for (let at = start; at < end; at += MOST_BYTES) {
    const length = Math.min(MOST_BYTES, end - at);
    output[out] = length - 1;
    output.set(input.subarray(at, at + length), out + 1);
    out += length + 1;
  }
  return out;
}

function unpack(input: Uint8Array, output: Uint8Array): void {
  let at = 0;
  let out = 0;
  while (out < output.length) {
    if (at + 1 >= input.length) throw damagedBlock('packbits', 'it ends too early');
    const header = input[at]!;
    at += 1;
    if (header === 128) continue;
    const length = header < 128 ? header + 1 : 257 - header;
    if (out + length > output.length) throw damagedBlock('packbits', 'it holds too many bytes');
    if (header < 128) {
      if (at + length > input.length) throw damagedBlock('packbits', 'it ends too early');
      output.set(input.subarray(at, at + length), out);
      at += length;
    } else {
      output.fill(input[at]!, out, out + length);
      at += 1;
    }
    out += length;
  }
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLzw } from '#src/codec/lzw.js';

const CLEAR = 256;
const END = 257;

/**
 * Decodes by the letter of TIFF 6.0, section 13, with a table of strings, and insists on the end
 * code.
 */
function decodeByTheBook(input: Uint8Array): number[] {
  let at = 0;
  const code = (width: number): number => {
    let value = 0;
    for (let end = at + width; at < end; at += 1) {
      value = value * 2 + (((input[at >> 3] ?? assert.fail('no end code')) >> (7 - (at & 7))) & 1);
    }
    return value;
  };
  const output: number[] = [];
  let table: number[][] = [];
  let before: number[] | undefined;
  for (;;) {
    // The code that the encoder wrote before has made its string by now, so the width is one code
    // early.
    const width = Math.max(9, 32 - Math.clz32(table.length + (before ? 1 : 0)));
    const next = code(width);
    if (next === END) break;
    if (next === CLEAR) {
      table = Array.from({ length: 258 }, (_, byte) => [byte]);
      before = undefined;
      continue;
    }
    assert.ok(table.length > 0, 'the first code is the clear code');
    const first: number[] | undefined = table[next] ?? before;
    if (before) table.push([...before, first?.[0] as number]);
    before = table[next];
    output.push(...(before ?? assert.fail(`code ${next} has no string`)));
    assert.ok(table.length <= 4094, 'a clear code comes in time');
  }
  assert.ok(input.length * 8 - at < 8, 'nothing follows the end code');
  return output;
}

test('LZW blocks of every length are what TIFF says, up to the end code, also where the code width changes', () => {
  const codec = openLzw();
  // No pair of bytes comes twice, so each byte is a code: the lengths around each change end at
  // every place of it.
  const bytes = new Uint8Array(9000);
  for (let i = 1; i < bytes.length; i += 1) bytes[i] = bytes[i - 1]! + 2 * (i >> 8) + 1;
  const changes = [254, 766, 1790, 3836, 3836 + 254, 2 * 3836];
  const lengths = changes.flatMap((n) => [-2, -1, 0, 1, 2].map((off) => n + off));
  for (const length of [1, 2, 3, ...lengths]) {
    const block = bytes.subarray(0, length);
    const packed = new Uint8Array(codec.boundBytes(length));
    const shape = { widthPx: length, heightPx: 1, samplesPerPixel: 1 };
    const size = codec.compress(block, packed, shape);
    assert.deepEqual(decodeByTheBook(packed.subarray(0, size)), [...block], `length ${length}`);
  }
});

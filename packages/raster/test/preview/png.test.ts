import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from 'fast-png';
import { pngOf } from '#src/preview/png.js';

test('a PNG file has the pixels that it was made of, and checksums that a decoder agrees with', () => {
  for (const [widthPx, heightPx] of [
    [1, 1],
    [37, 19],
    [300, 2],
  ] as const) {
    const data = Uint8Array.from({ length: 4 * widthPx * heightPx }, (_, at) => (at * at) % 251);
    const {
      width,
      height,
      channels,
      data: decoded,
    } = decode(pngOf(data, widthPx, heightPx), {
      checkCrc: true,
    });
    assert.deepEqual([width, height, channels], [widthPx, heightPx, 4]);
    assert.deepEqual(new Uint8Array(decoded), data);
  }
});

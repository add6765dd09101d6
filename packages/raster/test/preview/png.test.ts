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

test('a picture of tones alone, or without anything transparent, has no channels that say nothing', () => {
  const [widthPx, heightPx] = [17, 5];
  for (const channels of [1, 2, 3, 4]) {
    const [isGrey, isOpaque] = [channels < 3, channels % 2 === 1];
    const pixel = (index: number): number[] => {
      const tone = (index * 7) % 251;
      const alpha = isOpaque ? 255 : index % 256;
      return isGrey ? [tone, tone, tone, alpha] : [tone, index % 13, 255 - tone, alpha];
    };
    const data = Array.from({ length: widthPx * heightPx }, (_, index) => pixel(index));
    const rgba = Uint8Array.from(data.flat());
    const decoded = decode(pngOf(rgba, widthPx, heightPx), { checkCrc: true });
    assert.equal(decoded.channels, channels);
    const kept = [0, ...(isGrey ? [] : [1, 2]), ...(isOpaque ? [] : [3])];
    assert.deepEqual(
      [...decoded.data],
      data.flatMap((each) => kept.map((at) => each[at])),
    );
  }
});

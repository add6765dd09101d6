import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { copyPixels, placeSource } from '#src/read/place-source.js';

const size = fc.integer({ min: 1, max: 9 });

test('a source is copied to where it belongs, whatever the window', () => {
  fc.assert(
    fc.property(size, size, size, size, size, size, (mosaicW, mosaicH, tileW, tileH, atX, atY) => {
      // The value of each tile pixel tells where in the mosaic it belongs.
      const tile = Int32Array.from(
        { length: tileW * tileH },
        (_, index) => 1 + (atX + (index % tileW)) + 1000 * (atY + Math.floor(index / tileW)),
      );
      const view = {
        window: { xPx: 0, yPx: 0, widthPx: mosaicW, heightPx: mosaicH },
        widthPx: mosaicW,
        heightPx: mosaicH,
      };
      const source = { xPx: 0, yPx: 0, widthPx: tileW, heightPx: tileH };
      const placement = placeSource(view, source, { ...source, xPx: atX, yPx: atY });
      const result = new Int32Array(mosaicW * mosaicH);
      if (placement) {
        const { xPx, yPx, widthPx, heightPx } = placement.window;
        const part = Int32Array.from(
          { length: widthPx * heightPx },
          (_, index) =>
            tile[(yPx + Math.floor(index / widthPx)) * tileW + xPx + (index % widthPx)] as number,
        );
        copyPixels(part, placement, result, {});
      }
      for (let y = 0; y < mosaicH; y += 1) {
        for (let x = 0; x < mosaicW; x += 1) {
          const inside = x >= atX && x < atX + tileW && y >= atY && y < atY + tileH;
          assert.equal(result[y * mosaicW + x], inside ? 1 + x + 1000 * y : 0);
        }
      }
    }),
  );
});

test('a window over the overlap of two sources takes each pixel from the right one', () => {
  const view = { window: { xPx: 3, yPx: 0, widthPx: 2, heightPx: 1 }, widthPx: 2, heightPx: 1 };
  const source = { xPx: 0, yPx: 0, widthPx: 4, heightPx: 1 };
  const result = new Uint8Array(2);
  const left = placeSource(view, source, source);
  const right = placeSource(view, source, { ...source, xPx: 4 });
  assert.deepEqual(left?.window, { xPx: 3, yPx: 0, widthPx: 1, heightPx: 1 });
  assert.deepEqual(right?.window, { xPx: 0, yPx: 0, widthPx: 1, heightPx: 1 });
  copyPixels(Uint8Array.of(7), left, result, {});
  copyPixels(Uint8Array.of(9), right, result, {});
  assert.deepEqual([...result], [7, 9]);
});

test('half the size takes every second pixel, the one under the centre', () => {
  const whole = { xPx: 0, yPx: 0, widthPx: 6, heightPx: 2 };
  const placement = placeSource({ window: whole, widthPx: 3, heightPx: 1 }, whole, whole);
  assert.ok(placement);
  const result = new Uint8Array(3);
  const { xPx, yPx, widthPx } = placement.window;
  const tile = [
    [0, 1, 2, 3, 4, 5],
    [10, 11, 12, 13, 14, 15],
  ];
  const part = tile[yPx]?.slice(xPx, xPx + widthPx) ?? [];
  copyPixels(Uint8Array.from(part), placement, result, {});
  assert.deepEqual([...result], [11, 13, 15]);
});

test('transparent pixels leave what lies below them', () => {
  const whole = { xPx: 0, yPx: 0, widthPx: 3, heightPx: 1 };
  const placement = placeSource({ window: whole, widthPx: 3, heightPx: 1 }, whole, whole);
  assert.ok(placement);
  const result = Float32Array.of(1, 1, 1);
  copyPixels(Float32Array.of(5, Number.NaN, 6), placement, result, { nodata: Number.NaN });
  assert.deepEqual([...result], [5, 1, 6]);
});

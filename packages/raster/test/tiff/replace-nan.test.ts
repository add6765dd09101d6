import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pixels } from '#src/model.js';
import { replaceNaN } from '#src/tiff/replace-nan.js';

function pixels(values: readonly number[]): Pixels {
  const data = Float32Array.from(values);
  return { data, widthPx: values.length, heightPx: 1, bandCount: 1, interleave: 'pixel' };
}

test('every NaN becomes the substitute, wherever it is, and the given samples stay as they are', () => {
  for (let length = 1; length < 12; length += 1) {
    for (let at = 0; at < length; at += 1) {
      const given = pixels(Array.from({ length }, (_, i) => (i === at ? Number.NaN : i)));
      const expected = Float32Array.from({ length }, (_, i) => (i === at ? -1 : i));
      assert.deepEqual(replaceNaN(given, -1).data, expected);
      assert.ok(Number.isNaN(given.data[at]));
    }
  }
});

test('infinities of both signs are no NaN', () => {
  const given = pixels([1, Infinity, 2, 3, 4, -Infinity, 5]);
  assert.equal(replaceNaN(given, -1), given);
});

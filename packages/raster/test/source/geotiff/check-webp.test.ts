import assert from 'node:assert/strict';
import test from 'node:test';
import { checkWebp } from '#src/source/geotiff/check-webp.js';

const shape = { widthPx: 16, heightPx: 8, mostHeightPx: 16, samplesPerPixel: 3 };

function block(kind: string, fill: (payload: DataView) => void): Uint8Array {
  const bytes = Buffer.alloc(48);
  bytes.write('RIFF', 0, 'latin1');
  bytes.write(`WEBP${kind}`, 8, 'latin1');
  fill(new DataView(bytes.buffer, bytes.byteOffset + 20));
  return bytes;
}

const lossy = (widthPx: number, heightPx: number): Uint8Array =>
  block('VP8 ', (payload) => {
    payload.setUint16(6, widthPx, true);
    payload.setUint16(8, heightPx, true);
  });
const lossless = (widthPx: number, heightPx: number, signature = 0x2f): Uint8Array =>
  block('VP8L', (payload) => {
    payload.setUint8(0, signature);
    payload.setUint32(1, (widthPx - 1) | ((heightPx - 1) << 14), true);
  });
const extended = (widthPx: number, heightPx: number, flags = 0): Uint8Array =>
  block('VP8X', (payload) => {
    payload.setUint8(0, flags);
    payload.setUint32(4, widthPx - 1, true);
    payload.setUint16(7, heightPx - 1, true);
  });

test('a picture of the size that the file says is let through, also as a strip that was not cut', () => {
  for (const make of [lossy, lossless, extended]) {
    checkWebp(make(16, 8), shape);
    checkWebp(make(16, 16), shape);
  }
});

test('a picture of another size is refused before it is decoded', () => {
  for (const make of [lossy, lossless, extended]) {
    assert.throws(() => checkWebp(make(17, 8), shape), /widthPx 17 instead of 16/);
    assert.throws(() => checkWebp(make(16, 7), shape), /heightPx 7 instead of 8/);
    assert.throws(() => checkWebp(make(16, 16_000), shape), /heightPx 16000 instead of 8/);
  }
  assert.throws(() => checkWebp(extended(16, 8, 2), shape), /animated/);
});

test('what is no such picture is refused', () => {
  assert.throws(() => checkWebp(lossy(16, 8).subarray(0, 29), shape), /does not begin/);
  assert.throws(() => checkWebp(new Uint8Array(48), shape), /does not begin/);
  assert.throws(() => checkWebp(lossless(16, 8, 0x2e), shape), /does not begin/);
  assert.throws(
    () =>
      checkWebp(
        block('ANIM', () => {}),
        shape,
      ),
    /kind "ANIM"/,
  );
});

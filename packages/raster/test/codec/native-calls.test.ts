/**
 * Each native call is given sizes that do not fit its samples: the block says one size, the buffer
 * has another. What a call would write past its buffer would be lost without a word, so a guard
 * behind each buffer must stay as it is.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { BlockShape } from '#src/codec/codec.js';
import { checkCompression, type CompressionName } from '#src/codec/compressions.js';
import { lercHeader } from '#src/codec/lerc-header.js';
import { openCodec } from '#src/codec/open-codec.js';
import { zstdContentBytes } from '#src/codec/zstd.js';
import { type DataType, dataTypes } from '#src/model.js';
import { isHere } from './is-here.js';

const shape: BlockShape = { widthPx: 32, heightPx: 16, samplesPerPixel: 1 };
const GUARD = 0xa5;
const GUARD_BYTES = 64 * 1024;

function packed(
  compression: CompressionName,
  dataType: DataType,
  of: BlockShape = shape,
): Uint8Array {
  const codec = openCodec(checkCompression('test', { compression }, dataType), dataType);
  const { array, bytes } = dataTypes[dataType];
  const samples = new array(of.widthPx * of.heightPx * of.samplesPerPixel);
  for (let at = 0; at < samples.length; at += 1) samples[at] = (at % 90) as never;
  const input = new Uint8Array(samples.buffer);
  assert.equal(input.length % bytes, 0);
  const output = new Uint8Array(codec.boundBytes(input.length));
  const size = codec.compress(input, output, of);
  codec.close();
  return output.slice(0, size);
}

/** Decodes into the middle of a guarded buffer; says what was thrown. */
function refusal(
  compression: CompressionName,
  dataType: DataType,
  block: Uint8Array,
  roomBytes: number,
  of: BlockShape = shape,
): string {
  const whole = new Uint8Array(roomBytes + 2 * GUARD_BYTES).fill(GUARD);
  const room = whole.subarray(GUARD_BYTES, GUARD_BYTES + roomBytes);
  const codec = openCodec(checkCompression('test', { compression }, dataType), dataType);
  let thrown = 'nothing';
  try {
    codec.decompress(block, room, of);
  } catch (error) {
    thrown = String(error);
  }
  codec.close();
  const isGuard = (byte: number): boolean => byte === GUARD;
  assert.ok(whole.subarray(0, GUARD_BYTES).every(isGuard), 'what lies before was written to');
  assert.ok(
    whole.subarray(GUARD_BYTES + roomBytes).every(isGuard),
    'what lies behind was written to',
  );
  return thrown;
}

const pixels = shape.widthPx * shape.heightPx;

/** Where the system's libraries are left out on purpose there is no LERC to be tried. */
function testLerc(name: string, run: () => void): void {
  if (process.env['HOLDFAST_CODEC_LIBRARIES'] !== 'none')
    void test(name, { skip: !isHere('lerc') }, run);
}

for (const compression of (['deflate', 'zstd', 'lz4'] as const).filter(isHere)) {
  test(`a ${compression} block of more or fewer bytes than there is room for is refused`, () => {
    const block = packed(compression, 'uint8');
    for (const room of [0, 1, pixels / 8, pixels - 1, pixels + 1, 8 * pixels])
      assert.match(refusal(compression, 'uint8', block, room), /damaged/, `${room} bytes`);
  });
}

testLerc('a LERC block is refused for a buffer that was sized by other bits', () => {
  const block = packed('lerc', 'uint8');
  for (const bits of [1, 2, 4, 12, 16, 64]) {
    const room = Math.ceil((pixels * bits) / 8);
    assert.match(refusal('lerc', 'uint8', block, room), /are not its 512 bytes of samples/);
  }
});

testLerc('a LERC block of another size, type or number of bands is refused', () => {
  const { widthPx, heightPx } = shape;
  const wider = { ...shape, widthPx: widthPx * 2, heightPx: heightPx / 2 };
  const higher = { ...shape, widthPx: widthPx / 2, heightPx: heightPx * 2 };
  assert.match(
    refusal('lerc', 'uint8', packed('lerc', 'uint8', wider), pixels),
    /columns 64 instead of 32/,
  );
  assert.match(
    refusal('lerc', 'uint8', packed('lerc', 'uint8', higher), pixels),
    /columns 16 instead of 32/,
  );
  assert.match(refusal('lerc', 'uint8', packed('lerc', 'int8'), pixels), /type 0 instead of 1/);
  assert.match(
    refusal('lerc', 'float64', packed('lerc', 'uint8'), 8 * pixels),
    /type 1 instead of 7/,
  );
  const bands = { ...shape, widthPx: widthPx / 4, samplesPerPixel: 4 };
  assert.match(
    refusal('lerc', 'uint8', packed('lerc', 'uint8'), pixels, bands),
    /depth 1 instead of 4/,
  );
});

testLerc('a LERC block that ends early, or is none, is refused', () => {
  const block = packed('lerc', 'float32');
  for (const length of [0, 5, 20, 60, block.length - 1])
    assert.match(refusal('lerc', 'float32', block.slice(0, length), 4 * pixels), /damaged/);
  assert.match(refusal('lerc', 'float32', new Uint8Array(200), 4 * pixels), /damaged/);
});

testLerc('samples that are not those of the shape are not given to LERC', () => {
  const codec = openCodec(checkCompression('test', { compression: 'lerc' }, 'float32'), 'float32');
  const output = new Uint8Array(codec.boundBytes(4 * pixels));
  for (const bytes of [pixels, 4 * pixels - 4, 4 * pixels + 4])
    assert.throws(() => codec.compress(new Uint8Array(bytes), output, shape), /bytes of samples/);
});

test('a frame that says another size is refused before it is begun', () => {
  if (isHere('zstd'))
    assert.match(
      refusal('zstd', 'uint8', packed('zstd', 'uint8'), pixels + 1),
      /512 bytes instead of 513/,
    );
  if (isHere('lz4'))
    assert.match(
      refusal('lz4', 'uint8', packed('lz4', 'uint8'), pixels + 1),
      /512 bytes instead of 513/,
    );
});

test('our own reading of headers says what the blocks were made of', () => {
  if (isHere('zstd')) {
    for (const widthPx of [32, 400, 70_000])
      assert.equal(zstdContentBytes(packed('zstd', 'uint8', { ...shape, widthPx })), 16 * widthPx);
    assert.throws(() => zstdContentBytes(new Uint8Array(40)), /does not begin/);
    const long = packed('zstd', 'uint8', { ...shape, widthPx: 70_000 });
    for (let length = 0; length < 9; length += 1)
      assert.throws(() => zstdContentBytes(long.subarray(0, length)), /does not begin|header ends/);
  }
  if (!isHere('lerc')) return;
  const { type, depth, columns, rows, sizeBytes } = lercHeader(packed('lerc', 'float32'));
  assert.deepEqual({ type, depth, columns, rows }, { type: 6, depth: 1, columns: 32, rows: 16 });
  assert.equal(sizeBytes, packed('lerc', 'float32').length);
  assert.throws(() => lercHeader(new Uint8Array(100)), /does not begin/);
});

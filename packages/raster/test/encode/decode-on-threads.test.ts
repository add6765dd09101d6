/** Blocks are the same samples and the same errors, wherever they are decoded. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isError } from 'holdfast/errors';
import { checkCompression, type CompressionName } from '#src/codec/compressions.js';
import { compressions } from '#src/codec/compressions.js';
import { openCodec } from '#src/codec/open-codec.js';
import { decodeOnThreads, openEncoderPool } from '#src/encode/encoder-pool.js';
import { predictRowOf } from '#src/codec/predictor.js';
import type { EncodedBlocks } from '#src/source/geotiff/decode-block.js';
import { isHere } from '../codec/is-here.js';

const WIDTH_PX = 37;
const HEIGHT_PX = 16;

const samples = Float32Array.from({ length: 3 * WIDTH_PX * HEIGHT_PX }, (_, at) => at * 1.37 - 99);

/** Three blocks with the predictor of floating point, and some bytes between them. */
function blocksOf(compression: CompressionName, predictor: 1 | 2 | 3): EncodedBlocks {
  const codec = openCodec(checkCompression('test', { compression }, 'float32'), 'float32');
  const shape = { widthPx: WIDTH_PX, heightPx: HEIGHT_PX, samplesPerPixel: 1 };
  const sizeBytes = 4 * WIDTH_PX * HEIGHT_PX;
  const predict = predictRowOf(predictor, 4);
  const encoded = new Uint8Array(3 * (codec.boundBytes(sizeBytes) + 5));
  let startByte = 0;
  const blocks = [0, 1, 2].map((index) => {
    const words = new Uint32Array(samples.buffer, index * sizeBytes, sizeBytes / 4);
    const target = new Uint32Array(words.length);
    for (let start = 0; start < words.length; start += WIDTH_PX)
      predict({ words, start }, { words: target, start }, WIDTH_PX, 1);
    const bytes = new Uint8Array(target.buffer);
    const size = codec.compress(bytes, encoded.subarray(startByte), shape);
    const block = { index: 7 + index, startByte, sizeBytes: size, heightPx: HEIGHT_PX };
    startByte += size + 5;
    return { ...block, targetByte: index * sizeBytes };
  });
  codec.close();
  return {
    encoded,
    blocks,
    widthPx: WIDTH_PX,
    mostHeightPx: HEIGHT_PX,
    sizeBytes: 3 * sizeBytes,
    encoding: {
      compression: compressions[compression].tag,
      predictor,
      littleEndian: true,
      bitsPerSample: 32,
      dataType: 'float32',
      bandsTogether: 1,
      planes: 1,
      lowestBitFirst: false,
      isUncompressed: false,
      isYCbCr: false,
      jpegTables: undefined,
      lercParameters: [],
    },
  };
}

for (const compression of (['deflate', 'zstd', 'lzw', 'packbits', 'lz4'] as const).filter(isHere)) {
  test(`${compression}: blocks are the same samples on threads and on the calling one`, async () => {
    for (const predictor of compression === 'packbits' ? ([1] as const) : ([1, 2, 3] as const)) {
      for (const threads of [0, 2]) {
        const pool = openEncoderPool({ threads });
        const room = await decodeOnThreads(blocksOf(compression, predictor));
        await pool.close();
        assert.deepEqual(new Float32Array(room), samples, `${threads} threads`);
      }
    }
  });

  test(`${compression}: a block that is cut is told by its number, on threads and on the calling one`, async () => {
    for (const threads of [0, 2]) {
      const pool = openEncoderPool({ threads });
      const blocks = blocksOf(compression, 1);
      const cut = blocks.blocks.map((block, at) => (at === 1 ? { ...block, sizeBytes: 9 } : block));
      const failure: unknown = await decodeOnThreads({ ...blocks, blocks: cut }).catch(
        (error: unknown) => error,
      );
      await pool.close();
      assert.ok(isError(failure) && 'blockIndex' in failure && failure.blockIndex === 8);
      assert.ok(isError(failure.cause));
    }
  });
}

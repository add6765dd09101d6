import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { isHoldfastError } from 'holdfast';
import {
  checkCompression,
  compressionNames,
  compressions,
  type CompressionName,
  type CompressionOptions,
} from '#src/codec/compressions.js';
import { openLzma } from '#src/codec/lzma.js';
import { openCodec } from '#src/codec/open-codec.js';
import type { LibraryName } from '#src/codec/system-library.js';
import { type DataType } from '#src/model.js';
import { isHere } from './is-here.js';

const libraryOf: Partial<Record<CompressionName, LibraryName>> = {
  deflate: 'libdeflate',
  zstd: 'libzstd',
  lz4: 'liblz4',
  lerc: 'libLerc',
};
const hasZstd = 'zstdCompressSync' in (await import('node:zlib'));

const open = (options: CompressionOptions, dataType: DataType = 'uint8') =>
  openCodec(checkCompression('test', options, dataType), dataType);

function withoutLibraries(t: TestContext): void {
  process.env['HOLDFAST_CODEC_LIBRARIES'] = 'none';
  t.after(() => delete process.env['HOLDFAST_CODEC_LIBRARIES']);
}

/** Rows of 16 bytes: noise, runs, and what repeats after a while. */
const blocks = fc
  .array(
    fc.oneof(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.nat(255).map((byte) => new Uint8Array(16).fill(byte)),
      fc.nat(7).map((step) => Uint8Array.from({ length: 16 }, (_, i) => i * step)),
    ),
    { minLength: 1, maxLength: 600 },
  )
  .map((rows) => Uint8Array.from(rows.flatMap((row) => [...row])));

const shapeOf = (block: Uint8Array) => ({
  widthPx: 16,
  heightPx: block.length / 16,
  samplesPerPixel: 1,
});

for (const compression of compressionNames.filter(isHere)) {
  test(`${compression} gives any block back, whatever was done before with the same codec`, () => {
    const codec = open({ compression });
    const property = fc.property(blocks, (block) => {
      const packed = new Uint8Array(codec.boundBytes(block.length));
      const size = codec.compress(block, packed, shapeOf(block));
      const back = new Uint8Array(block.length);
      codec.decompress(packed.subarray(0, size), back, shapeOf(block));
      assert.deepEqual(back, block);
    });
    fc.assert(property, { numRuns: 100 });
    codec.close();
  });

  test(`a damaged ${compression} block is an error or other samples, never a crash or a hang`, () => {
    const codec = open({ compression });
    const damage = fc.record({ block: blocks, at: fc.nat(), to: fc.nat(255), cut: fc.nat() });
    const property = fc.property(damage, ({ block, at, to, cut }) => {
      const packed = new Uint8Array(codec.boundBytes(block.length));
      const size = codec.compress(block, packed, shapeOf(block));
      packed[at % size] = to;
      const back = new Uint8Array(block.length);
      try {
        codec.decompress(packed.slice(0, 1 + (cut % size)), back, shapeOf(block));
      } catch (error) {
        assert.match(String(error), /damaged/);
      }
    });
    fc.assert(property, { numRuns: 100 });
    codec.close();
  });
}

test("what the system's libraries write, Node's own zlib reads, and the other way round", (t) => {
  const names = (['deflate', 'zstd'] as const).filter((name) => name === 'deflate' || hasZstd);
  const withLibraries = names.map((compression) => open({ compression }));
  withoutLibraries(t);
  const without = names.map((compression) => open({ compression }));
  const block = Uint8Array.from({ length: 64_000 }, (_, i) => (i * i) >> 7);
  for (const [index, codec] of withLibraries.entries()) {
    const other = without[index];
    assert.ok(other);
    for (const [writer, reader] of [[codec, other] as const, [other, codec] as const]) {
      const packed = new Uint8Array(writer.boundBytes(block.length));
      const size = writer.compress(block, packed, shapeOf(block));
      const back = new Uint8Array(block.length);
      reader.decompress(packed.subarray(0, size), back, shapeOf(block));
      assert.deepEqual(back, block);
      assert.throws(() =>
        reader.decompress(packed.subarray(0, size), new Uint8Array(9), shapeOf(block)),
      );
    }
  }
});

test('a compression whose library is missing is refused with the name of the library', (t) => {
  withoutLibraries(t);
  for (const compression of ['lz4', 'lerc', ...(hasZstd ? [] : ['zstd'])] as CompressionName[]) {
    const name = libraryOf[compression];
    const namesIt = (error: unknown): boolean =>
      isHoldfastError(error, 'UNSUPPORTED_PLATFORM') && error.message.includes(`${name}.so`);
    assert.throws(() => open({ compression }), namesIt);
  }
});

test('every level a compression has compresses, and all levels decompress', () => {
  const block = Uint8Array.from({ length: 4096 }, (_, i) => i % 64);
  for (const compression of compressionNames.filter(isHere)) {
    const { min, max } = compressions[compression].levels ?? { min: 0, max: -1 };
    for (let level = min; level <= max; level += 1) {
      const codec = open({ compression, level });
      const packed = new Uint8Array(codec.boundBytes(block.length));
      const size = codec.compress(block, packed, shapeOf(block));
      const back = new Uint8Array(block.length);
      codec.decompress(packed.subarray(0, size), back, shapeOf(block));
      assert.deepEqual(back, block, `${compression} ${level}`);
      assert.ok(compression === 'lerc' || size < block.length / 2, `${compression} ${level}`);
      codec.close();
    }
  }
});

const refusals: readonly [CompressionOptions, DataType, RegExp][] = [
  [{ compression: 'jpeg' as CompressionName }, 'uint8', /no compression 'jpeg'/],
  [{ compression: 'deflate', level: 0 }, 'uint8', /levels 1 to 9/],
  [{ compression: 'deflate', level: 10 }, 'uint8', /levels 1 to 9/],
  [{ compression: 'zstd', level: 23 }, 'uint8', /levels 1 to 22/],
  [{ compression: 'zstd', level: 1.5 }, 'uint8', /levels 1 to 22/],
  [{ compression: 'lz4', level: 17 }, 'uint8', /levels 0 to 16/],
  [{ compression: 'lzw', level: 1 }, 'uint8', /no levels/],
  [{ compression: 'none', level: 0 }, 'uint8', /no levels/],
  [{ compression: 'none', predictor: 2 }, 'uint8', /no predictor/],
  [{ compression: 'lerc', predictor: 3 }, 'float32', /no predictor/],
  [{ compression: 'packbits', predictor: 2 }, 'uint8', /no predictor/],
  [{ predictor: 3 }, 'int32', /floating point/],
  [{ predictor: 4 as 3 }, 'float32', /predictor is/],
  [{ compression: 'lerc', maxZError: -1 }, 'float32', /0 or more/],
  [{ compression: 'lerc', maxZError: NaN }, 'float32', /0 or more/],
  [{ compression: 'deflate', maxZError: 1 }, 'float32', /for LERC/],
  [{ compression: 'lerc' }, 'int64', /cannot hold int64/],
];

for (const [options, dataType, message] of refusals) {
  test(`${JSON.stringify(options)} is refused for ${dataType} samples, up front`, () => {
    const refused = (error: unknown): boolean =>
      isHoldfastError(error, 'INVALID_ARGUMENT') && message.test(error.message);
    assert.throws(() => checkCompression('test', options, dataType), refused);
  });
}

/** By liblzma, as libtiff has it: differences of 16-bit samples, no checksum. */
const lzmaBlock = Buffer.from(
  '/Td6WFoAAAD/EtlBAgEDAQEhARYcR3hW4AD/AA9dAAACD3mqrA4CLY+IMUmAAAAAAAEjgAIAAABc24JZqAAK/AIAAAAAAFla',
  'base64',
);
const lzmaSamples = Uint8Array.from({ length: 256 }, (_, at) => (at * 7) % 251);

function unpackedLzma(block: Uint8Array, length: number): Uint8Array {
  const samples = new Uint8Array(length);
  openLzma().decompress(block, samples, { widthPx: length, heightPx: 1, samplesPerPixel: 1 });
  return samples;
}

test('an LZMA block of libtiff is read', () => {
  assert.deepEqual(unpackedLzma(lzmaBlock, 256), lzmaSamples);
});

test('a damaged LZMA block is an error, and so is one that asks for over 256 MiB', () => {
  assert.throws(() => unpackedLzma(lzmaBlock, 255), /damaged: status/);
  assert.throws(() => unpackedLzma(lzmaBlock, 257), /256 bytes instead of 257/);
  assert.throws(() => unpackedLzma(lzmaBlock.subarray(0, 40), 256), /damaged: status/);
  const changed = Uint8Array.from(lzmaBlock, (byte, at) => (at === 40 ? byte ^ 255 : byte));
  assert.throws(() => unpackedLzma(changed, 256), /damaged/);
  // A dictionary of 1 GiB.
  const large = Buffer.from(
    '/Td6WFoAAAD/EtlBAgAhASQAAABeH8f54AD/AAZdAABv2ECYAAAAAAABGoACAAAAOY33eqgACvwCAAAAAABZWg==',
    'base64',
  );
  assert.throws(() => unpackedLzma(large, 256), /damaged: status 6/);
});

import assert from 'node:assert/strict';
import test from 'node:test';
import { checkJpeg } from '#src/source/geotiff/check-jpeg.js';

const shape = { widthPx: 16, heightPx: 8, mostHeightPx: 16, samplesPerPixel: 1 };
const word = (value: number): readonly number[] => [value >> 8, value & 255];
const segment = (marker: number, ...bytes: number[]): number[] => [
  0xff,
  marker,
  ...word(bytes.length + 2),
  ...bytes,
];
const START = [0xff, 0xd8];
const END = [0xff, 0xd9];
const quantization = segment(0xdb, 0, ...Array.from({ length: 64 }, () => 1));
const huffman = segment(0xc4, 0, 1, ...Array.from({ length: 15 }, () => 0), 5);
const frame = (heightPx = 8, widthPx = 16, precision = 8, bands = 1, sampling = 0x11): number[] =>
  segment(
    0xc0,
    precision,
    ...word(heightPx),
    ...word(widthPx),
    bands,
    ...Array.from({ length: bands }, (_, band) => [band, sampling, 0]).flat(),
  );
const scan = [...segment(0xda, 1, 0, 0, 0, 63, 0), 0x12, 0xff, 0x00, 0xff, 0xd0, 0x34];

const picture = (...parts: number[][]): Uint8Array => Uint8Array.from(parts.flat());
const whole = picture(START, quantization, huffman, frame(), scan, END);

test('a picture of the size that the file says is let through, also with fill bytes and as a strip that was not cut', () => {
  checkJpeg(whole, undefined, shape);
  checkJpeg(picture(START, [0xff, 0xff], quantization, frame(), scan, END), undefined, shape);
  checkJpeg(
    picture(START, frame(16), scan, END),
    picture(START, quantization, huffman, END),
    shape,
  );
});

const lies: readonly [string, Uint8Array, RegExp][] = [
  ['nothing', new Uint8Array(0), /does not begin/],
  ['no start', whole.subarray(2), /does not begin/],
  ['no end', whole.subarray(0, -2), /no end/],
  ['another width', picture(START, frame(8, 65_535), scan, END), /widthPx 65535 instead of 16/],
  ['more rows than a strip', picture(START, frame(17), scan, END), /heightPx 17/],
  ['fewer rows', picture(START, frame(7), scan, END), /heightPx 7/],
  ['no height yet', picture(START, frame(0), scan, END), /heightPx 0/],
  ['more bands', picture(START, frame(8, 16, 8, 3), scan, END), /bands 3 instead of 1/],
  ['12 bits', picture(START, frame(8, 16, 12), scan, END), /precision 12 instead of 8/],
  ['no sampling', picture(START, frame(8, 16, 8, 1, 0x10), scan, END), /sampling of 1x0/],
  ['much sampling', picture(START, frame(8, 16, 8, 1, 0xff), scan, END), /sampling of 15x15/],
  ['two frames', picture(START, frame(), frame(8, 60_000), scan, END), /widthPx 60000/],
  ['two frames alike', picture(START, frame(), frame(), scan, END), /not one frame/],
  ['a frame after its scan', picture(START, scan, frame(), END), /not one frame/],
  ['no scan', picture(START, frame(), END), /1 frames and 0 scans/],
  [
    '101 scans',
    picture(START, frame(), ...Array.from({ length: 101 }, () => scan), END),
    /over 100 scans/,
  ],
  [
    'a segment of no length',
    picture(START, [0xff, 0xe0, 0, 1], frame(), scan, END),
    /ends outside/,
  ],
  ['a segment to behind its end', picture(START, [0xff, 0xe0, 255, 255], END), /ends outside/],
  [
    'something between segments',
    picture(START, quantization, [1, 2, 3], frame(), scan, END),
    /segment is missing/,
  ],
  ['arithmetic coding', picture(START, [0xff, 0xc9, 0, 2], frame(), scan, END), /kind 201/],
  ['a height after the scan', picture(START, frame(), scan, segment(0xdc, 0, 8), END), /kind 220/],
  ['a table that is cut', picture(START, segment(0xc4, 0, 9), frame(), scan, END), /table is cut/],
  [
    'a table that is too long',
    picture(START, segment(0xdb, 0, 1, 2), frame(), scan, END),
    /table is cut/,
  ],
  [
    'a scan of more bands than it names',
    picture(START, frame(), segment(0xda, 9, 0), END),
    /scan is cut/,
  ],
];

for (const [name, block, message] of lies) {
  test(`a JPEG block with ${name} never reaches the decoder`, () => {
    assert.throws(() => checkJpeg(block, undefined, shape), message);
  });
}

test('tables that hold a picture of their own never reach the decoder', () => {
  const tables = picture(START, quantization, frame(8, 65_535), END);
  assert.throws(() => checkJpeg(whole, tables, shape), /tables hold a picture/);
  assert.throws(() => checkJpeg(whole, Uint8Array.from([1, 2, 3]), shape), /does not begin/);
});

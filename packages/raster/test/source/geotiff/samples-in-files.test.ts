/**
 * Files whose samples lie otherwise than most, or mean something else
 * (shared/data/hunt-2/README.md, and ones made here): each is read as libtiff reads it, or refused
 * by name before anything is written.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { sharedData, temporaryDirectory } from '@holdfast/tools/testing';
import { fromGeoTiff, openVrt, type RasterSource, writeTiledVrt } from '#src/index.js';
import type { Pixels, RasterInfo } from '#src/model.js';
import { type Field, fieldsOf, stripsAt, tiffOf } from './tiff-of.js';

const FOLDER = 'hunt-2';
const skip = sharedData(FOLDER) === undefined;

function pathOf(name: string): string {
  return join(sharedData(FOLDER) as string, `${name}.tif`);
}

async function readAll(source: RasterSource): Promise<Pixels> {
  const { widthPx, heightPx } = source.info;
  return source.read({ xPx: 0, yPx: 0, widthPx, heightPx });
}

async function infoOf(name: string): Promise<RasterInfo> {
  const source = await fromGeoTiff(pathOf(name));
  await source.close();
  return source.info;
}

/** The ramp of the files of the hunt. */
const ramp = Array.from(
  { length: 40 * 36 },
  (_, index) => (3 * (index % 40) + 7 * Math.floor(index / 40)) % 251,
);

for (const [name, promise, samples] of [
  ['fillorder-2', 'the bits of each byte are turned round', ramp.map((value) => value % 2)],
  ['bilevel', 'bits are read', ramp.map((value) => value % 2)],
  ['strip-bytecount-0', 'a strip of no stated size is read by what it must have', ramp],
  ['sampleformat-4', 'undefined samples are unsigned ones', ramp],
  ['nbits-10', 'samples of ten bits become sixteen', ramp.map((value) => 4 * value)],
  ['white-is-zero', 'samples stay as they are', ramp],
  ['palette-0-to-255', 'samples stay as they are', ramp],
] as const)
  test(`${name}: ${promise}, in the file and in the mosaic`, { skip }, async (t) => {
    const source = await fromGeoTiff(pathOf(name));
    const path = join(temporaryDirectory(t), 'out.vrt');
    assert.deepEqual([...(await readAll(source)).data], samples);
    await writeTiledVrt(path, source, { tileSizePx: 16, threads: 0 });
    await source.close();
    const mosaic = await openVrt(path);
    t.after(() => mosaic.close());
    assert.deepEqual([...(await mosaic.read()).data], samples);
  });

for (const [name, first, second, last] of [
  ['bilevel', 0, 255, 255],
  ['white-is-zero', 255, 254, 0],
] as const)
  test(
    `${name}: shades are a table, so that no viewer shows black or the negative`,
    { skip },
    async () => {
      const info = await infoOf(name);
      const [band] = info.bands;
      assert.equal(band?.colour, 'Palette');
      assert.deepEqual(band?.palette?.[0], [first, first, first, 255]);
      assert.deepEqual(band?.palette?.[1], [second, second, second, 255]);
      assert.deepEqual(band?.palette?.at(-1), [last, last, last, 255]);
    },
  );

test('palette-0-to-255: a palette of bytes is not black', { skip }, async () => {
  const info = await infoOf('palette-0-to-255');
  assert.deepEqual(info.bands[0]?.palette?.slice(0, 3), [
    [0, 0, 0, 255],
    [37, 91, 53, 255],
    [74, 182, 106, 255],
  ]);
});

test('palette-and-alpha: both are kept, in index and tiles', { skip }, async (t) => {
  const source = await fromGeoTiff(pathOf('palette-and-alpha'));
  const path = join(temporaryDirectory(t), 'out.vrt');
  await writeTiledVrt(path, source, { tileSizePx: 16, threads: 0 });
  await source.close();
  const mosaic = await openVrt(path);
  t.after(() => mosaic.close());
  const tile = await fromGeoTiff(mosaic.tilePaths[0] as string);
  t.after(() => tile.close());
  for (const { bands } of [mosaic.info, tile.info]) {
    assert.deepEqual(
      bands.map(({ colour }) => colour),
      ['Palette', 'Alpha'],
    );
    assert.deepEqual(bands[0]?.palette?.[1], [37, 91, 53, 255]);
  }
});

test(
  'ycbcr-uncompressed: the colours are named, and what makes red, green and blue of them',
  { skip },
  async () => {
    await assert.rejects(
      fromGeoTiff(pathOf('ycbcr-uncompressed')),
      /YCbCr without JPEG.*gdal_translate -co PHOTOMETRIC=RGB/u,
    );
  },
);

/** A picture of one strip, with fields of its own. */
function picture(
  directory: string,
  size: readonly [widthPx: number, heightPx: number],
  strip: Uint8Array,
  over: readonly Field[],
): string {
  const path = join(directory, 'in.tif');
  const fields = (at: number): readonly Field[] =>
    fieldsOf([...size, 1], [...stripsAt(at, [strip.length], size[1]), ...over]);
  writeFileSync(path, tiffOf(fields, strip));
  return path;
}

test('samples of 9 to 15 bits are read, each row from a byte of its own', async (t) => {
  for (let bits = 9; bits < 16; bits += 1) {
    const values = Array.from({ length: 10 }, (_, index) => (index * 997 + 5) % 2 ** bits);
    const rows = [values.slice(0, 5), values.slice(5)].map((row) => {
      const text = row.map((value) => value.toString(2).padStart(bits, '0')).join('');
      return (text.padEnd(Math.ceil(text.length / 8) * 8, '0').match(/.{8}/gu) ?? []).map((byte) =>
        Number.parseInt(byte, 2),
      );
    });
    const strip = Uint8Array.from(rows.flat());
    const source = await fromGeoTiff(
      picture(temporaryDirectory(t), [5, 2], strip, [[258, 3, [bits]]]),
    );
    assert.equal(source.info.dataType, 'uint16');
    assert.deepEqual([...(await readAll(source)).data], values, `${bits} bits`);
    await source.close();
  }
});

test('bits are turned round before a block is decompressed, and where it would be read as it lies', async (t) => {
  const turned = (bytes: readonly number[]): Uint8Array =>
    Uint8Array.from(bytes, (byte) =>
      Number.parseInt(byte.toString(2).padStart(8, '0').split('').toReversed().join(''), 2),
    );
  // PackBits: three bytes as they are, then one five times.
  const packed = turned([2, 1, 2, 3, 252, 9]);
  for (const [strip, compression] of [
    [packed, 32773],
    [turned([1, 2, 3, 9, 9, 9, 9, 9]), 1],
  ] as const) {
    const fields: readonly Field[] = [
      [259, 3, [compression]],
      [266, 3, [2]],
    ];
    const source = await fromGeoTiff(picture(temporaryDirectory(t), [4, 2], strip, fields));
    const path = join(temporaryDirectory(t), 'out.vrt');
    await writeTiledVrt(path, source, { tileSizePx: 16, threads: 1 });
    await source.close();
    const mosaic = await openVrt(path);
    assert.deepEqual([...(await mosaic.read()).data], [1, 2, 3, 9, 9, 9, 9, 9]);
    await mosaic.close();
  }
});

test('blocks whose sizes are not stated are read by what they must have', async (t) => {
  const strip = Uint8Array.from({ length: 12 }, (_, index) => index);
  const path = join(temporaryDirectory(t), 'in.tif');
  const fields = (at: number): readonly Field[] =>
    fieldsOf(
      [4, 3, 1],
      [
        [278, 4, [1]],
        [273, 4, [at, at + 4, at + 8]],
      ],
    );
  writeFileSync(path, tiffOf(fields, strip));
  const source = await fromGeoTiff(path);
  assert.deepEqual([...(await readAll(source)).data], [...strip]);
  await source.close();
});

test('colours that are not converted are refused by name', async (t) => {
  for (const [photometric, name] of [
    [8, /CIE L\*a\*b\*/u],
    [9, /ICC L\*a\*b\*/u],
    [32844, /LogL/u],
  ] as const)
    await assert.rejects(
      fromGeoTiff(
        picture(temporaryDirectory(t), [2, 2], new Uint8Array(4), [[262, 3, [photometric]]]),
      ),
      name,
    );
});

test('white is zero of more than 8 bits is told', async (t) => {
  const fields: readonly Field[] = [
    [258, 3, [16]],
    [262, 3, [0]],
  ];
  const source = await fromGeoTiff(
    picture(temporaryDirectory(t), [2, 2], new Uint8Array(8), fields),
  );
  assert.ok(source.notCarried?.some(({ what }) => what === 'white is zero'));
  await source.close();
});

/**
 * Files that promise what they do not have, each of a few bytes: a typed error in little memory.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import { fromGeoTiff, type GeoTiffOptions } from '#src/source/geotiff/from-geotiff.js';
import { type Field, fieldsOf, stripsAt, tiffOf, tilesAt } from './tiff-of.js';

const pixel = { xPx: 0, yPx: 0, widthPx: 1, heightPx: 1 };
const blob = new Uint8Array(16).fill(7);

type FieldsAt = (at: number) => readonly Field[];

async function readPixel(t: TestContext, fields: FieldsAt, options: GeoTiffOptions = {}) {
  const path = join(temporaryDirectory(t), 'file.tif');
  writeFileSync(path, tiffOf(fields, blob));
  const source = await fromGeoTiff(path, options);
  t.after(() => source.close());
  return source.read(pixel);
}

/** What is wrong, a file that says it, and what the error says. */
const lies: readonly [string, FieldsAt, RegExp][] = [
  [
    'no height',
    (at) => fieldsOf([4_294_967_290, 0, 1], tilesAt(at, [1], [1, 1])),
    /imageLength is 0/,
  ],
  ['no width', (at) => fieldsOf([0, 9, 1], stripsAt(at, [1], 9)), /imageWidth is 0/],
  ['no size', () => [[258, 3, [8]]], /imageWidth is missing/],
  [
    'half a pixel',
    (at) => fieldsOf([4, 4, 1], [[256, 12, [3.5]], ...stripsAt(at, [16], 4)]),
    /imageWidth is 3\.5/,
  ],
  ['no bands', (at) => fieldsOf([4, 4, 0], stripsAt(at, [16], 4)), /samplesPerPixel is 0/],
  [
    '4e9 bands',
    (at) => fieldsOf([1, 1, 4e9], stripsAt(at, [1], 1)),
    /4000000000 bands, over maxBands/,
  ],
  [
    'more bands than TIFF counts',
    (at) => fieldsOf([1, 1, 65_536], stripsAt(at, [1], 1)),
    /65536 bands/,
  ],
  [
    'bits of other bands',
    (at) => fieldsOf([2, 2, 3], [[258, 3, [8, 8]], ...stripsAt(at, [12], 2)]),
    /2 values for 3 bands/,
  ],
  [
    'formats of other bands',
    (at) => fieldsOf([2, 2, 3], [[339, 3, [1, 1]], ...stripsAt(at, [12], 2)]),
    /2 values for 3 bands/,
  ],
  ['tiles without width', (at) => fieldsOf([4, 4, 1], tilesAt(at, [16], [0, 4])), /tileWidth is 0/],
  ['strips without rows', (at) => fieldsOf([4, 4, 1], stripsAt(at, [16], 0)), /rowsPerStrip is 0/],
  [
    '4e9 x 4e9 tiles',
    (at) => fieldsOf([4e9, 4e9, 1], tilesAt(at, [1], [1, 1])),
    /blocks, over 16777216/,
  ],
  [
    'a plane for each of 65,535 bands',
    (at) => fieldsOf([9000, 1, 65_535], [[284, 3, [2]], ...tilesAt(at, [1], [16, 16])]),
    /blocks, over/,
  ],
  [
    'blocks that it does not list',
    (at) => fieldsOf([64, 64, 1], tilesAt(at, [16], [16, 16])),
    /does not list all/,
  ],
  [
    'a sparse block of 60,000 x 60,000',
    (at) => fieldsOf([60_000, 60_000, 1], tilesAt(at, [0], [60_000, 60_000])),
    /over maxBlockBytes/,
  ],
  [
    'a block of 20,000 x 20,000',
    (at) => fieldsOf([20_000, 20_000, 1], [[259, 3, [8]], ...tilesAt(at, [16], [20_000, 20_000])]),
    /over maxBlockBytes/,
  ],
  [
    'a row of 4e9 pixels',
    (at) => fieldsOf([4e9, 1, 1], stripsAt(at, [16], 1)),
    /over maxBlockBytes/,
  ],
  [
    'a strip of 4e9 rows',
    (at) => fieldsOf([4, 4e9, 1], stripsAt(at, [4e9], 4e9)),
    /over maxBlockBytes/,
  ],
  [
    'a JPEG block of 9,000 x 9,000',
    (at) => fieldsOf([9000, 9000, 1], [[259, 3, [7]], ...tilesAt(at, [16], [9008, 9008])]),
    /a quarter of maxBlockBytes/,
  ],
  [
    'a block behind its end',
    (at) => fieldsOf([4, 4, 1], stripsAt(at + 9, [16], 4)),
    /the file ends before byte/,
  ],
  [
    'a block of 4 GB',
    (at) => fieldsOf([4, 4, 1], [[259, 3, [8]], ...stripsAt(at, [4_294_967_295], 4)]),
    /the file ends before byte/,
  ],
  [
    'LERC of single bits',
    (at) => fieldsOf([4, 4, 1], [[258, 3, [1]], [259, 3, [34_887]], ...stripsAt(at, [16], 4)]),
    /LERC holds whole samples, and these have 1 bits/,
  ],
  [
    'LERC of half floats',
    (at) =>
      fieldsOf(
        [4, 2, 1],
        [[258, 3, [16]], [339, 3, [3]], [259, 3, [34_887]], ...stripsAt(at, [16], 2)],
      ),
    /LERC holds whole samples/,
  ],
  [
    'JPEG of 16 bits',
    (at) => fieldsOf([4, 2, 1], [[258, 3, [16]], [259, 3, [7]], ...stripsAt(at, [16], 2)]),
    /JPEG is read with 8 bits/,
  ],
  [
    'YCbCr of two bands',
    (at) => fieldsOf([4, 2, 2], [[259, 3, [7]], [262, 3, [6]], ...stripsAt(at, [16], 2)]),
    /YCbCr, and it has 2 bands/,
  ],
];

for (const [name, fields, message] of lies) {
  test(`a file with ${name} is refused, typed and in little memory`, async (t) => {
    const before = process.memoryUsage().arrayBuffers;
    await assert.rejects(
      () => readPixel(t, fields),
      (error) => isHoldfastError(error, 'CORRUPT_DOCUMENT') && message.test(error.message),
    );
    assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
  });
}

test('a compression that nobody knows is refused by its tag, before anything is read', async (t) => {
  await assert.rejects(
    () => readPixel(t, (at) => fieldsOf([4, 4, 1], [[259, 3, [9999]], ...stripsAt(at, [16], 4)])),
    (error) =>
      isHoldfastError(error, 'INVALID_ARGUMENT') &&
      /compression 9999 .* gdal_translate -co COMPRESS=DEFLATE/u.test(error.message),
  );
});

test('metadata that is no XML is told, and the samples are read', async (t) => {
  const path = join(temporaryDirectory(t), 'file.tif');
  const broken: Field = [42_112, 2, Array.from({ length: 5 }, () => 60)];
  writeFileSync(
    path,
    tiffOf((at) => [...fieldsOf([4, 4, 1], stripsAt(at, [16], 4)), broken], blob),
  );
  const source = await fromGeoTiff(path);
  t.after(() => source.close());
  assert.equal((await source.read(pixel)).data[0], 7);
  assert.match(source.notCarried?.[0]?.why ?? '', /no XML/u);
});

test("limits are the caller's: what is over one is read when it is raised, and refused when it is lowered", async (t) => {
  const fields: FieldsAt = (at) => fieldsOf([4, 4, 1], stripsAt(at, [16], 4));
  assert.equal((await readPixel(t, fields, { maxBlockBytes: 16, maxBands: 1 })).data[0], 7);
  await assert.rejects(
    () => readPixel(t, fields, { maxBlockBytes: 15 }),
    /over maxBlockBytes \(15\)/,
  );
  const bands: FieldsAt = (at) => fieldsOf([2, 2, 4], stripsAt(at, [16], 2));
  await assert.rejects(() => readPixel(t, bands, { maxBands: 3 }), /4 bands, over maxBands \(3\)/);
  for (const maxBlockBytes of [0, -1, 1.5, Number.NaN])
    await assert.rejects(
      () => readPixel(t, fields, { maxBlockBytes }),
      (error) => isHoldfastError(error, 'INVALID_ARGUMENT'),
    );
});

test('an uncompressed strip of all rows is read in parts, whatever the limit of a block', async (t) => {
  const [width, height] = [2048, 1500];
  const samples = Uint8Array.from({ length: width * height }, (_, at) => at % 251);
  const path = join(temporaryDirectory(t), 'file.tif');
  const size = [width, height, 1] as const;
  writeFileSync(
    path,
    tiffOf((at) => fieldsOf(size, stripsAt(at, [samples.length], height)), samples),
  );
  const source = await fromGeoTiff(path, { maxBlockBytes: 1024 * 1024 });
  t.after(() => source.close());
  const window = { xPx: 5, yPx: 300, widthPx: 2000, heightPx: 900 };
  const { data } = await source.read(window);
  for (let y = 0; y < window.heightPx; y += 1) {
    const start = (window.yPx + y) * width + window.xPx;
    const row = data.subarray(y * window.widthPx, (y + 1) * window.widthPx);
    assert.ok(
      Buffer.from(row as Uint8Array).equals(samples.subarray(start, start + window.widthPx)),
    );
  }
});

test('a window that no memory holds is refused, typed', async (t) => {
  const side = 2 ** 31;
  const fields: FieldsAt = (at) =>
    fieldsOf(
      [side, side, 1],
      tilesAt(
        at,
        Array.from({ length: 2 ** 16 }, () => 0),
        [2 ** 23, 2 ** 23],
      ),
    );
  await assert.rejects(
    async () => {
      const path = join(temporaryDirectory(t), 'file.tif');
      writeFileSync(path, tiffOf(fields, blob));
      const source = await fromGeoTiff(path, { maxBlockBytes: 2 ** 50 });
      t.after(() => source.close());
      await source.read({ xPx: 0, yPx: 0, widthPx: side, heightPx: side });
    },
    (error) => isHoldfastError(error, 'INVALID_ARGUMENT') && /no memory/.test(error.message),
  );
});

test('metadata of many items for many bands is read in one pass', async (t) => {
  // Once for each band, it would take minutes.
  const bands = 60_000;
  const items = Array.from(
    { length: bands },
    (_, band) => `<Item name="A" sample="${band}">${band}</Item>`,
  );
  const xml = Buffer.from(`<GDALMetadata>${items.join('')}</GDALMetadata>`);
  const path = join(temporaryDirectory(t), 'file.tif');
  const fields: FieldsAt = (at) =>
    fieldsOf([1, 1, bands], [[42_112, 2, [...xml, 0]], ...stripsAt(at, [bands], 1)]);
  writeFileSync(path, tiffOf(fields, new Uint8Array(bands)));
  const source = await fromGeoTiff(path);
  t.after(() => source.close());
  assert.equal(source.info.bands[bands - 1]?.metadata?.['A'], String(bands - 1));
});

test('keys that share their values many times over are refused', async (t) => {
  const doubles = Array.from({ length: 2000 }, () => 1.5);
  const keys = Array.from({ length: 2000 }, () => [2057, 34_736, 2000, 0]).flat();
  const fields: FieldsAt = (at) =>
    fieldsOf(
      [4, 4, 1],
      [[34_735, 3, [1, 1, 0, 2000, ...keys]], [34_736, 12, doubles], ...stripsAt(at, [16], 4)],
    );
  await assert.rejects(
    () => readPixel(t, fields),
    (error) => isHoldfastError(error, 'CORRUPT_DOCUMENT') && /keys have over/.test(error.message),
  );
});

/**
 * The table of readers in docs/raster.md: what geotiff.js makes of tiles as they are written by
 * default.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fromArrayBuffer } from 'geotiff';
import { repository, temporaryDirectory } from '@holdfast/tools/testing';
import { fromArray, writeTiledVrt } from '#src/index.js';
import { dataTypeNames, dataTypes, type RasterArray } from '#src/model.js';

const page = `${repository}docs/raster.md`;
const SIZE = 64;
/** What the page says of it: one band, and three. */
const CLAIM = 'all but 64-bit integers';

/** Every value in turn, or many of them. */
function samplesOf(dataType: (typeof dataTypeNames)[number], count: number): RasterArray {
  const { array, sampleFormat } = dataTypes[dataType];
  const samples = new array(count);
  const wide = samples instanceof BigInt64Array || samples instanceof BigUint64Array;
  for (let at = 0; at < count; at += 1) {
    const value = sampleFormat === 3 ? Math.sin(at) * 1e3 : at * 40_503;
    samples[at] = (wide ? BigInt(value) : value) as never;
  }
  return samples;
}

async function readByGeotiffJs(path: string): Promise<ArrayLike<ArrayLike<number>>> {
  const file = readFileSync(path);
  const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
  const image = await (await fromArrayBuffer(bytes)).getImage();
  return image.readRasters();
}

test('the page says of geotiff.js what is tried here', () => {
  const row = readFileSync(page, 'utf8')
    .split('\n')
    .find((line) => line.includes('geotiff.js 3.0, mil.nga'));
  const cells = row?.split('|').map((cell) => cell.trim());
  assert.deepEqual(cells?.slice(2, -1), [CLAIM, '–', 'the same']);
});

for (const dataType of dataTypeNames)
  for (const bandCount of [1, 3])
    test(`geotiff.js reads ${bandCount} bands of ${dataType} as the page says`, async (t) => {
      const data = samplesOf(dataType, SIZE * SIZE * bandCount);
      const source = fromArray({ data, width: SIZE, height: SIZE, bandCount });
      const path = join(temporaryDirectory(t), 'a.vrt');
      const { tilesPath } = await writeTiledVrt(path, source, { threads: 0 });
      const reading = readByGeotiffJs(join(tilesPath, 'tile_00_00.tif'));
      // An error, and no other values.
      if (dataType.endsWith('int64')) return assert.rejects(reading);
      const { data: written } = await source.read({
        xPx: 0,
        yPx: 0,
        widthPx: SIZE,
        heightPx: SIZE,
      });
      const [step, plane] = source.interleave === 'band' ? [1, SIZE * SIZE] : [bandCount, 1];
      for (const [band, samples] of Array.from(await reading).entries())
        assert.deepEqual(
          Array.from(samples),
          Array.from({ length: SIZE * SIZE }, (_, at) => written[at * step + band * plane]),
        );
    });

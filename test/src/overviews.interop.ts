/** GDAL finds the overviews of a mosaic by itself, reads their pixels, and uses them for small pictures. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { fromArray, overviewMethods, type WriteOptions, writeTiledVrt } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';

const judge = fileURLToPath(new URL('../python/read_overviews.py', import.meta.url));
const [WIDTH, HEIGHT] = [600, 410];
const NODATA = -1;
const data = Int16Array.from({ length: WIDTH * HEIGHT }, (_, index) => {
  const [x, y] = [index % WIDTH, Math.floor(index / WIDTH)];
  return Math.hypot(x - 250, y - 200) < 60 ? NODATA : ((x * 7 + y * 13) % 1000) + 1;
});

type Picture = readonly [widthPx: number, heightPx: number, pixels: readonly number[]];

function gdalReads(path: string): { bands: readonly (readonly Picture[])[]; small: Picture } {
  const text = execFileSync('/usr/bin/python3', [judge, path], {
    encoding: 'utf8',
    maxBuffer: 1e8,
  });
  return JSON.parse(text) as { bands: readonly (readonly Picture[])[]; small: Picture };
}

/** The squares of a picture that each pixel of the next smaller one stands for. */
function squaresOf([widthPx, heightPx, pixels]: Picture): number[][] {
  const squares: number[][] = [];
  for (let y = 0; y < heightPx; y += 2)
    for (let x = 0; x < widthPx; x += 2)
      squares.push(
        [0, 1, widthPx, widthPx + 1]
          .filter(
            (step) =>
              (step % widthPx === 0 || x + 1 < widthPx) && (step < widthPx || y + 1 < heightPx),
          )
          .map((step) => pixels[y * widthPx + x + step] as number),
      );
  return squares;
}

function meanOf(square: readonly number[]): number {
  const valid = square.filter((value) => value !== NODATA);
  const sum = valid.reduce((total, value) => total + value, 0);
  return valid.length === 0 ? NODATA : Math.floor(sum / valid.length + 0.5);
}

const ways: readonly [string, WriteOptions][] = [
  ['inside the tiles and merged', { tileSizePx: 512 }],
  ['inside many small blocks', { tileSizePx: 512, blockSizePx: 64, compression: 'lzw' }],
  ['merged only', { tileSizePx: 64, compression: 'zstd' }],
  ['not compressed', { tileSizePx: 512, compression: 'none' }],
  ['BigTIFF', { tileSizePx: 512, bigTiff: 'always' }],
];

for (const [name, way] of ways)
  test(`GDAL lists the overviews and reads the means without nodata: ${name}`, (t) =>
    checkMeans(t, way));

async function checkMeans(
  t: Parameters<typeof temporaryDirectory>[0],
  way: WriteOptions,
): Promise<void> {
  const path = join(temporaryDirectory(t), 'out.vrt');
  const source = fromArray({ data, width: WIDTH, height: HEIGHT, nodata: NODATA });
  await writeTiledVrt(path, source, { ...way, overviews: [2, 4, 8] });
  const { bands, small } = gdalReads(path);
  const [overviews] = bands as [readonly Picture[]];
  assert.deepEqual(
    overviews.map(([w, h]) => [w, h]),
    [
      [300, 205],
      [150, 103],
      [75, 52],
    ],
  );
  let larger: Picture = [WIDTH, HEIGHT, [...data]];
  for (const overview of overviews) {
    assert.deepEqual(overview[2], squaresOf(larger).map(meanOf));
    larger = overview;
  }
  const [smallWidth, smallHeight, pixels] = small;
  const [width, , expected] = overviews[1] as Picture;
  assert.deepEqual(
    pixels,
    expected.filter((_, i) => i % width < smallWidth && Math.floor(i / width) < smallHeight),
  );
}

test('every way of resampling gives values that the raster has, or their means, and gdalinfo names the sizes', async (t) => {
  const directory = temporaryDirectory(t);
  for (const resampling of overviewMethods) {
    const path = join(directory, `${resampling}.vrt`);
    const source = fromArray({ data, width: WIDTH, height: HEIGHT, nodata: NODATA });
    await writeTiledVrt(path, source, { overviews: 'auto', resampling, statistics: true });
    const info = execFileSync('gdalinfo', [path], { encoding: 'utf8' });
    assert.match(info, /Overviews: 300x205, 150x103/u);
    const [[first]] = gdalReads(path).bands as unknown as [[Picture]];
    const all = new Set(data);
    if (resampling !== 'average') assert.ok(first[2].every((value) => all.has(value)));
    assert.ok(first[2].every((value) => value === NODATA || (value >= 1 && value <= 1000)));
  }
});

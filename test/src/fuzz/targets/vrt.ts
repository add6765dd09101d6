/** VRT indexes, beside tiles that they may name. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isHoldfastError } from 'holdfast';
import { fromArray, openVrt, renderPreview, verifyVrt, writeTiledVrt } from '@holdfast/raster';
import type { FuzzTarget } from '../target.js';

const SIDE_PX = 48;
let fixture = '';

async function seeds(directory: string): Promise<readonly Uint8Array[]> {
  fixture = directory;
  const data = Float32Array.from({ length: SIDE_PX * SIDE_PX }, (_, at) => at % 97);
  const source = fromArray({
    data,
    width: SIDE_PX,
    height: SIDE_PX,
    nodata: -1,
    crs: 4326,
    transform: [10, 0.5, 0, 50, 0, -0.5],
  });
  const common = { tileSizePx: 16, threads: 0, durability: 'atomic' } as const;
  await writeTiledVrt(join(directory, 'plain.vrt'), source, common);
  const more = { ...common, overviews: [2], statistics: true };
  await writeTiledVrt(join(directory, 'more.vrt'), source, more);
  const tiles = readdirSync(join(directory, 'plain_tiles')).filter((name) => name.endsWith('.tif'));
  const paths = tiles.map((name) => join('plain_tiles', name));
  const options = { cwd: directory, stdio: 'ignore' } as const;
  execFileSync('gdalbuildvrt', ['-q', 'gdal.vrt', ...paths], options);
  execFileSync(
    'gdalbuildvrt',
    ['-q', '-srcnodata', '3', '-vrtnodata', '9', 'nodata.vrt', ...paths],
    options,
  );
  execFileSync('gdalbuildvrt', ['-q', '-separate', 'bands.vrt', ...paths.slice(0, 4)], options);
  const names = ['plain', 'more', 'gdal', 'nodata', 'bands'];
  return names.map((name) => readFileSync(join(directory, `${name}.vrt`)));
}

async function read(path: string): Promise<void> {
  const index = join(fixture, 'input.vrt');
  copyFileSync(path, index);
  const mosaic = await openVrt(index, { missing: 'nodata', maxSamples: 2 ** 20 });
  try {
    const { widthPx, heightPx } = mosaic.info;
    const size = { widthPx: Math.min(64, widthPx), heightPx: Math.min(64, heightPx) };
    await allowed(mosaic.read({ xPx: 0, yPx: 0, ...size }));
    await allowed(mosaic.read(undefined, { band: 1, scale: 32 / Math.max(widthPx, heightPx) }));
    await allowed(renderPreview(mosaic, { maxSizePx: 32 }));
  } finally {
    await mosaic.close();
  }
  await verifyVrt(index, { deep: true });
}

/** What is wrong in one part of a mosaic does not keep others from being read. */
async function allowed(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
  }
}

export const vrt: FuzzTarget = {
  fileName: 'input.vrt',
  seeds,
  words: [
    '<VRTRasterBand dataType="Byte" band="1">',
    '</VRTRasterBand>',
    '<SimpleSource>',
    '<ComplexSource>',
    '<NODATA>nan</NODATA>',
    '<!DOCTYPE a>',
    '&lt;',
    '<![CDATA[',
    ']]>',
    '<SrcRect xOff="-1" yOff="1e9" xSize="1e300" ySize="0"/>',
    'relativeToVRT="0"',
    '-inf',
    '<Overview>',
    '<Metadata domain="HOLDFAST">',
    '"',
    '0',
    '99999999999',
    '-',
    '../',
    '\0',
    '<OpenOptions><OOI key="OVERVIEW_LEVEL">0</OOI></OpenOptions>',
    '<ColorTable>',
    '__proto__',
  ],
  read,
};

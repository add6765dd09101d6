/**
 * A raster on a server: a job replaces the mosaic while requests read windows of it. A request
 * opens the mosaic, reads and closes it: everything that it reads is of one generation, old or new.
 *
 *   node raster-on-a-server.js INPUT.tif
 */
import { fromGeoTiff, openVrt, writeTiledVrt } from '@holdfast/raster';

const path = 'dem.vrt';

/** The job: an interrupted run leaves the old mosaic as it was. */
export async function renew(input: string): Promise<number> {
  const source = await fromGeoTiff(input);
  try {
    const { tileCount } = await writeTiledVrt(path, source, {
      tileSizePx: 256,
      overviews: 'auto',
      ifExists: 'replace',
    });
    return tileCount;
  } finally {
    await source.close();
  }
}

/**
 * A request: the mean of the valid pixels of the whole, from the smallest overview that has enough
 * of them.
 */
export async function meanHeight(): Promise<number> {
  const mosaic = await openVrt(path);
  try {
    const { widthPx, heightPx, nodata } = mosaic.info;
    const { data } = await mosaic.read(undefined, {
      band: 1,
      scale: 256 / Math.max(widthPx, heightPx, 256),
    });
    const valid = Array.from(data, Number).filter((value) => !Object.is(value, Number(nodata)));
    return valid.reduce((sum, value) => sum + value, 0) / valid.length;
  } finally {
    await mosaic.close();
  }
}

const [input] = process.argv.slice(2);
if (input === undefined) throw new Error('usage: raster-on-a-server INPUT.tif');
const tileCount = await renew(input);
const [first, , last] = await Promise.all([meanHeight(), renew(input), meanHeight()]);
console.log(JSON.stringify({ tileCount, means: [first, last] }));

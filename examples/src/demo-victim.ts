/**
 * The write that demo.ts kills: it tells its parent of each tile, and after the fifth it waits for
 * its end.
 */
import { fromArray, type RasterSource, writeTiledVrt } from '@holdfast/raster';

const [path = ''] = process.argv.slice(2);
const source = fromArray({ data: new Uint8Array(2048 * 1024), width: 2048, height: 1024 });
let tilesDone = 0;
const slow: RasterSource = {
  ...source,
  read: async (window, signal) => {
    if (tilesDone >= 5) await new Promise(() => undefined);
    return source.read(window, signal);
  },
};
const tell = (progress: { readonly tilesDone: number }): void => {
  ({ tilesDone } = progress);
  process.send?.(tilesDone);
};
const waiting = setInterval(() => undefined, 60_000);
await writeTiledVrt(path, slow, { tileSizePx: 256, onProgress: tell });
clearInterval(waiting);

/** A program for tests: writes a mosaic and kills itself where its second argument says. */
import { observeFs } from '@holdfast/crashkit';
import { fromArray, writeTiledVrt } from '@holdfast/raster';
import { nodeFileSystem } from 'holdfast/os';

const [path = '', where = ''] = process.argv.slice(2);

let tiles = 0;
const fs = observeFs(nodeFileSystem, {
  before({ call, path: named, to = '' }) {
    if (call === 'open' && named.endsWith('.tif')) tiles += 1;
    const isThere =
      (where === 'at tile 2' && tiles === 2) ||
      (where === 'before the tiles are published' && to.endsWith('_tiles')) ||
      (where === 'before the index' && to.endsWith('.vrt'));
    if (isThere) process.kill(process.pid, 'SIGKILL');
  },
});

const data = new Uint16Array(80 * 48);
await writeTiledVrt(path, fromArray({ data, width: 80, height: 48 }), { tileSizePx: 16, fs });

/** A program for tests: writes a mosaic and kills itself where its second argument says. */
import { fromArray, writeTiledVrt } from '@holdfast/raster';
import { type Fs, nodeFileSystem } from 'holdfast/os';

const [path = '', where = ''] = process.argv.slice(2);

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

let tiles = 0;
const fs: Fs = {
  ...nodeFileSystem,
  async open(...[file, ...rest]: Parameters<Fs['open']>) {
    if (file.endsWith('.tif')) tiles += 1;
    if (where === 'at tile 2' && tiles === 2) die();
    return nodeFileSystem.open(file, ...rest);
  },
  ...renames('rename'),
  ...renames('renameNoReplace'),
};

function renames(name: 'rename' | 'renameNoReplace'): Partial<Fs> {
  return {
    [name]: async (from: string, to: string) => {
      if (where === 'before the tiles are published' && to.endsWith('_tiles')) die();
      if (where === 'before the index' && to.endsWith('.vrt')) die();
      return nodeFileSystem[name](from, to);
    },
  };
}

const data = new Uint16Array(80 * 48);
await writeTiledVrt(path, fromArray({ data, width: 80, height: 48 }), { tileSizePx: 16, fs });

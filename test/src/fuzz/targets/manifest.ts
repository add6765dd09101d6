/** The manifest of a tiles directory, whose index is there. */
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromArray, recoverVrt, verifyVrt, writeTiledVrt } from '@holdfast/raster';
import type { FuzzTarget } from '../target.js';

let fixture = '';

export const manifest: FuzzTarget = {
  fileName: 'holdfast-tiles.json',
  words: [
    '"',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    'null',
    '-1',
    '1e999',
    '"__proto__":',
    '"name":""',
    '".."',
    '"."',
    '"a/b"',
    '"\\u0000"',
    '"sizeBytes":1e400',
    '"version":1',
    '"tiles":[]',
  ],
  async seeds(directory) {
    fixture = directory;
    const data = new Uint8Array(32 * 32).fill(3);
    const source = fromArray({ data, width: 32, height: 32 });
    await writeTiledVrt(join(directory, 'm.vrt'), source, { tileSizePx: 16, threads: 0 });
    return [readFileSync(join(directory, 'm_tiles', 'holdfast-tiles.json'))];
  },
  async read(path) {
    const index = join(fixture, 'm.vrt');
    copyFileSync(path, join(fixture, 'm_tiles', 'holdfast-tiles.json'));
    await verifyVrt(index);
    const text = readFileSync(index);
    rmSync(index);
    try {
      // Without their index, the tiles are what a dead run has left.
      await recoverVrt(fixture, { dryRun: true });
    } finally {
      writeFileSync(index, text);
    }
  },
};

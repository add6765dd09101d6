/**
 * An index over tiles that are there, beside gdalbuildvrt in the same rounds. That one reads the
 * headers alone; checksums need every byte, so their floor is a row of its own.
 */
import { execFileSync } from 'node:child_process';
import * as nodeFs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ProgramContender, printUse } from './process-use.js';
import type { RasterJob } from './raster-job.js';

const job = fileURLToPath(new URL('./raster-job.js', import.meta.url));
const commandLine = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));
const TILE_PX = 256;

/** What one thread does who only reads all tiles and digests them. */
const DIGEST = `
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const piece = Buffer.alloc(65536);
for (const path of fs.readFileSync(process.argv[1], 'utf8').trim().split('\\n')) {
  const file = fs.openSync(path);
  const hash = createHash('sha256');
  for (let at = 0, count; (count = fs.readSync(file, piece, 0, piece.length, at)) > 0; at += count)
    hash.update(piece.subarray(0, count));
  hash.digest('hex');
  fs.closeSync(file);
}
`;

/** @param inputs - a directory that keeps the tiles for the next run */
export function printIndex(
  { inputs, tileCount, rounds }: { inputs: string; tileCount: number; rounds: number },
  root: string,
  title: string,
): void {
  const list = tilesIn(inputs, tileCount);
  const index = (name: string): string => `${root}/${name}.vrt`;
  const holdfast = (...flags: readonly string[]): readonly [string, ...string[]] => {
    const parameters = [index('holdfast'), '--from-file', list, '--replace', ...flags];
    return [process.execPath, commandLine, 'raster', 'index', ...parameters];
  };
  const buildVrt = ['-q', '-overwrite', '-input_file_list', list, index('gdal')];
  const contenders: readonly ProgramContender[] = [
    { name: 'gdalbuildvrt, which reads the headers', command: () => ['gdalbuildvrt', ...buildVrt] },
    { name: 'holdfast raster index', command: () => holdfast() },
    {
      name: 'holdfast raster index --no-checksums',
      command: () => holdfast('--no-checksums'),
    },
    {
      name: 'floor: SHA-256 of all tiles, one thread',
      command: () => [process.execPath, '--eval', DIGEST, list],
    },
    { name: 'floor: node --eval 0', command: () => [process.execPath, '--eval', '0'] },
  ];
  printUse(title, contenders, rounds);
}

/** Tiles of 64 KiB in one directory, and a list of them. */
function tilesIn(inputs: string, tileCount: number): string {
  const name = `${inputs}/index-${tileCount}`;
  const list = `${name}.txt`;
  if (nodeFs.existsSync(list)) return list;
  const what: RasterJob = { do: 'many', path: `${name}.vrt`, tileCount, tilePx: TILE_PX };
  execFileSync(process.execPath, [job, JSON.stringify(what)]);
  // Without what says that they are a mosaic's.
  for (const path of [`${name}.vrt`, `${name}.vrt.lock`]) nodeFs.rmSync(path, { force: true });
  nodeFs.renameSync(`${name}_tiles`, name);
  const names = nodeFs.readdirSync(name).toSorted();
  const isTile = (each: string): boolean => each.endsWith('.tif');
  for (const each of names) if (!isTile(each)) nodeFs.rmSync(`${name}/${each}`);
  const paths = names.filter(isTile).map((each) => `${name}/${each}\n`);
  nodeFs.writeFileSync(`${list}.part`, paths.join(''));
  nodeFs.renameSync(`${list}.part`, list);
  return list;
}

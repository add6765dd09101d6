/**
 * A program for tests: writes a mosaic with `resume`, and kills itself at one of its calls to the
 * filesystem, in the middle of it where it is a write.
 *
 *   node resumed-write.js PATH STEP VALUE STEP 0: not at all, and prints how many calls there were
 */
import { type Call, interceptFs } from '@holdfast/crashkit';
import { fromArray, writeTiledVrt } from '@holdfast/raster';
import { nodeFileSystem } from 'holdfast/os';

const [path = '', step = '0', value = '1'] = process.argv.slice(2);
const SIDE_PX = 64;

/** The calls that change what is on disk, or make it durable. */
const counted = new Set([
  'open',
  'write',
  'truncate',
  'sync',
  'dataSync',
  'syncFilesystem',
  'mkdir',
  'rmdir',
  'unlink',
  'rename',
  'renameNoReplace',
  'exchange',
]);

let calls = 0;
let cut: Call | undefined;
const die = (): void => void process.kill(process.pid, 'SIGKILL');
const fs = interceptFs(nodeFileSystem, {
  before: (call) => {
    if (!counted.has(call.name)) return undefined;
    calls += 1;
    if (calls !== Number(step)) return undefined;
    if (call.name !== 'write') die();
    cut = call;
    return { takesBytes: Math.floor((call.args[0] as Uint8Array).length / 2) };
  },
  after: (call) => {
    if (call === cut) die();
  },
});

const data = Float32Array.from({ length: SIDE_PX * SIDE_PX }, (_, i) =>
  Math.sin(i * Number(value)),
);
const written = await writeTiledVrt(path, fromArray({ data, width: SIDE_PX, height: SIDE_PX }), {
  tileSizePx: 16,
  concurrency: 2,
  ifExists: 'replace',
  keepPrevious: 0,
  resume: true,
  histogram: true,
  fs,
});
process.stdout.write(`${JSON.stringify({ calls, resumed: written.resumedTileCount })}\n`);

/**
 * The recipe for Dask of docs/many-machines.md, on a scheduler and workers of Dask's own: one worker
 * is killed while its part goes on, one part is killed.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { verifyVrt } from '@holdfast/raster';
import { pythonWith, temporaryDirectory } from '@holdfast/tools/testing';
import { startDaemon, type Daemon } from './daemon.js';
import {
  bytesBelow,
  environmentWith,
  makeInput,
  recipe,
  run,
  tileFlags,
  whole,
} from './mosaic-in-parts.js';

const python = pythonWith('dask-venv', ['dask==2026.7.1', 'distributed==2026.7.1']);

test('Dask makes a mosaic although a worker and a part are killed, and it is the one of one process', async (t) => {
  const directory = temporaryDirectory(t);
  const input = await makeInput(directory);
  mkdirSync(join(directory, 'parts'));
  const output = join(directory, 'parts', 'dem.vrt');
  // The worker dies, and its part lives on beside the one that Dask starts for it, with a lock until
  // its end; another part dies alone.
  const straggler = join(directory, 'straggler');
  const env = environmentWith(directory, {
    2: `exec 9>'${straggler}'; flock 9; kill -9 "$PPID"`,
    4: 'kill -9 "$$"',
  });
  const start = async (args: readonly string[], ready: RegExp): Promise<Daemon> => {
    const command = [python, '-m', 'dask', ...args, '--host', '127.0.0.1', '--no-dashboard'];
    const daemon = await startDaemon(t, command, { env, ready });
    assert.ok(daemon, `dask ${args.join(' ')} ended`);
    return daemon;
  };
  const scheduler = await start(['scheduler', '--port', '0'], /Scheduler at: +(\S+)/u);
  const address = scheduler.said[1] ?? '';
  const workers = ['worker', address, '--nworkers', '2', '--nthreads', '1'];
  await start([...workers, '--local-directory', directory], /Registered to/u);
  const script = recipe('python', 'dask', {
    'scheduler:8786': address,
    '/shared/dem.tif': input,
    '/shared/dem.vrt': output,
    '"--parts", 200': '"--parts", 6, "--tile-size", 32, "--overviews", "auto"',
    'range(200)': 'range(6)',
  });
  writeFileSync(join(directory, 'mosaic.py'), script);
  const made = spawnSync(python, [join(directory, 'mosaic.py')], { env, encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  assert.match(made.stdout, /^\(0, '/u);
  const session = run('raster', 'begin', input, output, '--parts', '6', ...tileFlags).stdout.trim();
  for (const part of [0, 1, 2, 3, 4, 5])
    assert.ok(existsSync(join(directory, 'bin', `seen-${part}`)));
  // What the straggler has left in the session goes with the next call.
  assert.equal(spawnSync('flock', [straggler, 'true']).status, 0);
  assert.equal(run('raster', 'commit', output, session).status, 0);
  assert.deepEqual(bytesBelow(join(directory, 'parts')), whole(directory, input));
  assert.deepEqual((await verifyVrt(output, { deep: true })).problems, []);
});

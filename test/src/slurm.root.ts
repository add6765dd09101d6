/**
 * The recipe for Slurm of docs/many-machines.md, on a Slurm of one node: a part that is killed is
 * requeued, one that is killed with its script is named by the commit and handed in again.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyVrt } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  bytesBelow,
  environmentWith,
  makeInput,
  recipe,
  tileFlags,
  whole,
} from './mosaic-in-parts.js';
import { startSlurm } from './slurm.js';

test('a Slurm array makes a mosaic although two of its tasks are killed, and it is the one of one process', async (t) => {
  const SLURM_CONF = await startSlurm(t);
  const directory = temporaryDirectory(t);
  const input = await makeInput(directory);
  const output = join(directory, 'parts', 'dem.vrt');
  mkdirSync(join(directory, 'parts'));
  const first = { 2: 'kill -9 "$PPID" "$$"', 4: 'kill -9 "$$"' };
  const env = { ...environmentWith(directory, first), SLURM_CONF };
  const paths = { '/shared/dem.vrt': output };
  writeFileSync(join(directory, 'mosaic.sh'), recipe('sh', 'scontrol requeue', paths));
  const script = recipe('sh', '--dependency=afterany', {
    ...paths,
    '/shared/dem.tif': input,
    '--parts 200': ['--parts 6', ...tileFlags].join(' '),
    '0-199': '"$tasks"',
    '--cpus-per-task=4': '--cpus-per-task=2',
    'sbatch --dependency': 'sbatch --wait --output=commit.out --dependency',
  });

  /** The status of the commit that comes after these tasks. */
  const submit = async (tasks: string): Promise<number | null> => {
    const child = spawn('sh', ['-c', script], {
      cwd: directory,
      env: { ...env, tasks },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const exit = once(child, 'exit') as Promise<[number | null]>;
    while (child.exitCode === null && child.signalCode === null) {
      // What is requeued waits for two minutes.
      const queue = execFileSync('squeue', ['--noheader', '--array', '--format=%i %r'], { env });
      for (const [, job = ''] of String(queue).matchAll(/^(\S+) BeginTime$/gmu))
        execFileSync('scontrol', ['update', `JobId=${job}`, 'StartTime=now'], { env });
      await sleep(200);
    }
    return (await exit)[0];
  };
  const said = (): string => readFileSync(join(directory, 'commit.out'), 'utf8');

  assert.equal(await submit('0-5'), 4, said());
  assert.match(said(), /: 2\./u);
  assert.equal(await submit('2'), 0, said());
  assert.deepEqual(bytesBelow(join(directory, 'parts')), whole(directory, input));
  assert.deepEqual((await verifyVrt(output, { deep: true })).problems, []);
});

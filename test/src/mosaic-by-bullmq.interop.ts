/** The example for BullMQ, as its reader would run it: two workers, and twice whoever wants it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { verifyVrt } from '@holdfast/raster';
import { inLines, type NodeProcess, startRedis, temporaryDirectory } from '@holdfast/tools/testing';
import { makeInput } from './mosaic-in-parts.js';

const example = fileURLToPath(new URL('../../examples/dist/mosaic-by-bullmq.js', import.meta.url));

test('the example for BullMQ makes a mosaic with two workers, also when it is started again', async (t) => {
  const redis = await startRedis(t);
  const directory = temporaryDirectory(t);
  const input = await makeInput(directory);
  const start = (...args: readonly string[]): NodeProcess => {
    const child = spawn(process.execPath, [example, ...args], {
      env: { ...process.env, REDIS_PORT: `${redis.connection.port}` },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const started = inLines(t, child);
    redis.beforeEnd(() => started.kill());
    return started;
  };
  const workers = [start('work'), start('work')];
  for (const worker of workers) assert.equal(await worker.nextLine(), 'waits for work');
  mkdirSync(join(directory, 'parts'));
  const output = join(directory, 'parts', 'dem.vrt');
  const first = start('make', input, output, '4');
  const done = await Promise.race(workers.map((worker) => worker.nextLine()));
  assert.match(done ?? '', /part-\d: done$/u);
  await first.kill();
  assert.equal(await start('make', input, output, '4').nextLine(), `${output}: 4 tiles`);
  assert.deepEqual((await verifyVrt(output, { deep: true })).problems, []);
});

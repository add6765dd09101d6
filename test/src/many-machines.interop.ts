/** The recipes of docs/many-machines.md with programs that people have: GNU parallel. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { verifyVrt } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { bytesBelow, makeInput, program, run, tileFlags, whole } from './mosaic-in-parts.js';

function begun(directory: string, input: string, count: number): { output: string; id: string } {
  mkdirSync(join(directory, 'parts'));
  const output = join(directory, 'parts', 'dem.vrt');
  const { status, stdout, stderr } = run(
    'raster',
    'begin',
    input,
    output,
    '--parts',
    `${count}`,
    ...tileFlags,
  );
  assert.equal(status, 0, stderr);
  return { output, id: stdout.trim() };
}

test('GNU parallel makes a mosaic, each part of it twice, and it is the one of one process', async (t) => {
  const directory = temporaryDirectory(t);
  const input = await makeInput(directory);
  const { output, id } = begun(directory, input, 6);
  execFileSync(
    'parallel',
    [
      '--will-cite',
      '--jobs',
      '3',
      '--retries',
      '3',
      process.execPath,
      program,
      'raster',
      'part',
      output,
      id,
      '{}',
      '--threads',
      '0',
      ':::',
      '0',
      '1',
      '2',
      '3',
      '4',
      '5',
      '0',
      '1',
      '2',
      '3',
      '4',
      '5',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  assert.match(run('raster', 'progress', output, id).stdout, /^open: 6 of 6 parts done/u);
  for (let count = 0; count < 2; count += 1) {
    const committed = run('raster', 'commit', output, id);
    assert.equal(committed.status, 0, committed.stderr);
  }
  assert.deepEqual(bytesBelow(join(directory, 'parts')), whole(directory, input));
  assert.deepEqual((await verifyVrt(output, { deep: true })).problems, []);
});

test('GNU parallel tries a part again that failed, and the commit names what is missing until then', async (t) => {
  const directory = temporaryDirectory(t);
  const target = join(directory, 'out');
  const id = run('parts', 'begin', target, '3').stdout.trim();
  // Fails at its first run.
  const script = `
    const { existsSync, writeFileSync } = require('node:fs');
    const [, , seen] = process.argv;
    const part = process.env.HOLDFAST_PART;
    if (!existsSync(seen + part)) { writeFileSync(seen + part, ''); process.exit(1); }
    writeFileSync(process.env.HOLDFAST_STAGE + '/' + part, part);
  `;
  writeFileSync(join(directory, 'make.cjs'), script);
  const jobs = [
    process.execPath,
    program,
    'parts',
    'write',
    target,
    id,
    '{}',
    '--',
    process.execPath,
    join(directory, 'make.cjs'),
    join(directory, 'seen-'),
  ];
  const parallel = (retries: string) =>
    spawnSync('parallel', ['--will-cite', '--retries', retries, ...jobs, ':::', '0', '1', '2'], {
      encoding: 'utf8',
    });
  const failed = parallel('1');
  assert.equal(failed.status, 3, failed.stderr);
  const missing = run('parts', 'commit', target, id);
  assert.equal(missing.status, 4);
  assert.match(missing.stderr, /: 0-2\./u);
  assert.equal(existsSync(target), false);
  assert.equal(parallel('2').status, 0);
  assert.equal(run('parts', 'commit', target, id).status, 0);
  assert.deepEqual(readdirSync(target), ['0', '1', '2']);
});

test('workers and committers that are killed at any time leave what the next ones bring to its end', async (t) => {
  const directory = temporaryDirectory(t);
  const input = await makeInput(directory);
  const { output, id } = begun(directory, input, 2);
  const roles = [
    ['raster', 'part', output, id, '0', '--threads', '0'],
    ['raster', 'part', output, id, '1', '--threads', '0'],
    ['raster', 'commit', output, id],
  ];
  for (const role of roles) {
    // Each time it is let go on for a little longer, until it comes to its end: no instant of it is
    // left out for long.
    for (let lives = 1, isDone = false; !isDone; lives += 1) {
      const child = spawn(process.execPath, [program, ...role], { stdio: 'ignore' });
      const exit = once(child, 'exit') as Promise<[number | null]>;
      const timer = setTimeout(() => child.kill('SIGKILL'), lives * 60);
      const [status] = await exit;
      clearTimeout(timer);
      assert.ok(status === null || status === 0, `${role.join(' ')} ended with ${status}`);
      isDone = status === 0;
    }
  }
  assert.deepEqual(bytesBelow(join(directory, 'parts')), whole(directory, input));
});

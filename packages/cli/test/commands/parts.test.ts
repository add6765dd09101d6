import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';

const bin = fileURLToPath(new URL('../../bin/holdfast.js', import.meta.url));

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function parts(...args: string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, 'parts', ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const script = `
const { writeFileSync } = require('node:fs');
const { HOLDFAST_STAGE, HOLDFAST_PART } = process.env;
writeFileSync(HOLDFAST_STAGE + '/' + HOLDFAST_PART, 'part ' + HOLDFAST_PART + ' ' + process.argv[1]);
`;
const makePart = (word = 'whole'): string[] => ['--', process.execPath, '-e', script, word];

function begun(t: TestContext, count = 2): { readonly target: string; readonly id: string } {
  const target = `${temporaryDirectory(t)}/out`;
  const { status, stdout } = parts('begin', target, String(count), '--job', 'test');
  assert.equal(status, 0);
  return { target, id: stdout.trim() };
}

test('a directory is made in parts by commands, and each may be run again', (t) => {
  const { target, id } = begun(t);
  assert.equal(parts('begin', target, '2', '--job', 'test').stdout.trim(), id);
  for (const part of ['1', '0', '1'])
    assert.equal(parts('write', target, id, part, ...makePart()).status, 0);
  assert.match(parts('progress', target, id).stdout, /^open: 2 of 2 parts done, 0 more begun$/mu);
  for (let count = 0; count < 2; count += 1) {
    const { status, stdout } = parts('commit', target, id);
    assert.deepEqual([status, stdout], [0, `${target}: 2 files\n`]);
  }
  assert.deepEqual(readdirSync(target).toSorted(), ['0', '1']);
  assert.equal(readFileSync(`${target}/1`, 'utf8'), 'part 1 whole');
  assert.equal(parts('write', target, id, '0', ...makePart()).status, 0);
  assert.equal(parts('begin', target, '2', '--job', 'test').stdout.trim(), id);
});

test('the exit status says what a scheduler is to do', (t) => {
  const { target, id } = begun(t);
  assert.equal(parts('write', target, id, '0', '--', 'false').status, 1);
  assert.equal(
    parts('write', target, id, '0', '--', process.execPath, '-e', 'process.exit(3)').status,
    1,
  );
  const missing = parts('commit', target, id);
  assert.equal(missing.status, 4);
  assert.match(missing.stderr, /: 0-1\./u);
  assert.equal(existsSync(target), false);
  assert.equal(parts('write', target, id, '2', ...makePart()).status, 2);
  assert.equal(parts('begin', target, '3').status, 3);
  assert.equal(parts('write', target, 'f'.repeat(20), '0', ...makePart()).status, 3);
  assert.equal(parts('abandon', target, id).status, 0);
  assert.equal(parts('abandon', target, id).status, 0);
  assert.equal(parts('write', target, id, '0', ...makePart()).status, 3);
  assert.equal(parts('commit', target, id).status, 3);
  assert.equal(parts('commit', `${target}/none/out`, id).status, 3);
});

test('two runs of one part that make different bytes are told apart, when both run at once', (t) => {
  const { target, id } = begun(t, 1);
  // The second run begins and ends inside of the first.
  const inner = [bin, 'parts', 'write', target, id, '0', ...makePart('inner')];
  const outer = `require('node:child_process').execFileSync(process.execPath, ${JSON.stringify(inner)}); ${script}`;
  const { status, stderr } = parts(
    'write',
    target,
    id,
    '0',
    '--',
    process.execPath,
    '-e',
    outer,
    'outer',
  );
  assert.equal(status, 3, stderr);
  assert.match(stderr, /PART_DIFFERS/u);
  assert.equal(parts('commit', target, id).status, 0);
  assert.equal(readFileSync(`${target}/0`, 'utf8'), 'part 0 inner');
});

test('--json says which parts are done, and what was published', (t) => {
  const { target, id } = begun(t);
  parts('write', target, id, '1', ...makePart());
  const progress: unknown = JSON.parse(parts('progress', target, id, '--json').stdout);
  assert.deepEqual(progress, { state: 'open', partCount: 2, done: [1], begun: [] });
  parts('write', target, id, '0', ...makePart());
  const published: unknown = JSON.parse(
    parts('commit', target, id, '--json', '--sizes-only').stdout,
  );
  assert.deepEqual(published, { path: target, fileCount: 2, sizeBytes: 24, previousPath: null });
  rmSync(target, { recursive: true });
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';

const holdfast = fileURLToPath(new URL('../../bin/holdfast.js', import.meta.url));

/** `holdfast metaflow …` in a directory, whose folder `tokens` is the home of the tokens. */
function metaflow(cwd: string, args: readonly string[], input = ''): [number | null, string] {
  const { status, stdout } = spawnSync(process.execPath, [holdfast, 'metaflow', ...args], {
    cwd,
    input,
    encoding: 'utf8',
    env: { ...process.env, METAFLOW_TOKEN_HOME: `${cwd}/tokens` },
  });
  return [status, stdout];
}

test('a token is made, stored and shown', (t) => {
  const cwd = temporaryDirectory(t);
  assert.deepEqual(metaflow(cwd, ['token', 'show', 'hello']), [3, '']);
  assert.deepEqual(metaflow(cwd, ['token', 'new', 'hello']), [0, 'hello-0-smtq\n']);
  assert.deepEqual(metaflow(cwd, ['token', 'store', 'hello', 'hello-0-smtq']), [0, '']);
  assert.deepEqual(metaflow(cwd, ['token', 'show', 'hello']), [0, 'hello-0-smtq\n']);
  const [status, out] = metaflow(cwd, ['token', 'show', 'hello', '--json']);
  assert.equal(status, 0);
  const path = `${cwd}/tokens/hello`;
  assert.deepEqual(JSON.parse(out), { prefix: 'hello', token: 'hello-0-smtq', path });
  const next = metaflow(cwd, ['token', 'new', 'hello', '--previous', 'hello-0-smtq']);
  assert.deepEqual(next, [0, 'hello-1-zwjl\n']);
  assert.deepEqual(metaflow(cwd, ['token', 'new', 'hello', '--previous', 'x']), [3, '']);
  assert.deepEqual(metaflow(cwd, ['token', 'store', '../hello', 't']), [2, '']);
});

test('a manifest is written from standard input and read back', (t) => {
  const cwd = temporaryDirectory(t);
  const keys = ['F', 'env', 'linux-64', 'conda'];
  assert.deepEqual(metaflow(cwd, ['manifest', 'get', ...keys]), [3, '']);
  assert.deepEqual(metaflow(cwd, ['manifest', 'set', ...keys], '[1]'), [0, '']);
  assert.deepEqual(metaflow(cwd, ['manifest', 'get', ...keys]), [0, '[\n  1\n]\n']);
  assert.deepEqual(JSON.parse(readFileSync(`${cwd}/.metaflow/F/conda.manifest`, 'utf8')), {
    env: { 'linux-64': { conda: [1] } },
  });
  assert.deepEqual(metaflow(cwd, ['manifest', 'set', ...keys], '{'), [2, '']);
});

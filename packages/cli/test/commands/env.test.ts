import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';

const holdfast = fileURLToPath(new URL('../../bin/holdfast.js', import.meta.url));

test('env get, set and delete change one variable and leave the comments', (t) => {
  const cwd = temporaryDirectory(t);
  const env = (...args: readonly string[]): { status: number | null; stdout: string } =>
    spawnSync(process.execPath, [holdfast, 'env', ...args], { cwd, encoding: 'utf8' });
  writeFileSync(`${cwd}/.env`, '# mine\nA=1 # one\nB=2\n');
  assert.equal(env('set', '.env', '/A', '"x y"').status, 0);
  assert.equal(env('set', '.env', '/C', '--string', '8080').status, 0);
  assert.equal(env('delete', '.env', '/B').status, 0);
  assert.equal(readFileSync(`${cwd}/.env`, 'utf8'), '# mine\nA="x y" # one\nC=8080\n');
  assert.equal(env('get', '.env', '/A', '--raw').stdout, 'x y\n');
  assert.deepEqual(JSON.parse(env('get', '.env').stdout), { A: 'x y', C: '8080' });
  assert.equal(env('get', '.env', '/B').status, 3);
  assert.equal(env('delete', '.env', '/B').status, 3);
  assert.notEqual(env('set', '.env', '/A', '1').status, 0);
});

test('toml and yaml get, set and delete change one place and leave the comments; a date stays one', (t) => {
  const cwd = temporaryDirectory(t);
  const run = (...args: readonly string[]): { status: number | null; stdout: string } =>
    spawnSync(process.execPath, [holdfast, ...args], { cwd, encoding: 'utf8' });
  writeFileSync(`${cwd}/a.toml`, '# mine\nday = 2024-01-01 # d\n[t]\nx = 1.0\n');
  assert.equal(run('toml', 'set', 'a.toml', '/t/x', '2').status, 0);
  assert.equal(run('toml', 'set', 'a.toml', '/day', '--string', '2024-02-29').status, 0);
  assert.equal(
    readFileSync(`${cwd}/a.toml`, 'utf8'),
    '# mine\nday = 2024-02-29 # d\n[t]\nx = 2.0\n',
  );
  assert.equal(run('toml', 'get', 'a.toml', '/day', '--raw').stdout, '2024-02-29\n');
  assert.notEqual(run('toml', 'set', 'a.toml', '/t/x', 'null').status, 0);
  writeFileSync(`${cwd}/a.yaml`, 'l: # mine\n  - 1\n');
  assert.equal(run('yaml', 'set', 'a.yaml', '/l/-', '{"b": 2}').status, 0);
  assert.equal(readFileSync(`${cwd}/a.yaml`, 'utf8'), 'l: # mine\n  - 1\n  - b: 2\n');
  assert.equal(run('yaml', 'delete', 'a.yaml', '/l/0').status, 0);
  assert.equal(run('yaml', 'get', 'a.yaml', '/l/1').status, 3);
});

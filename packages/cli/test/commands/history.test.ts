import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';

const holdfast = fileURLToPath(new URL('../../bin/holdfast.js', import.meta.url));

interface Run {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function run(cwd: string, input: string, ...args: string[]): Run {
  const options = { cwd, input, encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [holdfast, ...args], options);
  return { status, out: stdout, err: stderr };
}

test('history lists what put has kept, restore puts it back, and once more undoes it', (t) => {
  const cwd = temporaryDirectory(t);
  for (const content of ['1', '2', '3', '4']) run(cwd, content, 'put', '--keep', '2', 'a');
  const { out } = run(cwd, '', 'history', 'a');
  assert.match(
    out,
    /^3\t\d{4}-\d\d-\d\dT[\d:.]+Z\t1 bytes\t\S+\/a\.previous-3\n2\t.*\/a\.previous-2\n$/u,
  );
  const listed = JSON.parse(run(cwd, '', 'history', 'a', '--json').out) as { version: number }[];
  assert.deepEqual(
    listed.map(({ version }) => version),
    [3, 2],
  );
  const restored = run(cwd, '', 'restore', 'a');
  assert.deepEqual([restored.status, restored.out], [0, '']);
  assert.match(restored.err, /is as in .*previous-3\n.*what it held is .*previous-4\n/u);
  assert.equal(readFileSync(`${cwd}/a`, 'utf8'), '3');
  assert.equal(run(cwd, '', 'restore', 'a').status, 0);
  assert.equal(readFileSync(`${cwd}/a`, 'utf8'), '4');
  const first = run(cwd, '', 'restore', 'a', '--version', '2', '--json');
  assert.equal(readFileSync(`${cwd}/a`, 'utf8'), '2');
  const said = JSON.parse(first.out) as { restored: { version: number }; kept: object };
  assert.equal(said.restored.version, 2);
  assert.deepEqual(said.kept, { version: 6, path: `${cwd}/a.previous-6` });
  const missing = run(cwd, '', 'restore', 'a', '--version', '77');
  assert.equal(missing.status, 3);
  assert.match(missing.err, /No version 77/u);
});

test('versions may lie in another directory', (t) => {
  const cwd = temporaryDirectory(t);
  mkdirSync(`${cwd}/versions`);
  for (const value of ['1', '2']) {
    const keep = ['--keep', '1', '--keep-in', 'versions'];
    assert.equal(run(cwd, '', 'json', 'set', 'a.json', '/n', value, ...keep).status, 0);
  }
  assert.deepEqual(readdirSync(cwd).toSorted(), ['a.json', 'a.json.lock', 'versions']);
  assert.equal(run(cwd, '', 'history', 'a.json').out, '');
  assert.match(run(cwd, '', 'history', 'a.json', '--directory', 'versions').out, /^1\t/u);
  run(cwd, '', 'restore', 'a.json', '--directory', 'versions');
  assert.match(readFileSync(`${cwd}/a.json`, 'utf8'), /"n": 1/u);
});

test('a broken document is restored on request, and that is said', (t) => {
  const cwd = temporaryDirectory(t);
  const files = {
    json: ['a.json', '{"a": 1}\n', '{'],
    toml: ['a.toml', 'a = 1\n', '='],
    yaml: ['a.yaml', 'a: 1\n', '['],
  } as const;
  for (const [kind, [name, good, broken]] of Object.entries(files)) {
    writeFileSync(`${cwd}/${name}`, good);
    run(cwd, broken, 'put', '--keep', '3', name);
    assert.equal(run(cwd, '', kind, 'set', name, '/b', '2').status, 10);
    const { status, err } = run(cwd, '', kind, 'set', name, '/b', '2', '--restore');
    assert.equal(status, 0, err);
    assert.match(err, /was restored from .*previous-1;\n.*kept as .*corrupt-/u);
    assert.equal(run(cwd, '', kind, 'get', name, '/a').out, '1\n');
    assert.equal(run(cwd, '', kind, 'get', name, '/b').out, '2\n');
  }
  const both = ['--restore', '--quarantine'];
  assert.equal(run(cwd, '', 'json', 'set', 'a.json', '/b', '3', ...both).status, 2);
});

test('a transaction keeps what it replaces on request', (t) => {
  const cwd = temporaryDirectory(t);
  for (const data of ['1', '2']) {
    const changes = [
      { replaceFile: 'a', data, keepPrevious: 1 },
      { updateJson: 'b.json', merge: { data }, keepPrevious: 1 },
    ];
    assert.equal(run(cwd, JSON.stringify(changes), 'transaction', '.').status, 0);
  }
  for (const name of ['a', 'b.json']) assert.match(run(cwd, '', 'history', name).out, /^1\t/u);
  const wrong = JSON.stringify([{ replaceFile: 'a', data: '', keepPrevious: 'x' }]);
  assert.equal(run(cwd, wrong, 'transaction', '.').status, 2);
});

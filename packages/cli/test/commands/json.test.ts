import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { acquireLock } from 'holdfast';
import { temporaryDirectory } from '@holdfast/tools/testing';

const holdfast = fileURLToPath(new URL('../../bin/holdfast.js', import.meta.url));

interface Result {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** `holdfast json …` in a directory. */
function json(cwd: string, args: readonly string[], input = ''): Result {
  const { status, stdout, stderr } = spawnSync(process.execPath, [holdfast, 'json', ...args], {
    cwd,
    input,
    encoding: 'utf8',
  });
  return { status, out: stdout, err: stderr };
}

test('set makes the file and the levels it needs, get prints what is there', (t) => {
  const cwd = temporaryDirectory(t);
  assert.equal(json(cwd, ['set', 'new/doc.json', '/a/b', '[1, "x"]']).status, 0);
  assert.equal(json(cwd, ['set', 'new/doc.json', '/a/b/-', '--string', '12']).status, 0);
  assert.equal(
    readFileSync(`${cwd}/new/doc.json`, 'utf8'),
    '{\n  "a": {\n    "b": [\n      1,\n      "x",\n      "12"\n    ]\n  }\n}\n',
  );
  assert.deepEqual(JSON.parse(json(cwd, ['get', 'new/doc.json', '/a']).out), { b: [1, 'x', '12'] });
  assert.equal(json(cwd, ['get', 'new/doc.json', '/a/b/1', '--raw']).out, 'x\n');
});

test('what is not there is exit status 3, for get and delete', (t) => {
  const cwd = temporaryDirectory(t);
  assert.equal(json(cwd, ['get', 'doc.json']).status, 3);
  assert.equal(json(cwd, ['get', 'doc.json', '--initial', '{"a":1}']).out, '{\n  "a": 1\n}\n');
  writeFileSync(`${cwd}/doc.json`, '{"a":1,"b":2,"c":3}');
  assert.equal(json(cwd, ['get', 'doc.json', '/z']).status, 3);
  assert.equal(json(cwd, ['delete', 'doc.json', '/a', '/z']).status, 3);
  assert.equal(readFileSync(`${cwd}/doc.json`, 'utf8'), '{"a":1,"b":2,"c":3}');
  assert.equal(json(cwd, ['delete', 'doc.json', '/a', '/b']).status, 0);
  assert.equal(readFileSync(`${cwd}/doc.json`, 'utf8'), '{"c":3}');
});

test('merge and patch take their patch as an argument or from standard input', (t) => {
  const cwd = temporaryDirectory(t);
  writeFileSync(`${cwd}/doc.json`, '{"a":{"x":1,"y":2}}');
  assert.equal(json(cwd, ['merge', 'doc.json', '{"a":{"x":null}}']).status, 0);
  const merged = json(cwd, ['merge', 'doc.json', '--json'], '{"b":1}');
  assert.deepEqual(JSON.parse(merged.out), { a: { y: 2 }, b: 1 });
  const patch = '[{"op":"move","from":"/b","path":"/a/z"}]';
  assert.equal(json(cwd, ['patch', 'doc.json'], patch).status, 0);
  assert.equal(readFileSync(`${cwd}/doc.json`, 'utf8'), '{"a":{"y":2,"z":1}}');
});

test('a test of a patch that fails changes nothing and is exit status 9', (t) => {
  const cwd = temporaryDirectory(t);
  writeFileSync(`${cwd}/doc.json`, '{"a":1}');
  const patch = '[{"op":"remove","path":"/a"},{"op":"test","path":"","value":{"a":1}}]';
  const { status, err } = json(cwd, ['patch', 'doc.json', patch]);
  assert.equal(status, 9, err);
  assert.equal(readFileSync(`${cwd}/doc.json`, 'utf8'), '{"a":1}');
});

test('a number that JavaScript cannot hold is refused, in the file and in the argument', (t) => {
  const cwd = temporaryDirectory(t);
  writeFileSync(`${cwd}/doc.json`, '{"id":12345678901234567891}');
  assert.equal(json(cwd, ['set', 'doc.json', '/a', '1']).status, 10);
  assert.equal(json(cwd, ['get', 'doc.json']).status, 10);
  const { status, err } = json(cwd, ['set', 'other.json', '/id', '12345678901234567891']);
  assert.equal(status, 2);
  assert.match(err, /VALUE .*12345678901234567891/u);
  assert.equal(readFileSync(`${cwd}/doc.json`, 'utf8'), '{"id":12345678901234567891}');
});

test('a broken file is exit status 10 and stays, unless it is to be quarantined', (t) => {
  const cwd = temporaryDirectory(t);
  writeFileSync(`${cwd}/doc.json`, '{"a":');
  const { status, err } = json(cwd, ['set', 'doc.json', '/a', '1']);
  assert.equal(status, 10);
  assert.match(err, /line 1, column 6/u);
  assert.equal(
    json(cwd, ['set', 'doc.json', '/a', '1', '--quarantine', '--indent', '0']).status,
    0,
  );
  assert.equal(readFileSync(`${cwd}/doc.json`, 'utf8'), '{"a":1}\n');
  assert.equal(readdirSync(cwd).filter((name) => name.startsWith('doc.json.corrupt-')).length, 1);
});

test('mistakes in the arguments are exit status 2', (t) => {
  const cwd = temporaryDirectory(t);
  for (const args of [
    ['set', 'doc.json', '/a', 'text'],
    ['set', 'doc.json', 'a', '1'],
    ['set', 'doc.json', '/a', '1', '--indent', 'wide'],
    ['set', 'doc.json', '/a', '1', '--initial', 'x'],
    ['merge', 'doc.json', '{'],
    ['patch', 'doc.json', '{}'],
  ]) {
    assert.equal(json(cwd, args).status, 2, args.join(' '));
  }
  assert.ok(!readdirSync(cwd).includes('doc.json'));
});

test('--secret makes a file for its owner alone', (t) => {
  const cwd = temporaryDirectory(t);
  assert.equal(json(cwd, ['set', 'doc.json', '/token', '"s"', '--secret']).status, 0);
  assert.equal(statSync(`${cwd}/doc.json`).mode & 0o777, 0o600);
});

test('--timeout is in seconds, and --lock-file names the lock that is waited for', async (t) => {
  const cwd = temporaryDirectory(t);
  const lock = await acquireLock(`${cwd}/doc.json`);
  t.after(() => lock.release());
  const late = json(cwd, ['set', 'doc.json', '/a', '1', '--timeout', '0.05']);
  assert.equal(late.status, 8, late.err);
  const other = ['--timeout', '0', '--lock-file', 'other.lock'];
  assert.equal(json(cwd, ['set', 'doc.json', '/a', '1', ...other]).status, 0);
});

test('a flag that a store knows nothing of is refused for s3://, and one of stores for a file', (t) => {
  const cwd = temporaryDirectory(t);
  for (const flag of ['--quarantine', '--secret', '--also-fcntl', '--keep=1', '--lock-file=x']) {
    const { status, err } = json(cwd, ['set', 's3://bucket/doc.json', '/a', '1', flag]);
    assert.equal(status, 2, err);
    assert.match(err, new RegExp(`${flag.split('=')[0]} is not for s3://`));
  }
  const { status, err } = json(cwd, ['get', 'doc.json', '--region', 'eu-central-1']);
  assert.equal(status, 2);
  assert.match(err, /--region is for s3:\/\/ alone/);
  assert.deepEqual(readdirSync(cwd), []);
});

test('without the package that reaches stores, s3:// is refused with what to install', (t) => {
  const cwd = temporaryDirectory(t);
  const hook = `export const resolve = (name, context, next) => {
    if (name !== '@holdfast/objectstore') return next(name, context);
    throw Object.assign(new Error('not there'), { code: 'ERR_MODULE_NOT_FOUND' });
  };`;
  const urlOf = (code: string): string => `data:text/javascript;base64,${btoa(code)}`;
  const preload = urlOf(`import { register } from 'node:module'; register('${urlOf(hook)}');`);
  const args = ['--import', preload, holdfast, 'json', 'set', 's3://bucket/doc.json', '/a', '1'];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' });
  assert.equal(status, 2, stderr);
  assert.match(stderr, /npm install @holdfast\/objectstore/);
  assert.deepEqual(readdirSync(cwd), []);
});

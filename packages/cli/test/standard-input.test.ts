import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';

const holdfast = fileURLToPath(new URL('../bin/holdfast.js', import.meta.url));

/** Runs a command with an open file as its standard input. */
function runWith(cwd: string, input: number, args: readonly string[]) {
  const { status, stderr } = spawnSync(process.execPath, [holdfast, ...args], {
    cwd,
    stdio: [input, 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  return { status, stderr };
}

/** Every command that reads standard input, with a file that it would change. */
const commands: Readonly<Record<string, readonly string[]>> = {
  put: ['put', 'a.json'],
  'put --if-exists': ['put', '--if-exists', 'replace', 'a.json'],
  'json merge': ['json', 'merge', 'a.json'],
  'json patch': ['json', 'patch', 'a.json', '-'],
  'records append': ['records', 'append', 'a.json'],
  'records append, CSV': ['records', 'append', '--from', 'csv', '--format', 'csv', 'a.json'],
  transaction: ['transaction', '.'],
  'metaflow manifest set': ['metaflow', 'manifest', 'set', '--root', '.', 'flow', 'id', 'linux-64'],
};

for (const [name, args] of Object.entries(commands)) {
  test(`${name} refuses a directory as standard input, and the old file stays`, (t) => {
    const root = temporaryDirectory(t);
    writeFileSync(`${root}/a.json`, '{"old":true}');
    const input = openSync(root, 'r');
    t.after(() => closeSync(input));
    const { status, stderr } = runWith(root, input, args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, /Standard input is a directory/u);
    assert.deepEqual(readdirSync(root), ['a.json']);
    assert.equal(readFileSync(`${root}/a.json`, 'utf8'), '{"old":true}');
  });

  test(`${name} fails when standard input cannot be read, and the old file stays`, (t) => {
    const root = temporaryDirectory(t);
    mkdirSync(`${root}/work`);
    writeFileSync(`${root}/work/a.json`, '{"old":true}');
    const input = openSync(`${root}/write-only`, 'w');
    t.after(() => closeSync(input));
    const { status, stderr } = runWith(`${root}/work`, input, args);
    assert.match(stderr, /EBADF/u);
    assert.ok(status !== 0 && status !== null && status !== 1, `${status} ${stderr}`);
    assert.doesNotMatch(stderr, /\n +at /u);
    assert.equal(readFileSync(`${root}/work/a.json`, 'utf8'), '{"old":true}');
  });
}

test('a file as standard input is read from where it stands, as any command would', (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(`${root}/input`, 'first line\nsecond line\n');
  const pipe = `{ read line; '${process.execPath}' '${holdfast}' put a; } < input`;
  assert.equal(spawnSync('sh', ['-c', pipe], { cwd: root }).status, 0);
  assert.equal(readFileSync(`${root}/a`, 'utf8'), 'second line\n');
});

test('text that is not UTF-8 is refused, and not mended without a word', (t) => {
  const root = temporaryDirectory(t);
  const { status, stderr } = spawnSync(process.execPath, [holdfast, 'json', 'merge', 'a.json'], {
    cwd: root,
    input: Buffer.from('{"name":"M\xfcller"}', 'latin1'),
    encoding: 'utf8',
  });
  assert.equal(status, 2, stderr);
  assert.match(stderr, /not UTF-8/u);
  assert.deepEqual(readdirSync(root), []);
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';

const bin = fileURLToPath(new URL('../../bin/holdfast.js', import.meta.url));

function records(cwd: string, input: string, ...args: string[]) {
  return spawnSync(process.execPath, [bin, 'records', ...args], { cwd, input, encoding: 'utf8' });
}

test('append takes JSON Lines, read prints them, compact keeps the last of each key', (t) => {
  const directory = temporaryDirectory(t);
  const input = '{"id":1,"v":"a\\nb"}\n\n{"id":2}\n{"id":1,"v":"new"}';
  assert.equal(records(directory, input, 'append', 'log.jsonl').status, 0);
  const read = records(directory, '', 'read', 'log.jsonl');
  assert.equal(read.stdout, '{"id":1,"v":"a\\nb"}\n{"id":2}\n{"id":1,"v":"new"}\n');
  const compacted = records(directory, '', 'compact', 'log.jsonl', '--key', 'id', '--json');
  assert.equal((JSON.parse(compacted.stdout) as { droppedCount: number }).droppedCount, 1);
  assert.equal(readFileSync(`${directory}/log.jsonl`, 'utf8'), '{"id":2}\n{"id":1,"v":"new"}\n');
});

test('append refuses what reading would bend: an integer past 2^53, a member that is there twice', (t) => {
  const directory = temporaryDirectory(t);
  for (const line of ['{"id":9007199254740993}', '{"id":1,"id":2}']) {
    const { status, stderr } = records(directory, `{"id":0}\n${line}\n`, 'append', 'log.jsonl');
    assert.equal(status, 2);
    assert.match(stderr, /Line 2 .*lose something.* appended before it: 1\./);
  }
  assert.equal(readFileSync(`${directory}/log.jsonl`, 'utf8'), '{"id":0}\n{"id":0}\n');
});

test('append takes CSV for a CSV log in its own dialect', (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/log.csv`, 'id;note\n');
  assert.equal(
    records(directory, 'note,id\n"a;b",1\n', 'append', 'log.csv', '--from', 'csv').status,
    0,
  );
  assert.equal(readFileSync(`${directory}/log.csv`, 'utf8'), 'id;note\n1;"a;b"\n');
  assert.equal(records(directory, '', 'read', 'log.csv').stdout, '{"id":"1","note":"a;b"}\n');
});

test('what was mended is said, on standard error and in the result', (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/log.jsonl`, '{"n":1}\n{"to');
  const { status, stderr, stdout } = records(
    directory,
    '{"n":2}\n',
    'append',
    'log.jsonl',
    '--json',
  );
  assert.equal(status, 0);
  assert.match(stderr, /mended at byte 8: 4 bytes .*log\.jsonl\.torn-/);
  const result = JSON.parse(stdout) as { appended: number; repairs: unknown[] };
  assert.deepEqual([result.appended, result.repairs.length], [1, 1]);
});

test('a damaged line is exit status 10 and named, or skipped and told of', (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/log.jsonl`, '{"n":1}\n{"n":\n{"n":3}\n');
  const strict = records(directory, '', 'read', 'log.jsonl');
  assert.equal(strict.status, 10);
  assert.match(strict.stderr, /Line 2 /);
  const lax = records(directory, '', 'read', 'log.jsonl', '--skip-damaged');
  assert.deepEqual([lax.status, lax.stdout], [0, '{"n":1}\n{"n":3}\n']);
  assert.match(lax.stderr, /line 2 /);
});

test('a record that cannot be appended is told by its number, and that others were appended is not denied', (t) => {
  const directory = temporaryDirectory(t);
  const input = '{"n":1}\n{"n":-0}\n{"n":3}\n';
  const { status, stderr } = records(directory, input, 'append', 'log.jsonl');
  assert.equal(status, 10);
  const lineCount = readFileSync(`${directory}/log.jsonl`, 'utf8').split('\n').length - 1;
  const told = `Record 2 of standard input could not be appended; records appended: ${lineCount}.`;
  assert.ok(lineCount > 0 && stderr.includes(told), stderr);
  assert.match(stderr, /The new state is on disk\.\n {2}because: .*field 'n'/);
});

test('input that is no record is exit status 2, and the records before it are there', (t) => {
  const directory = temporaryDirectory(t);
  const { status, stderr } = records(directory, '{"n":1}\n{"n":\n', 'append', 'log.jsonl');
  assert.equal(status, 2);
  assert.match(
    stderr,
    /Line 2 of standard input.* appended before it: 1\..*The new state is on disk/,
  );
  assert.equal(readFileSync(`${directory}/log.jsonl`, 'utf8'), '{"n":1}\n');
  const none = records(directory, 'no\n', 'append', 'log.jsonl');
  assert.match(none.stderr, /appended before it: 0\..*Nothing was changed/);
});

test('a line break in a CSV cell is exit status 10, and nothing is appended', (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/log.csv`, 'id\n');
  appendFileSync(`${directory}/log.csv`, '1\n');
  const { status, stderr } = records(directory, '{"id":"two\\nlines"}\n', 'append', 'log.csv');
  assert.equal(status, 10);
  assert.match(stderr, /field 'id'.*line break/);
  assert.equal(readFileSync(`${directory}/log.csv`, 'utf8'), 'id\n1\n');
});

test('compact without a key is exit status 2, and every command has examples', (t) => {
  const directory = temporaryDirectory(t);
  assert.equal(records(directory, '', 'compact', 'log.jsonl').status, 2);
  for (const command of ['append', 'read', 'compact']) {
    assert.match(records(directory, '', command, '--help').stdout, /Examples:/);
  }
});

test('of what repairs and appends set aside the newest stay, as many as it says', (t) => {
  const root = temporaryDirectory(t);
  const setAside = (): string[] => readdirSync(root).filter((name) => name.includes('.torn-'));
  for (const [index, command] of [
    ['repair', 'a.jsonl'],
    ['append', 'a.jsonl'],
    ['repair', '--set-aside-count', '2', 'a.jsonl'],
    ['append', '--set-aside-count', '1', 'a.jsonl'],
  ].entries()) {
    writeFileSync(`${root}/a.jsonl`, `{"a":1}\n{"torn":${index}`);
    const { status, stderr } = records(root, '{"a":2}\n', ...command);
    assert.equal(status, 0, stderr);
  }
  assert.equal(setAside().length, 1);
  assert.equal(records(root, '', 'repair', '--set-aside-count', '0', 'a.jsonl').status, 2);
});

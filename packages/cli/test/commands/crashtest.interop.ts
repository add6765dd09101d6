import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';

const bin = fileURLToPath(new URL('../../bin/holdfast.js', import.meta.url));

/** A directory of an engineer who has never seen Holdfast, with his script and his check. */
function userDirectory(t: TestContext): string {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/state.json`, '{}');
  const save = `import { writeFileSync } from 'node:fs'; writeFileSync('state.json', '{"saved":true}');`;
  writeFileSync(`${directory}/my-script.mjs`, save);
  const check = `import { readFileSync } from 'node:fs'; JSON.parse(readFileSync('state.json', 'utf8'));`;
  writeFileSync(`${directory}/my-check.mjs`, check);
  return directory;
}

function holdfast(cwd: string, ...args: string[]) {
  return spawnSync(process.execPath, [bin, ...args], { cwd, encoding: 'utf8' });
}

test('crashtest prints the shortest trace that loses the file, exits 1, and leaves the directory alone', (t) => {
  const directory = userDirectory(t);
  const saving = 'crashtest --save loss.json -- node my-script.mjs --check'.split(' ');
  const { status, stdout } = holdfast(directory, ...saving, 'node my-check.mjs');
  assert.equal(status, 1);
  assert.match(stdout, /VIOLATION in node my-script\.mjs/);
  assert.match(stdout, /\d+ distinct states after a crash/);
  assert.equal(readFileSync(`${directory}/state.json`, 'utf8'), '{}');

  mkdirSync(`${directory}/after`);
  const replay = holdfast(directory, 'crashtest', '--replay', 'loss.json', '--into', 'after');
  assert.equal(replay.status, 0);
  assert.throws(() => JSON.parse(readFileSync(`${directory}/after/state.json`, 'utf8')));
});

test('crashtest without a check says what to do, and exits 2', (t) => {
  const { status, stderr } = holdfast(temporaryDirectory(t), 'crashtest', '--', 'true');
  assert.equal(status, 2);
  assert.match(stderr, /--check 'COMMAND'/);
});

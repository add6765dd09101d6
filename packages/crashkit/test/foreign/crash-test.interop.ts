import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { crashTest, printViolation, type CrashTest } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';

/** Runs crashTest on two scripts of the user: the program, and the check of what a crash leaves. */
function run(t: TestContext, program: string, check: string): Promise<CrashTest> {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/program.mjs`, program);
  writeFileSync(`${directory}/check.mjs`, check);
  writeFileSync(`${directory}/state.json`, '{"version":1}');
  const command = ['node', 'program.mjs'];
  return crashTest({ command, check: 'node check.mjs', directory, maxStates: 150 });
}

const check = `
  import { readFileSync } from 'node:fs';
  const { version } = JSON.parse(readFileSync('state.json', 'utf8'));
  if (process.env.HOLDFAST_ACKNOWLEDGED.includes('saved') && version !== 2) {
    throw new Error('the saved version is lost');
  }`;

const imports = `
  import { openSync, writeSync, fsyncSync, closeSync, renameSync, writeFileSync } from 'node:fs';
  import { open, rename } from 'node:fs/promises';`;

test('a program that only writes is shown to lose the file, with the trace that shows it', async (t) => {
  const result = await run(
    t,
    `${imports} writeFileSync('state.json', '{"version":2}'); console.log('ACK saved');`,
    check,
  );
  assert.ok(result.violations.length >= 2);
  const text = result.violations.map(printViolation).join('\n');
  assert.match(text, /truncate \/state\.json 0/);
  assert.match(text, /the saved version is lost/);
});

test('a program that renames without fsync is shown to lose the content', async (t) => {
  const { violations } = await run(
    t,
    `${imports} writeFileSync('s.tmp', '{"version":2}'); renameSync('s.tmp', 'state.json');`,
    check,
  );
  assert.ok(violations.some(({ trace }) => trace.some(({ fate }) => fate === 'LOST page 0')));
});

test('a program on the thread pool that does every step is found to lose nothing', async (t) => {
  const { violations, states, notFollowed } = await run(
    t,
    `${imports}
     const file = await open('s.tmp', 'wx');
     await file.writeFile('{"version":2}');
     await file.sync();
     await file.close();
     await rename('s.tmp', 'state.json');
     const directory = openSync('.', 'r');
     fsyncSync(directory);
     console.log('ACK saved');`,
    check,
  );
  assert.deepEqual(violations.map(printViolation), []);
  assert.deepEqual(notFollowed, []);
  assert.ok(states >= 5, `only ${states} states`);
});

test('a program whose check fails without any crash is refused', async (t) => {
  await assert.rejects(run(t, '', 'process.exit(1)'), { code: 'INVALID_ARGUMENT' });
});

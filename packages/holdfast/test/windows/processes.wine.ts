/**
 * Processes of Windows that write one file together, and processes that Windows ends
 * (TerminateProcess) before each step of a write; run under Wine. Those of transactions and
 * directories are unit tests, which are run there too.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { observeFs } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { appendRecords, updateJson } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { ended, start } from './windows-process.js';

const WRITERS = 50;
const TIMES = 20;
/** More at a time only wait longer for each other. */
const AT_A_TIME = 10;

/**
 * Makes a call in processes of which each ends before the next of its steps, until one lives;
 * checks after each.
 */
async function terminateAtEachStep(
  call: string,
  file: string,
  check: (step: number) => void,
): Promise<void> {
  for (let step = 0; !existsSync(`${file}.end`); step += 1) {
    assert.ok(step < 100, 'the program does not come to its end');
    await ended(start('die', file, String(step), call));
    check(step);
  }
  rmSync(`${file}.end`);
}

test('50 processes x 20 updates of one document: none is lost', async (t) => {
  const file = `${temporaryDirectory(t)}/count.json`;
  const waiting = Array.from({ length: WRITERS }, () => file);
  const work = async (): Promise<void> => {
    while (waiting.pop()) await ended(start('count', file, String(TIMES)));
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { n: WRITERS * TIMES });
});

test('an update whose process is terminated at any step is made or not, and nothing is left after the next', async (t) => {
  const directory = temporaryDirectory(t);
  const file = `${directory}/a.json`;
  writeFileSync(file, '{"n":0}');
  let before = 0;
  await terminateAtEachStep('update', file, (step) => {
    const { n } = JSON.parse(readFileSync(file, 'utf8')) as { n: number };
    assert.ok(n === before || n === before + 1, `step ${step}: ${n} after ${before}`);
    before = n;
  });
  assert.ok(before > 0);
  // A filesystem of its own sweeps again, as a new process would.
  await updateJson(file, () => ({ n: -1 }), { fs: observeFs(nodeFileSystem, {}) });
  assert.deepEqual(readdirSync(directory), ['a.json', 'a.json.lock']);
});

test('a log whose process is terminated at any step of an append or a compaction holds what it held, or that and no more', async (t) => {
  const directory = temporaryDirectory(t);
  const log = `${directory}/a.jsonl`;
  const lines = (): number => readFileSync(log, 'utf8').split('{"id":"a","n":1}\n').length - 1;
  const isWhole = (): boolean => readFileSync(log, 'utf8') === '{"id":"a","n":1}\n'.repeat(lines());
  await appendRecords(log, [{ id: 'a', n: 1 }]);
  let before = 1;
  await terminateAtEachStep('append', log, (step) => {
    assert.ok(isWhole() && [before, before + 1].includes(lines()), `step ${step}`);
    before = lines();
  });
  assert.ok(before > 1);
  await terminateAtEachStep('compact', log, (step) => {
    assert.ok(isWhole() && [before, 1].includes(lines()), `step ${step}`);
  });
  assert.equal(lines(), 1);
  await appendRecords(log, [{ id: 'a', n: 1 }], { fs: observeFs(nodeFileSystem, {}) });
  assert.deepEqual(readdirSync(directory), ['a.jsonl', 'a.jsonl.lock']);
});

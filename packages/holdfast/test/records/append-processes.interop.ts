/** The proof at full size; takes about half a minute. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { checkLog, runWriters } from './append-writers.js';

const work = { writers: 16, first: 0, end: 1000 };

test('16 processes x 1,000 appends: each record is there once and whole', async (t) => {
  const log = `${temporaryDirectory(t)}/log.jsonl`;
  const done = await runWriters({ log, ...work });
  assert.equal(await checkLog(log, done), 16_000);
});

test('16 processes x 1,000 appends with SIGKILLs throughout: every acknowledged record is there', async (t) => {
  const log = `${temporaryDirectory(t)}/log.jsonl`;
  const killAfter = (writer: number, life: number): number =>
    30 + ((writer * 37 + life * 53) % 300);
  const done = await runWriters({ log, ...work, killAfter });
  const count = await checkLog(log, done);
  t.diagnostic(`${done.kills} kills, ${count} records`);
  assert.ok(done.kills >= 50, `only ${done.kills} kills`);
});

/** Many processes that append to one log, also killed: 4,000 records by day, 16,000 by night. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { checkLog, runWriters } from './append-writers.js';

const each = process.env['HOLDFAST_NIGHTLY'] ? 1000 : 250;
const work = { writers: 16, first: 0, end: each };

test(`16 processes x ${each} appends: each record is there once and whole`, async (t) => {
  const log = `${temporaryDirectory(t)}/log.jsonl`;
  const done = await runWriters({ log, ...work });
  assert.equal(await checkLog(log, done), 16 * each);
});

test(`16 processes x ${each} appends with SIGKILLs throughout: every acknowledged record is there`, async (t) => {
  const log = `${temporaryDirectory(t)}/log.jsonl`;
  const killAfter = (writer: number, life: number): number =>
    30 + ((writer * 37 + life * 53) % (each * 0.3));
  const done = await runWriters({ log, ...work, killAfter });
  const count = await checkLog(log, done);
  t.diagnostic(`${done.kills} kills, ${count} records`);
  assert.ok(done.kills >= each / 20, `only ${done.kills} kills`);
});

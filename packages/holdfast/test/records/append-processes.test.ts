import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { checkLog, runWriters } from './append-writers.js';

test('4 processes that append side by side: each record is there once and whole', async (t) => {
  const log = `${temporaryDirectory(t)}/log.jsonl`;
  const done = await runWriters({ log, writers: 4, first: 200, end: 260 });
  assert.equal(await checkLog(log, done), 4 * 60);
});

test('2 processes that are killed again and again: what was acknowledged is there', async (t) => {
  const log = `${temporaryDirectory(t)}/log.jsonl`;
  const killAfter = (writer: number, life: number): number => (life < 4 ? 5 + writer + life : 1000);
  const done = await runWriters({ log, writers: 2, first: 220, end: 280, killAfter });
  assert.equal(done.kills, 8);
  await checkLog(log, done);
});

import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  acquireLock,
  appendRecords,
  compactRecords,
  isHoldfastError,
  publishDirectory,
  readJson,
  readRecords,
  recover,
  replaceFile,
  transaction,
  updateJson,
  withLock,
} from 'holdfast';

const isRefused = (error: unknown): boolean => isHoldfastError(error, 'INVALID_ARGUMENT');

test('what no call can use of the options that they share is refused by every one, and nothing is made', async (t) => {
  const root = temporaryDirectory(t);
  const log = `${root}/log.jsonl`;
  const unfit: readonly (readonly [name: string, values: readonly unknown[]])[] = [
    ['timeoutMs', [-1, NaN, '5', null]],
    ['signal', [{}, 5, null]],
    ['fs', [null, 5]],
  ];
  const calls: Readonly<Record<string, (options: object) => Promise<unknown>>> = {
    acquireLock: (options) => acquireLock(`${root}/a`, options),
    withLock: (options) => withLock(`${root}/a`, () => undefined, options),
    updateJson: (options) => updateJson(`${root}/a.json`, () => undefined, options),
    appendRecords: (options) => appendRecords(log, [{ a: 1 }], options),
    compactRecords: (options) => compactRecords(log, { key: 'a', ...options }),
    transaction: (options) => transaction(root, (tx) => tx.replaceFile('a', 'x'), options),
    recover: (options) => recover(root, options),
  };
  for (const [name, values] of unfit) {
    for (const value of values) {
      for (const [call, run] of Object.entries(calls)) {
        await assert.rejects(run({ [name]: value }), isRefused, `${call} ${name} ${String(value)}`);
      }
    }
  }
  assert.deepEqual(readdirSync(root), []);
});

test('what cannot be a path is refused by every call, and so is what cannot be records', async (t) => {
  const root = temporaryDirectory(t);
  const calls: readonly ((path: string) => Promise<unknown>)[] = [
    (path) => acquireLock(path),
    (path) => replaceFile(path, 'text'),
    (path) => readJson(path),
    (path) => updateJson(path, () => undefined),
    (path) => appendRecords(path, [{ a: 1 }]),
    (path) => publishDirectory(path, () => undefined),
    (path) => transaction(root, (tx) => tx.replaceFile(path, 'text')),
  ];
  const unfit: unknown[] = [undefined, 5, '', 'a\0b', Buffer.from('a'), pathToFileURL('/a')];
  for (const call of calls) {
    for (const path of unfit) await assert.rejects(call(path as string), isRefused, String(path));
  }
  for (const records of [undefined, null, 5, 'text', { a: 1 }]) {
    await assert.rejects(
      appendRecords(`${root}/log.jsonl`, records as unknown as object[]),
      isRefused,
    );
  }
  assert.deepEqual(readdirSync(root), []);
});

test('readRecords refuses an unfit filesystem when it is asked for the first record', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  writeFileSync(path, '{"a":1}\n');
  const records = readRecords(path, { fs: null } as object);
  await assert.rejects(records.next(), isRefused);
});

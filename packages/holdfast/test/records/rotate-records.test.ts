import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { interceptFs } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { appendRecords } from '#src/records/append-records.js';
import { compactRecords } from '#src/records/compact-records.js';
import { readRecords } from '#src/records/read-records.js';
import { repairRecords } from '#src/records/repair-records.js';

async function idsIn(path: string): Promise<number[]> {
  const ids: number[] = [];
  for await (const { id } of readRecords<{ id: number | string }>(path)) ids.push(Number(id));
  return ids;
}

/** Of all files of a log, the oldest first. */
async function idsOf(path: string): Promise<number[]> {
  const ids: number[] = [];
  let last = 0;
  while (existsSync(`${path}.${last + 1}`)) last += 1;
  for (let number = last; number > 0; number -= 1) ids.push(...(await idsIn(`${path}.${number}`)));
  return [...ids, ...(await idsIn(path))];
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, id) => id);

test('a log that would be too long is rotated: every record is in one file, in order, none longer than the limit', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  for (const id of upTo(40)) await appendRecords(path, [{ id }], { maxBytes: 50 });
  assert.deepEqual(await idsOf(path), upTo(40));
  for (let number = 1; existsSync(`${path}.${number}`); number += 1) {
    const { size } = statSync(`${path}.${number}`);
    assert.ok(size <= 50 && size > 38, `${number}: ${size}`);
  }
});

test('calls that wait share rounds, and a log is longer only where one call is', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const results = await Promise.all(
    upTo(40).map((id) => appendRecords(path, [{ id }], { maxBytes: 50 })),
  );
  assert.deepEqual(await idsOf(path), upTo(40));
  assert.ok(statSync(path).size <= 50);
  assert.ok(results.some(({ madeRoom }) => madeRoom === 'rotated'));
  const many = upTo(20).map((id) => ({ id: 40 + id }));
  await appendRecords(path, many, { maxBytes: 50 });
  assert.deepEqual(
    await idsIn(path),
    many.map(({ id }) => id),
  );
  assert.deepEqual(await idsOf(path), upTo(60));
});

test('so many rotated logs stay as are to be kept, the oldest go, also when fewer are to be kept than before', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const append = (id: number, keep: number) =>
    appendRecords(path, [{ id }], { maxBytes: 10, keep });
  for (const id of upTo(8)) await append(id, 4);
  assert.deepEqual(await idsOf(path), [3, 4, 5, 6, 7]);
  await append(8, 2);
  assert.deepEqual(await idsOf(path), [6, 7, 8]);
  await append(9, 1);
  assert.deepEqual(await idsOf(path), [8, 9]);
});

test('mode, header and byte order mark are those of the log before, and a symlink stays one', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(`${directory}/real`);
  const path = `${directory}/real/log.csv`;
  writeFileSync(path, '\ufeffid;note\r\n0;a\r\n');
  chmodSync(path, 0o640);
  symlinkSync('real/log.csv', `${directory}/log.csv`);
  await appendRecords(`${directory}/log.csv`, [{ id: 1, note: 'b' }], { maxBytes: 20, keep: 2 });
  assert.equal(readFileSync(path, 'utf8'), '\ufeffid;note\r\n1;b\r\n');
  assert.equal(readFileSync(`${path}.1`, 'utf8'), '\ufeffid;note\r\n0;a\r\n');
  assert.equal(statSync(path).mode & 0o777, 0o640);
  assert.deepEqual(await idsOf(path), [0, 1]);
});

test('with a key a log is compacted first, and rotated where that leaves more than half', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const options = { maxBytes: 100, key: 'id' };
  const made: unknown[] = [];
  for (let n = 0; n < 100; n += 1) {
    made.push((await appendRecords(path, [{ id: n % 2, n }], options)).madeRoom);
  }
  assert.ok(made.includes('compacted') && !made.includes('rotated'));
  assert.ok(!existsSync(`${path}.1`));
  for (const id of upTo(30)) await appendRecords(path, [{ id }], options);
  const ids = await idsOf(path);
  assert.deepEqual(ids.slice(-28), upTo(30).slice(-28));
  assert.ok(existsSync(`${path}.1`));
});

test('a log that cannot be compacted is rotated', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  writeFileSync(path, '{"other":1}\n');
  await appendRecords(path, [{ id: 1 }], { maxBytes: 15, key: 'id' });
  assert.equal(readFileSync(`${path}.1`, 'utf8'), '{"other":1}\n');
});

test('a free number that a crash left is filled, and nothing beyond it is touched', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const put = (suffix: string, id: number) => writeFileSync(`${path}${suffix}`, `{"id":${id}}\n`);
  put('.3', 0);
  put('.1', 1);
  put('', 2);
  await appendRecords(path, [{ id: 3 }], { maxBytes: 10, keep: 3 });
  assert.deepEqual(await idsOf(path), [0, 1, 2, 3]);
});

for (const [name, next] of Object.entries<(path: string) => Promise<unknown>>({
  'an append': (path) => appendRecords(path, [{ id: 2 }]),
  'a compaction': (path) => compactRecords(path, { key: 'id' }),
  'a repair': (path) => repairRecords(path),
})) {
  test(`a rotation that died with two names for the log is brought to its end by ${name}`, async (t) => {
    const path = `${temporaryDirectory(t)}/log.jsonl`;
    writeFileSync(path, '{"id":0}\n{"id":1}\n');
    writeFileSync(`${path}.2`, '{"id":-1}\n');
    linkSync(path, `${path}.1`);
    await next(path);
    assert.deepEqual(await idsOf(path), name === 'an append' ? [-1, 0, 1, 2] : [-1, 0, 1]);
    assert.notEqual(statSync(path).ino, statSync(`${path}.1`).ino);
  });
}

test('where there are no hard links the log is renamed', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const refused = Object.assign(new Error('no links'), { code: 'EPERM' });
  const fs = interceptFs(nodeFileSystem, {
    before: ({ name }) => (name === 'link' ? { throws: refused } : undefined),
  });
  writeFileSync(path, '{"id":0}\n');
  chmodSync(path, 0o640);
  await appendRecords(path, [{ id: 1 }], { maxBytes: 10, fs });
  assert.deepEqual(await idsOf(path), [0, 1]);
  assert.equal(statSync(path).mode & 0o777, 0o640);
});

test('what is no log in the place of a rotated one is NAME_TAKEN, and nothing is changed', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/log.jsonl`;
  writeFileSync(path, '{"id":0}\n');
  mkdirSync(`${path}.1`);
  await assert.rejects(appendRecords(path, [{ id: 1 }], { maxBytes: 10 }), (error) =>
    isHoldfastError(error, 'NAME_TAKEN'),
  );
  assert.deepEqual(await idsIn(path), [0]);
  assert.deepEqual(readdirSync(directory).toSorted(), [
    'log.jsonl',
    'log.jsonl.1',
    'log.jsonl.lock',
  ]);
});

test('options that make no sense are refused', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const wrong = [
    { keep: 1 },
    { key: 'id' },
    { maxBytes: 0 },
    { maxBytes: 1.5 },
    { maxBytes: 10, keep: 0 },
    { maxBytes: 10, keep: -1 },
    { maxBytes: 10, latestBy: 'at' },
    { maxBytes: 10, key: [] },
  ];
  for (const options of wrong) {
    await assert.rejects(appendRecords(path, [{ id: 1 }], options), (error) =>
      isHoldfastError(error, 'INVALID_ARGUMENT'),
    );
  }
});

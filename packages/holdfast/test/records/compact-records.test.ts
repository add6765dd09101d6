import assert from 'node:assert/strict';
import {
  chmodSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { test, type TestContext } from 'node:test';
import { observeFs } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { acquireLock, isHoldfastError } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { appendRecords } from '#src/records/append-records.js';
import { compactRecords } from '#src/records/compact-records.js';
import type { LogRecord } from '#src/records/log-format.js';
import { readRecords } from '#src/records/read-records.js';

async function readAll(path: string): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const record of readRecords(path)) records.push(record);
  return records;
}

function logWith(t: TestContext, content: string, name = 'log.jsonl'): string {
  const path = `${temporaryDirectory(t)}/${name}`;
  writeFileSync(path, content);
  return path;
}

test('the last write of each key stays, byte for byte and in the order of the log', async (t) => {
  const path = logWith(t, '{"id": 1, "v":"old"}\n{"id":2}\r\n\n{ "id":1,"v":"new" }\n{"id":3}');
  const result = await compactRecords(path, { key: 'id' });
  assert.equal(readFileSync(path, 'utf8'), '{"id":2}\r\n{ "id":1,"v":"new" }\n{"id":3}\n');
  assert.deepEqual(result, {
    keptCount: 3,
    droppedCount: 1,
    sizeBeforeBytes: 61,
    sizeAfterBytes: 40,
  });
});

test('the last write is the one with the largest field, among equals the later one', async (t) => {
  const path = logWith(
    t,
    '{"id":1,"at":9,"v":"a"}\n{"id":1,"at":10,"v":"b"}\n{"id":1,"at":10,"v":"c"}\n{"id":1,"at":2,"v":"d"}\n',
  );
  await compactRecords(path, { key: 'id', latestBy: 'at' });
  assert.deepEqual(await readAll(path), [{ id: 1, at: 10, v: 'c' }]);
});

test('keys may be of several fields or computed, and 1 is not "1"', async (t) => {
  const content =
    '{"a":1,"b":"x"}\n{"a":1,"b":"y"}\n{"a":"1","b":"x"}\n{"a":1,"b":"x","new":true}\n';
  const two = logWith(t, content);
  await compactRecords(two, { key: ['a', 'b'] });
  assert.equal((await readAll(two)).length, 3);
  const computed = logWith(t, content);
  await compactRecords(computed, { key: (record) => String(record['a']), latestBy: () => 1 });
  assert.deepEqual(await readAll(computed), [{ a: 1, b: 'x', new: true }]);
});

test('CSV keeps header, byte order mark, dialect and line ends; cells that are numbers count as such', async (t) => {
  const path = logWith(t, '\ufeffid;at;v\r\n1;9;old\r\n1;10;"n;ew"\r\n2;1;x\r\n', 'log.csv');
  await compactRecords(path, { key: 'id', latestBy: 'at' });
  assert.equal(readFileSync(path, 'utf8'), '\ufeffid;at;v\r\n1;10;"n;ew"\r\n2;1;x\r\n');
});

test('a hole behind a whole last record is not kept', async (t) => {
  const path = logWith(t, '{"id":1}\n{"id":1,"new":true}\0\0');
  await compactRecords(path, { key: 'id' });
  assert.equal(readFileSync(path, 'utf8'), '{"id":1,"new":true}\n');
});

test('mode and symlink stay', async (t) => {
  const path = logWith(t, '{"id":1}\n{"id":1}\n');
  chmodSync(path, 0o640);
  symlinkSync('log.jsonl', `${path}.link`);
  await compactRecords(`${path}.link`, { key: 'id' });
  assert.equal(statSync(path).mode & 0o777, 0o640);
  assert.equal(readFileSync(path, 'utf8'), '{"id":1}\n');
});

test('a log with nothing to drop is left alone', async (t) => {
  for (const content of ['', '{"id":1}\n{"id":2}\n']) {
    const path = logWith(t, content);
    const before = statSync(path);
    await compactRecords(path, { key: 'id' });
    assert.equal(statSync(path).ino, before.ino);
    assert.equal(readFileSync(path, 'utf8'), content);
  }
});

test('damage, a missing key, or times that cannot be compared: the log stays as it is', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{"id":1,"at":1}\n{"id":\n{"id":1,"at":2}\n', /Line 2 /],
    ['{"id":1,"at":1}\n{"at":2}\n', /line 2 has no key/],
    ['{"id":9007199254740993,"at":1}\n{"id":9007199254740992,"at":2}\n', /line 1 .*past 2\^53/],
    ['{"id":[9007199254740993],"at":1}\n', /line 1 .*past 2\^53/],
    ['{"id":1,"at":1}\n{"id":1}\n', /line 2 .*when it was written/],
    ['{"id":1,"at":1}\n{"id":1,"at":"2"}\n', /line 2 .*string.*number/],
  ];
  for (const [content, message] of cases) {
    const path = logWith(t, content);
    await assert.rejects(
      compactRecords(path, { key: 'id', latestBy: 'at' }),
      (error: unknown) => isHoldfastError(error, 'CORRUPT_DOCUMENT') && message.test(error.message),
    );
    assert.equal(readFileSync(path, 'utf8'), content);
  }
  const damaged = logWith(t, '{"id":1}\n{"id":\n{"id":1}\n{"to');
  await compactRecords(damaged, { key: 'id', onDamage: 'skip' });
  assert.equal(readFileSync(damaged, 'utf8'), '{"id":1}\n');
});

test('a key of no field is refused', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  writeFileSync(path, '{"a":1}\n{"a":1}\n');
  const compaction = compactRecords(path, { key: [] });
  await assert.rejects(compaction, (error) => isHoldfastError(error, 'INVALID_ARGUMENT'));
  assert.equal(readFileSync(path, 'utf8'), '{"a":1}\n{"a":1}\n');
});

test('a missing log is NOT_FOUND', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  await assert.rejects(compactRecords(path, { key: 'id' }), (error: unknown) =>
    isHoldfastError(error, 'NOT_FOUND'),
  );
});

test('when any step fails the log is as it was, and nothing is left beside it', async (t) => {
  const content = '{"id":1}\n{"id":1}\n';
  for (const failing of ['write', 'sync', 'rename']) {
    const path = logWith(t, content);
    const fs = observeFs(nodeFileSystem, {
      before({ call }) {
        if (call === failing) throw Object.assign(new Error('injected'), { code: 'EIO' });
      },
    });
    await assert.rejects(compactRecords(path, { key: 'id', fs }), (error: unknown) =>
      isHoldfastError(error),
    );
    assert.equal(readFileSync(path, 'utf8'), content);
    const directory = path.slice(0, path.lastIndexOf('/'));
    assert.deepEqual(readdirSync(directory).toSorted(), ['log.jsonl', 'log.jsonl.lock']);
  }
});

test('appends side by side with compactions lose nothing', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const last = new Map<number, number>();
  const append = async (writer: number): Promise<void> => {
    for (let n = 0; n < 40; n += 1) {
      await appendRecords(path, [{ id: writer, n }]);
      last.set(writer, n);
      if (n % 10 === 9) await compactRecords(path, { key: 'id' });
    }
  };
  await Promise.all([0, 1, 2, 3].map(append));
  await compactRecords(path, { key: 'id' });
  const found = new Map((await readAll(path)).map(({ id, n }) => [id, n]));
  assert.deepEqual(found, last);
});

test('memory grows with the keys, not with the log', async (t) => {
  const path = logWith(t, '');
  const text = 'x'.repeat(10_000);
  for (let batch = 0; batch < 20; batch += 1) {
    await appendRecords(
      path,
      Array.from({ length: 200 }, (_, n) => ({ id: n % 5, batch, text })),
    );
  }
  const before = process.memoryUsage().arrayBuffers;
  let peak = 0;
  await compactRecords(path, {
    key: (record) => {
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
      return String(record['id']);
    },
  });
  assert.equal((await readAll(path)).length, 5);
  assert.ok(peak < 16_000_000, `${peak} bytes of buffers while 40 MB were compacted`);
});

test('a compaction waits for the lock of the log', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const text = '{"id":1}\n{"id":1}\n';
  writeFileSync(path, text);
  // To a lock a filesystem of its own is another process.
  const lock = await acquireLock(path, { fs: { ...nodeFileSystem } });
  await assert.rejects(compactRecords(path, { key: 'id', timeoutMs: 0 }), (error) =>
    isHoldfastError(error, 'LOCK_TIMEOUT'),
  );
  assert.equal(readFileSync(path, 'utf8'), text);
  await lock.release();
});

import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import { appendRecords } from '#src/records/append-records.js';
import { compactRecords } from '#src/records/compact-records.js';
import type { LogDamage } from '#src/records/log-damage.js';
import type { LogRecord } from '#src/records/log-format.js';
import { readRecords, type ReadRecordsOptions } from '#src/records/read-records.js';

async function readAll(path: string, options?: ReadRecordsOptions): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const record of readRecords(path, options)) records.push(record);
  return records;
}

function logWith(t: TestContext, content: string | Uint8Array): string {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  writeFileSync(path, content);
  return path;
}

test('a missing log and an empty one have no records, and reading makes no file', async (t) => {
  const directory = temporaryDirectory(t);
  assert.deepEqual(await readAll(`${directory}/log.jsonl`), []);
  assert.deepEqual(await readAll(`${directory}/log.csv`), []);
  assert.deepEqual(readdirSync(directory), []);
  assert.deepEqual(await readAll(logWith(t, '')), []);
});

test('byte order mark, CR LF, empty lines and a last line without a line end are read', async (t) => {
  const path = logWith(t, '\ufeff{"n":1}\r\n\r\n\n{"n":2}\n{"n":3}');
  assert.deepEqual(await readAll(path), [{ n: 1 }, { n: 2 }, { n: 3 }]);
});

test('a torn tail is not a record and not an error', async (t) => {
  assert.deepEqual(await readAll(logWith(t, '{"n":1}\n{"n":2')), [{ n: 1 }]);
});

test('a damaged line is an error that names it, or skipped, or told of', async (t) => {
  const path = logWith(t, '{"n":1}\n\n{"n":\n{"n":3}\n{"to');
  await assert.rejects(
    readAll(path),
    (error: unknown) =>
      isHoldfastError(error, 'CORRUPT_DOCUMENT') && error.message.startsWith('Line 3 '),
  );
  assert.deepEqual(await readAll(path, { onDamage: 'skip' }), [{ n: 1 }, { n: 3 }]);
  const told: LogDamage[] = [];
  assert.deepEqual(await readAll(path, { onDamage: (damage) => told.push(damage) }), [
    { n: 1 },
    { n: 3 },
  ]);
  assert.deepEqual(
    told.map(({ line, offsetBytes, sizeBytes, isTorn }) => ({
      line,
      offsetBytes,
      sizeBytes,
      isTorn,
    })),
    [
      { line: 3, offsetBytes: 9, sizeBytes: 6, isTorn: false },
      { line: 5, offsetBytes: 23, sizeBytes: 4, isTorn: true },
    ],
  );
});

test('a line that is not UTF-8 is damaged, never bent into other characters', async (t) => {
  const path = logWith(
    t,
    Buffer.concat([Buffer.from('{"a":"'), Buffer.of(0xff), Buffer.from('"}\n{"a":"é"}\n')]),
  );
  await assert.rejects(readAll(path), /Line 1 is not a record: it is not UTF-8/);
  assert.deepEqual(await readAll(path, { onDamage: 'skip' }), [{ a: 'é' }]);
});

test('raw NULs far from the end are damage, not what an append left', async (t) => {
  const path = logWith(t, `{"a":"\0"}\n${`{"x":"${'x'.repeat(1000)}"}\n`.repeat(1100)}`);
  await assert.rejects(readAll(path), /Line 1 /);
});

test('lines longer than a chunk, and characters cut by one, come whole', async (t) => {
  const records = Array.from({ length: 12 }, (_, n) => ({ n, text: 'ä€😀'.repeat(n * 20_000) }));
  const path = logWith(t, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  assert.deepEqual(await readAll(path), records);
});

test('what is appended, compacted or cut while reading does not disturb it', async (t) => {
  const path = logWith(t, '');
  const text = 'x'.repeat(2000);
  const records = Array.from({ length: 2000 }, (_, n) => ({ key: n % 3, n, text }));
  await appendRecords(path, records);
  let seen = 0;
  for await (const record of readRecords(path)) {
    assert.deepEqual(record, records[seen]);
    seen += 1;
    if (seen === 2) await appendRecords(path, [{ key: 0, n: -1, text }]);
    if (seen === 4) await compactRecords(path, { key: 'key' });
  }
  assert.equal(seen, records.length);
  assert.deepEqual(
    (await readAll(path)).map(({ n }) => n),
    [1997, 1999, -1],
  );
  for await (const record of readRecords(path)) {
    truncateSync(path, 0);
    assert.ok(record);
  }
});

test('memory holds a chunk, not the log, and stopping early closes the file', async (t) => {
  const path = logWith(t, `{"x":"${'x'.repeat(1000)}"}\n`.repeat(4000));
  let readBytes = 0;
  let openFiles = 0;
  const fs: Fs = {
    ...nodeFileSystem,
    async open(...args) {
      const file = await nodeFileSystem.open(...args);
      openFiles += 1;
      const read = file.read.bind(file);
      const close = file.close.bind(file);
      file.read = async (buffer, offsetBytes) => {
        const got = await read(buffer, offsetBytes);
        readBytes += got;
        return got;
      };
      file.close = async () => {
        openFiles -= 1;
        await close();
      };
      return file;
    },
  };
  for await (const record of readRecords(path, { fs })) {
    assert.ok(record);
    break;
  }
  assert.ok(readBytes < 1_000_000, `${readBytes} bytes were read for the first record`);
  assert.equal(openFiles, 0);
});

test('a log in a directory that allows no new files can be read', async (t) => {
  const path = logWith(t, '{"n":1}\n');
  const directory = path.slice(0, path.lastIndexOf('/'));
  chmodSync(directory, 0o555);
  try {
    assert.deepEqual(await readAll(path), [{ n: 1 }]);
  } finally {
    chmodSync(directory, 0o755);
  }
  assert.deepEqual(readdirSync(directory), ['log.jsonl']);
});

test('a directory is refused, and so is a misspelt option', async (t) => {
  const directory = temporaryDirectory(t);
  await assert.rejects(readAll(directory), (error: unknown) =>
    isHoldfastError(error, 'UNSUPPORTED_TARGET'),
  );
  appendFileSync(`${directory}/log`, '');
  await assert.rejects(
    readAll(`${directory}/log`, { onDamge: 'skip' } as object),
    /did you mean 'onDamage'/,
  );
});

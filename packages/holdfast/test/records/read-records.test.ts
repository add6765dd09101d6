import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  readdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
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

/**
 * A log of many chunks, and a filesystem that does something to it right after the first of these
 * was read.
 */
function changedWhileRead(t: TestContext, content: string, change: (path: string) => void) {
  const path = logWith(t, content);
  let reads = 0;
  const fs: Fs = {
    ...nodeFileSystem,
    open: async (...args) => {
      const file = await nodeFileSystem.open(...args);
      const read: typeof file.read = async (buffer, offsetBytes) => {
        const got = await file.read(buffer, offsetBytes);
        if (buffer.length >= 64 * 1024 && (reads += 1) === 1) change(path);
        return got;
      };
      return new Proxy(file, {
        get: (target, name) => {
          if (name === 'read') return read;
          const value: unknown = Reflect.get(target, name);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    },
  };
  return { path, fs };
}

const manyLines = Array.from(
  { length: 60_000 },
  (_, n) => `{"n":${n},"text":"${'x'.repeat(20)}"}\n`,
).join('');

for (const size of [0, 1, 700_000, manyLines.length - 1]) {
  test(`a log that is cut to ${size} bytes while it is read is an error, not an early end`, async (t) => {
    const { path, fs } = changedWhileRead(t, manyLines, (log) => truncateSync(log, size));
    await assert.rejects(readAll(path, { fs }), (error: unknown) =>
      isHoldfastError(error, 'TARGET_CHANGED'),
    );
  });

  test(`a log that is cut to ${size} bytes while it is compacted stays as it was left`, async (t) => {
    const { path, fs } = changedWhileRead(t, manyLines, (log) => truncateSync(log, size));
    await assert.rejects(compactRecords(path, { key: 'n', fs }), (error: unknown) =>
      isHoldfastError(error, 'TARGET_CHANGED'),
    );
    assert.equal(statSync(path).size, size);
  });
}

test('a torn tail that an append takes away while the log is read is no error', async (t) => {
  const { path, fs } = changedWhileRead(t, `${manyLines}{"torn":`, (log) =>
    truncateSync(log, manyLines.length),
  );
  assert.equal((await readAll(path, { fs })).length, 60_000);
});

/**
 * A filesystem on which another program writes an emptied log anew once it was looked at a few
 * times.
 */
function refilling(log: string, content: string): Fs {
  let looks = 0;
  return {
    ...nodeFileSystem,
    open: async (...args) => {
      const file = await nodeFileSystem.open(...args);
      const stat: typeof file.stat = async (...how) => {
        looks += 1;
        if (looks === 4 && statSync(log).size === 0) writeFileSync(log, content);
        return file.stat(...how);
      };
      return new Proxy(file, {
        get: (target, name) => {
          if (name === 'stat') return stat;
          const value: unknown = Reflect.get(target, name);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    },
  };
}

test('a log that another program writes anew in place is waited for, by a reader and by an append', async (t) => {
  const path = logWith(t, '{"theirs":1}\n');
  const reader = refilling(path, '{"theirs":2}\n');
  assert.deepEqual(await readAll(path, { fs: reader }), [{ theirs: 1 }]);
  truncateSync(path, 0);
  assert.deepEqual(await readAll(path, { fs: reader }), [{ theirs: 2 }]);

  const writer = refilling(path, '{"theirs":3}\n');
  assert.equal((await readAll(path, { fs: writer })).length, 1);
  truncateSync(path, 0);
  await appendRecords(path, [{ ours: 1 }], { fs: writer });
  assert.deepEqual(await readAll(path), [{ theirs: 3 }, { ours: 1 }]);
});

test('a log that was emptied on purpose begins anew', async (t) => {
  const path = logWith(t, '');
  await appendRecords(path, [{ n: 1 }]);
  truncateSync(path, 0);
  assert.deepEqual(await readAll(path), []);
  await appendRecords(path, [{ n: 2 }]);
  assert.deepEqual(await readAll(path), [{ n: 2 }]);
});

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import * as fc from 'fast-check';
import { isHoldfastError, type ErrorCode } from 'holdfast';
import { appendRecords } from '#src/records/append-records.js';
import type { LogRecord } from '#src/records/log-format.js';
import { readRecords } from '#src/records/read-records.js';

const cell = fc
  .oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({
      unit: fc.constantFrom('"', "'", ',', ';', '\t', ' ', 'a', '\u2028', '\\', '\ufeff', '='),
    }),
  )
  .filter((text) => !/[\n\r\0]/.test(text) && !/\p{Surrogate}/u.test(text));

async function readAll(path: string): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const record of readRecords(path)) records.push(record);
  return records;
}

function logWith(t: TestContext, content: string | Uint8Array, name = 'log.csv'): string {
  const path = `${temporaryDirectory(t)}/${name}`;
  writeFileSync(path, content);
  return path;
}

test('any cells come back as they were, one line a record', async (t) => {
  const directory = temporaryDirectory(t);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(cell, { minLength: 1, maxLength: 4 }),
      fc.array(fc.array(cell, { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 8 }),
      async (columns, rows) => {
        const path = `${directory}/${(run += 1)}.csv`;
        const records = rows.map((row) =>
          Object.fromEntries(columns.map((name, i) => [name, row[i]])),
        );
        await appendRecords(path, records, { columns });
        assert.equal(readFileSync(path, 'utf8').split('\n').length, rows.length + 2);
        assert.deepEqual(await readAll(path), records);
      },
    ),
    { numRuns: 60 },
  );
});

test('the columns of a new log are the fields of its first records, in order of appearance', async (t) => {
  const path = `${temporaryDirectory(t)}/log.csv`;
  await appendRecords(path, [
    { b: 1, a: true },
    { c: null, a: 12n },
  ]);
  assert.equal(readFileSync(path, 'utf8'), 'b,a,c\n1,true,\n,12,\n');
});

test('a record that CSV cannot keep on one line is refused, and record and column are named', async (t) => {
  const path = logWith(t, 'id,note\n1,first\n');
  const cases: readonly (readonly [LogRecord, RegExp])[] = [
    [{ id: 2, note: 'two\nlines' }, /Record 1, field 'note'.*line break/],
    [{ id: 2, note: 'a\rb' }, /Record 1, field 'note'.*line break/],
    [{ id: 'a\0b' }, /Record 1, field 'id'.*NUL/],
    [{ id: '\ud800' }, /Record 1, field 'id'.*surrogate/],
    [{ id: { deep: 1 } }, /Record 1, field 'id'.*object/],
    [{ id: Number.NaN }, /Record 1, field 'id'.*NaN/],
    [{ id: 2, other: 1 }, /Record 1, field 'other'.*no such column.*id, note/],
  ];
  for (const [record, message] of cases) {
    await assert.rejects(
      appendRecords(path, [{ id: 1 }, record]),
      (error: unknown) => isHoldfastError(error, 'UNREPRESENTABLE') && message.test(error.message),
    );
  }
  assert.equal(readFileSync(path, 'utf8'), 'id,note\n1,first\n');
});

test("an existing log's dialect is kept: delimiter, quote, line end, byte order mark, column order", async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['id;note\n', '7;"a;b,c"\n'],
    ['id\tnote\n', '7\ta;b,c\n'],
    ['id|note\r\n', '7|a;b,c\r\n'],
    ["'id','note'\n", "7,'a;b,c'\n"],
    ['\ufeffid,note\r\n', '7,"a;b,c"\r\n'],
    ['"x,y";id;note\n', ';7;"a;b,c"\n'],
    ['note,id\n', '"a;b,c",7\n'],
    ['\n\nid,note\n', '7,"a;b,c"\n'],
  ];
  for (const [header, line] of cases) {
    const path = logWith(t, header);
    await appendRecords(path, [{ id: 7, note: 'a;b,c' }]);
    assert.equal(readFileSync(path, 'utf8'), header + line);
    const [record] = await readAll(path);
    assert.deepEqual({ id: record?.['id'], note: record?.['note'] }, { id: '7', note: 'a;b,c' });
  }
});

test('a log of one column whose cell is empty has a line for it', async (t) => {
  const path = `${temporaryDirectory(t)}/log.csv`;
  await appendRecords(path, [{ only: '' }, { only: 'x' }]);
  assert.equal(readFileSync(path, 'utf8'), 'only\n""\nx\n');
  assert.deepEqual(await readAll(path), [{ only: '' }, { only: 'x' }]);
});

test('columns are different names, and a delimiter is one character that is none of a cell', async (t) => {
  const directory = temporaryDirectory(t);
  const isRefused = (name: string, options: object, code: ErrorCode): Promise<void> =>
    assert.rejects(appendRecords(`${directory}/${name}`, [{ a: 1 }], options), (error) =>
      isHoldfastError(error, code),
    );
  for (const columns of [['a', 'a'], []])
    await isRefused('new.csv', { columns }, 'INVALID_ARGUMENT');
  for (const delimiter of [';;', 'x'])
    await isRefused('new.csv', { delimiter }, 'INVALID_ARGUMENT');
  const made = readdirSync(directory).filter((name) => name.endsWith('.csv'));
  for (const name of made) assert.equal(readFileSync(`${directory}/${name}`, 'utf8'), '');
  writeFileSync(`${directory}/old.csv`, 'a,a\n1,2\n');
  await isRefused('old.csv', {}, 'CORRUPT_DOCUMENT');
  assert.equal(readFileSync(`${directory}/old.csv`, 'utf8'), 'a,a\n1,2\n');
});

test('a new log whose name ends in .tsv is separated by tabs', async (t) => {
  const path = `${temporaryDirectory(t)}/log.tsv`;
  await appendRecords(path, [{ a: 1, b: 'x,y' }]);
  assert.equal(readFileSync(path, 'utf8'), 'a\tb\n1\tx,y\n');
});

test('a lone header without a line end is completed when it has every field, else put aside', async (t) => {
  const whole = logWith(t, 'id,note');
  const { repairs } = await appendRecords(whole, [{ id: 1 }]);
  assert.deepEqual(
    repairs.map(({ kind }) => kind),
    ['completed'],
  );
  assert.equal(readFileSync(whole, 'utf8'), 'id,note\n1,\n');

  const torn = logWith(t, 'id,no');
  const [repair] = (await appendRecords(torn, [{ id: 1, note: 'x' }])).repairs;
  assert.equal(repair?.kind, 'removed');
  assert.equal(readFileSync(repair?.keptAt ?? '', 'utf8'), 'id,no');
  assert.equal(readFileSync(torn, 'utf8'), 'id,note\n1,x\n');
});

test('a row without a line end is torn: a shorter number would read as well', async (t) => {
  const path = logWith(t, 'id,amount\n1,10\n2,20');
  assert.deepEqual(await readAll(path), [{ id: '1', amount: '10' }]);
  const [repair] = (await appendRecords(path, [{ id: 3, amount: 30 }])).repairs;
  assert.equal(readFileSync(repair?.keptAt ?? '', 'utf8'), '2,20');
  assert.equal(readFileSync(path, 'utf8'), 'id,amount\n1,10\n3,30\n');
});

test('a row that is not one line, or has other cells than the header, is an error that names its line', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['a,b\n1,2\n3,"two\nlines"\n', /Line 3 /],
    ['a,b\n1,2\n\n1,2,3\n', /Line 4 .*3 cells where the header has 2/],
    ['a,b\n1,x"y\n', /Line 2 /],
    ['a,a\n1,2\n', /header/],
  ];
  for (const [content, message] of cases) {
    await assert.rejects(
      readAll(logWith(t, content)),
      (error: unknown) => isHoldfastError(error, 'CORRUPT_DOCUMENT') && message.test(error.message),
    );
  }
});

test('a log in UTF-16 is refused and left alone', async (t) => {
  const content = Buffer.from('\ufeffid\n1\n', 'utf16le');
  const path = logWith(t, content);
  await assert.rejects(appendRecords(path, [{ id: 1 }]), /UTF-16/);
  assert.deepEqual(readFileSync(path), content);
});

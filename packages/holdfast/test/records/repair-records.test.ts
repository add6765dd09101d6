import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { test, type TestContext } from 'node:test';
import { interceptFs } from '@holdfast/crashkit';
import { isHoldfastError } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { appendRecords } from '#src/records/append-records.js';
import { readRecords } from '#src/records/read-records.js';
import { repairRecords, type RepairResult } from '#src/records/repair-records.js';

function logWith(t: TestContext, content: string | Buffer, name = 'log.jsonl'): string {
  const path = `${temporaryDirectory(t)}/${name}`;
  writeFileSync(path, content);
  return path;
}

async function readAll(path: string): Promise<unknown[]> {
  const records: unknown[] = [];
  for await (const record of readRecords(path)) records.push(record);
  return records;
}

/** What was taken out, as it is kept. */
function keptOf({ repairs }: RepairResult): string[] {
  return repairs
    .filter(({ kind }) => kind === 'removed')
    .map(({ keptAt = '', keptOffsetBytes = 0, sizeBytes }) =>
      readFileSync(keptAt).toString('latin1', keptOffsetBytes, keptOffsetBytes + sizeBytes),
    );
}

/** A damaged line, the records that are in it, and what is taken out. */
const lines: readonly (readonly [name: string, string, records: readonly unknown[], string[]])[] = [
  ['two records on one line', '{"a":1}{"b":2}\n', [{ a: 1 }, { b: 2 }], []],
  [
    'three, with spaces between',
    '{"a":1} \t{"b":2}{"c":"}{"}\n',
    [{ a: 1 }, { b: 2 }, { c: '}{' }],
    [],
  ],
  ['half a record before one, torn in a text', '{"a":"hal{"b":2}\n', [{ b: 2 }], ['{"a":"hal']],
  ['… in a name', '{"ab{"b":2}\n', [{ b: 2 }], ['{"ab']],
  ['… in an escape', '{"a":"x\\{"b":2}\n', [{ b: 2 }], ['{"a":"x\\']],
  ['… in a number', '{"a":12{"b":2}\n', [{ b: 2 }], ['{"a":12']],
  ['… in a literal', '{"a":tr{"b":2}\n', [{ b: 2 }], ['{"a":tr']],
  ['… behind a brace', '{{"b":2}\n', [{ b: 2 }], ['{']],
  ['… behind a colon', '{"a":{"b":2}\n', [{ b: 2 }], ['{"a":']],
  ['… behind an object in it', '{"a":{"x":1}{"b":2}\n', [{ b: 2 }], ['{"a":{"x":1}']],
  ['… with an object in a text', '{"a":"see {} an{"b":2}\n', [{ b: 2 }], ['{"a":"see {} an']],
  ['two halves before one', '{"a":"ha{"c":{"d{"b":2}\n', [{ b: 2 }], ['{"a":"ha{"c":{"d']],
  ['half a record behind one', '{"a":1}{"b":\n', [{ a: 1 }], ['{"b":']],
  ['a record between halves', '{"a":"h{"b":2}{"c\n', [{ b: 2 }], ['{"a":"h', '{"c']],
  [
    'the end of a record before one',
    'x":{"n":1},"y":[{"z":2}]}{"b":2}\n',
    [{ b: 2 }],
    ['x":{"n":1},"y":[{"z":2}]}'],
  ],
  ['the end of a record behind one', '{"a":1},"b":2}\n', [{ a: 1 }], [',"b":2}']],
  ['NULs before a record', '\0\0\0{"a":1}\n', [{ a: 1 }], ['\0\0\0']],
  ['NULs between records', '{"a":1}\0\0{"b":2}\n', [{ a: 1 }, { b: 2 }], ['\0\0']],
  ['NULs in a record', '{"a":"\0\0"}\n', [], ['{"a":"\0\0"}\n']],
  ['a value behind NULs that is no record', '\0\0{"n":1}}\n', [], ['\0\0{"n":1}}\n']],
  ['a value before NULs that is no record', '{"a":{"n":1}\0\0\n', [], ['{"a":{"n":1}\0\0\n']],
  ['half a character before a record', '{"a":"caf\xc3{"b":2}\n', [{ b: 2 }], ['{"a":"caf\xc3']],
  ['a byte in a record that is no character', '{"a":"\xff"}\n', [], ['{"a":"\xff"}\n']],
  ['a byte order mark in the middle', '\xef\xbb\xbf{"a":1}\n', [{ a: 1 }], ['\xef\xbb\xbf']],
  ['an array of objects', '[{"a":1},{"b":2}]\n', [], ['[{"a":1},{"b":2}]\n']],
  ['no JSON', 'Error: {}\n', [{}], ['Error: ']],
];

for (const [name, line, records, kept] of lines) {
  test(`repair: ${name}`, async (t) => {
    const before = '{"first":true}\r\n\n';
    const path = logWith(t, Buffer.from(`${before}${line}{"last":true}\n`, 'latin1'));
    const result = await repairRecords(path);
    const all = [{ first: true }, ...records, { last: true }];
    assert.deepEqual(await readAll(path), all);
    assert.deepEqual(keptOf(result), kept);
    assert.equal(result.recordCount, all.length);
    assert.equal(result.sizeAfterBytes, statSync(path).size);
    assert.ok(readFileSync(path, 'latin1').startsWith(before), 'other lines stay as they are');
    assert.ok(result.repairs.every((repair) => repair.line === 3));
    assert.deepEqual((await repairRecords(path)).repairs, [], 'nothing is left to mend');
  });
}

test('repair: places are told, a last line gets its end, what is torn behind it goes', async (t) => {
  const path = logWith(t, '{"a":1}{"b":2}\n{"c":3}{"d":');
  const { repairs } = await repairRecords(path);
  const told = repairs.map(({ kind, line, offsetBytes, sizeBytes }) => [
    kind,
    line,
    offsetBytes,
    sizeBytes,
  ]);
  assert.deepEqual(told, [
    ['separated', 1, 7, 7],
    ['removed', 2, 22, 5],
    ['completed', 2, 15, 7],
  ]);
  assert.equal(readFileSync(path, 'utf8'), '{"a":1}\n{"b":2}\n{"c":3}\n');
  const whole = logWith(t, '{"a":1}\0\0');
  assert.deepEqual(keptOf(await repairRecords(whole)), ['\0\0']);
  assert.equal(readFileSync(whole, 'utf8'), '{"a":1}\n');
});

test('repair: a log in order is left alone, a missing one is NOT_FOUND', async (t) => {
  const path = logWith(t, '{"a":1}\r\n\n{"b":2}\n');
  const inode = statSync(path).ino;
  assert.deepEqual((await repairRecords(path)).repairs, []);
  assert.equal(statSync(path).ino, inode);
  await assert.rejects(repairRecords(`${path}.no`), (error) => isHoldfastError(error, 'NOT_FOUND'));
});

test('repair: with check nothing is written, and what would be done is told', async (t) => {
  const content = '{"a":1}{"b":2}\n\0\0\n';
  const path = logWith(t, content);
  const told = await repairRecords(path, { check: true });
  assert.deepEqual(
    told.repairs.map(({ kind, keptAt }) => [kind, keptAt]),
    [
      ['separated', undefined],
      ['removed', undefined],
    ],
  );
  assert.deepEqual(readdirSync(dirname(path)), ['log.jsonl']);
  assert.equal(readFileSync(path, 'utf8'), content);
  const { sizeAfterBytes, recordCount } = await repairRecords(path);
  assert.deepEqual([sizeAfterBytes, recordCount], [told.sizeAfterBytes, told.recordCount]);
});

/** Lines below `a,b,c`, the rows they are taken apart into, and what is kept aside. */
const csvLines: readonly (readonly [name: string, string, rows: readonly string[], string[]])[] = [
  ['text behind a quoted cell', '1,2,"3"4,5,6\n', ['1,2,3', '4,5,6'], []],
  ['a quoted cell behind text', '1,2,3"4, four",5,6\n', ['1,2,3', '4, four,5,6'], []],
  ['a CR', '1,2,3\r4,5,6\n', ['1,2,3', '4,5,6'], []],
  ['a CR, in a log of CR LF', '1,2,é\r4,5,6\r\n', ['1,2,é', '4,5,6'], []],
  ['nothing on either side', '1,2,,5,6\n', ['1,2,', ',5,6'], []],
  ['a delimiter', '1,2,3,4,5,6\n', ['1,2,3', '4,5,6'], [',']],
  ['three rows', '1,2,"3"4,5,6\r7,8,9\n', ['1,2,3', '4,5,6', '7,8,9'], []],
  ['text on both sides', '1,2,34,5,6\n', [], ['1,2,34,5,6\n']],
  ['a quoted cell of either row', '1,2,"34",5,6\n', [], ['1,2,"34",5,6\n']],
  ['a quote that may be one of the text', '1,2,"3""4",5,6\n', [], ['1,2,"3""4",5,6\n']],
  ['a half before a row', '1,2"4",5,6\n', [], ['1,2"4",5,6\n']],
  ['a row before a half', '1,2,"3"4,5\n', [], ['1,2,"3"4,5\n']],
  [
    'a line end of one CR throughout',
    '1,2,3\r4,5,6\r7,8,9\r1,2,3\n',
    ['1,2,3', '4,5,6', '7,8,9', '1,2,3'],
    [],
  ],
  ['three rows, of which two cannot be told', '1,2,34,5,"6"7,8,9\n', [], ['1,2,34,5,"6"7,8,9\n']],
  ['a hole', '1,2,3\0\x004,5,6\n', [], ['1,2,3\0\x004,5,6\n']],
  ['no line end', '1,2,"3"4,5,6', [], ['1,2,"3"4,5,6']],
];

for (const [name, line, rows, kept] of csvLines) {
  test(`repair: rows of CSV that share a line, ${name}`, async (t) => {
    const path = logWith(t, `a,b,c\nx,y,z\n${line}`, 'log.csv');
    const result = await repairRecords(path);
    const found = (await readAll(path)) as Record<string, string>[];
    assert.deepEqual(
      found.map((row) => Object.values(row).join(',')),
      ['x,y,z', ...rows],
    );
    assert.deepEqual(keptOf(result), kept);
    assert.equal(result.recordCount, 1 + rows.length);
    assert.deepEqual((await repairRecords(path)).repairs, [], 'nothing is left to mend');
  });
}

test('repair: a damaged row of CSV is taken out whole, the header and other rows stay', async (t) => {
  const content = '\ufeffid;note\r\n1;a\r\n2;b;c\r\n\0\0\r\n3;"d"\r\n4';
  const path = logWith(t, content, 'log.csv');
  const result = await repairRecords(path);
  assert.deepEqual(keptOf(result), ['2;b;c\r\n', '\0\0\r\n', '4']);
  assert.equal(readFileSync(path, 'utf8'), '\ufeffid;note\r\n1;a\r\n3;"d"\r\n');
});

test('repair: of very many pieces one file keeps all, one after the other', async (t) => {
  const pieces = Array.from({ length: 20 }, (_, i) => `no${i}\n`);
  const path = logWith(t, pieces.map((piece, i) => `{"n":${i}}\n${piece}`).join(''));
  const result = await repairRecords(path);
  assert.deepEqual(keptOf(result), pieces);
  assert.equal(new Set(result.repairs.map(({ keptAt }) => keptAt)).size, 1);
});

test('repair: mode and symlink stay, and so do those of what is kept', async (t) => {
  const path = logWith(t, '{"a":1}x\n');
  chmodSync(path, 0o640);
  const link = `${path}.link`;
  symlinkSync(path, link);
  const { repairs } = await repairRecords(link);
  assert.equal(statSync(path).mode & 0o777, 0o640);
  assert.equal(statSync(repairs[0]?.keptAt ?? '').mode & 0o777, 0o640);
  assert.deepEqual(await readAll(link), [{ a: 1 }]);
});

test('repair: appends side by side lose nothing', async (t) => {
  const path = logWith(t, `${'{"n":-1}'.repeat(2000)}\n`);
  const appends = Array.from({ length: 50 }, (_, n) => appendRecords(path, [{ n }]));
  await Promise.all([repairRecords(path), ...appends]);
  const numbers = (await readAll(path)).map((record) => (record as { n: number }).n);
  assert.equal(numbers.filter((n) => n === -1).length, 2000);
  assert.deepEqual(
    numbers.filter((n) => n >= 0),
    Array.from({ length: 50 }, (_, n) => n),
  );
});

test('repair: a line that is made to be read again and again is given up, not read for ever', async (t) => {
  const hostile = '{"a{":"b{","c{":"d{",'.repeat(20_000);
  const path = logWith(t, `{"a":1}\n${hostile}\n${'[{"a":'.repeat(50_000)}\n{"b":2}\n`);
  await repairRecords(path);
  const all = await readAll(path);
  assert.deepEqual([all[0], all.at(-1)], [{ a: 1 }, { b: 2 }]);
});

test('repair: a log that another program makes longer meanwhile is left as it is', async (t) => {
  const path = logWith(t, '{"a":1}{"b":2}\n');
  const fs = interceptFs(nodeFileSystem, {
    after: ({ name }) => {
      // The staged file is written when the log has been read.
      if (name === 'write') writeFileSync(path, '{"c":3}\n', { flag: 'a' });
    },
  });
  await assert.rejects(repairRecords(path, { fs }), (error) =>
    isHoldfastError(error, 'TARGET_CHANGED'),
  );
  assert.ok(readFileSync(path, 'utf8').startsWith('{"a":1}{"b":2}\n{"c":3}\n'));
});

test('repair: a wrong option is refused', async (t) => {
  const path = logWith(t, '');
  const wrong = [
    { check: 1 },
    { keepSetAside: { count: 0 } },
    { keepSetAside: { age: 1 } },
    { key: 'a' },
  ];
  for (const options of wrong) {
    await assert.rejects(repairRecords(path, options as object), (error) =>
      isHoldfastError(error, 'INVALID_ARGUMENT'),
    );
  }
  assert.ok(existsSync(path));
});

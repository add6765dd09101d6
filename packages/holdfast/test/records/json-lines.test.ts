import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isHoldfastError } from 'holdfast';
import { jsonLines } from '#src/records/json-lines.js';
import { DamagedLine, type LogRecord } from '#src/records/log-format.js';

const head = { format: 'jsonl', sizeBytes: 0 } as const;

/** What any program may take for the end of a line (Python's str.splitlines knows the most). */
const lineBreaks = Array.from('\n\v\f\r\u001c\u001d\u001e\u0085\u2028\u2029');

const nastyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('"', '\\', '\n', '\r', '\0', '\u2028', '\u0085', '\ud800', '\ufeff', ','),
  }),
);

test('any record comes back as it was, from one line that is one for every program', () => {
  const record = fc.dictionary(nastyText, fc.oneof(nastyText, fc.jsonValue({ maxDepth: 3 })));
  fc.assert(
    fc.property(fc.array(record), (records) => {
      // What JSON.parse gives back is compared, so that -0 and the like are none of this test's
      // concern.
      const plain = JSON.parse(JSON.stringify(records)) as LogRecord[];
      const text = jsonLines.prepare(plain, 'log').encode(head);
      const lines = text.split('\n');
      assert.equal(lines.pop(), '');
      assert.ok(!lineBreaks.some((character) => lines.join('').includes(character)));
      assert.deepEqual(jsonLines.decode(lines, head), plain);
    }),
  );
});

test('what JSON would drop or bend is refused, and the place is named', () => {
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = { again: cyclic };
  const deep: unknown = JSON.parse(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`);
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [{ a: { b: [1, Number.NaN] } }, /field 'a\.b\[1\]'.*NaN/],
    [{ when: new Date() }, /field 'when'.*Date/],
    [{ n: 5n }, /field 'n'.*bigint/],
    [{ f() {} }, /field 'f'.*function/],
    [{ m: new Map() }, /field 'm'.*Map/],
    [{ list: [undefined] }, /field 'list\[0\]'.*undefined/],
    [{ zero: -0 }, /field 'zero'.*-0/],
    [{ at: { [Symbol('hidden')]: 1 } }, /field 'at'.*symbol/],
    [cyclic, /contains itself/],
    [{ deep }, /deeper than 1000/],
    [[1], /must be a plain object/],
    ['text', /must be a plain object/],
  ];
  for (const [record, message] of cases) {
    assert.throws(
      () => jsonLines.prepare([{ fine: true }, record as LogRecord], 'log'),
      (error: unknown) =>
        isHoldfastError(error, 'UNREPRESENTABLE') &&
        error.outcome === 'unchanged' &&
        error.message.startsWith('Record 1') &&
        error.message.length < 500 &&
        message.test(error.message),
    );
  }
});

test('a field that is undefined counts as absent', () => {
  assert.equal(jsonLines.prepare([{ a: 1, b: undefined }], 'log').encode(head), '{"a":1}\n');
});

test('no beginning of a record is a record', () => {
  const line = jsonLines
    .prepare([{ id: 12, text: 'a"b}', nested: { x: [1, {}] } }], 'log')
    .encode(head);
  for (let size = 0; size < line.length - 1; size += 1) {
    assert.equal(jsonLines.isWhole(line.slice(0, size)), false, line.slice(0, size));
  }
  assert.equal(jsonLines.isWhole(line.trimEnd()), true);
});

test('a line that is JSON but no object is damaged', () => {
  for (const line of ['12', '"text"', 'null', '[{}]', '{"a":1}{"b":2}', '<<<<<<< HEAD']) {
    assert.ok(jsonLines.decode([line], head)[0] instanceof DamagedLine, line);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { detectFormat, formatDocument, type JsonFormat } from '#src/json/format.js';

const layouts: readonly string[] = [
  '{\n  "a": [\n    1,\n    "x\\n, y"\n  ],\n  "b": {}\n}\n',
  '{\n\t"a": 1\n}',
  '{\r\n    "a": [\r\n        1\r\n    ]\r\n}\r\n',
  '{"a":1,"b":[1,2]}',
  '{"a": 1, "b": [1, 2], "c": {"d": "x, y: z"}}',
  '["a, b", 1]\n',
  '[1, 2]',
  '[1,2]\n',
  '{"a b": {"c": 1}}',
  '{\n            "deep": 1\n}\n',
];

for (const text of layouts) {
  test(`the layout is kept: ${JSON.stringify(text)}`, () => {
    assert.equal(formatDocument(JSON.parse(text), detectFormat(text, false)), text);
  });
}

test('a document that shows no indentation gets that of a new one', () => {
  assert.equal(formatDocument({ a: 1 }, detectFormat('{}\n', false)), '{\n  "a": 1\n}\n');
  assert.equal(formatDocument({ a: 1 }, detectFormat('{}', false)), '{\n  "a": 1\n}');
  assert.equal(formatDocument({ a: 1 }, detectFormat('', false)), '{\n  "a": 1\n}\n');
});

test('every layout holds every value, and is found again in what it made', () => {
  const format = fc.record({
    hasByteOrderMark: fc.constant(false),
    indent: fc.constantFrom('', ' ', '  ', '\t', ' '.repeat(12)),
    isSpaced: fc.boolean(),
    lineEnd: fc.constantFrom<JsonFormat['lineEnd']>('\n', '\r\n'),
    endsWithNewline: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.jsonValue(), format, (value, layout) => {
      const text = formatDocument(value, layout);
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
      assert.equal(formatDocument(value, detectFormat(text, false)), text);
    }),
    { numRuns: 1000 },
  );
});

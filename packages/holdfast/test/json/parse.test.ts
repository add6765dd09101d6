import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isHoldfastError, type ErrorCode } from 'holdfast';
import { decodeText } from '#src/document/decode.js';
import { parseDocument } from '#src/json/parse.js';
import { findFault } from '#src/json/scan.js';

/** Text, what the message must say, code. */
const refused: readonly (readonly [string, string, ErrorCode])[] = [
  [
    '{"a":}',
    `line 1, column 6 (at '/a'): there is "}" where a value is expected`,
    'CORRUPT_DOCUMENT',
  ],
  ['{"a":1,}', 'line 1, column 8', 'CORRUPT_DOCUMENT'],
  ['{\n  "a": [1, 2\n}', `line 3, column 1 (at '/a')`, 'CORRUPT_DOCUMENT'],
  ['{\r\n"a" 1}', 'line 2, column 5', 'CORRUPT_DOCUMENT'],
  ['{"ä😀": x}', 'line 1, column 8', 'CORRUPT_DOCUMENT'],
  ['{"a":1', 'the document ends', 'CORRUPT_DOCUMENT'],
  ['{"a":1}{"b":2}', 'column 8', 'CORRUPT_DOCUMENT'],
  ['\0\0\0\0', 'column 1', 'CORRUPT_DOCUMENT'],
  ['[01]', `there is "0" where a value is expected`, 'CORRUPT_DOCUMENT'],
  ['[1.]', 'column 2', 'CORRUPT_DOCUMENT'],
  ['["a\nb"]', 'no bare control character', 'CORRUPT_DOCUMENT'],
  ['["\\x"]', 'a valid escape', 'CORRUPT_DOCUMENT'],
  ["{'a':1}", "a member's name in double quotes", 'CORRUPT_DOCUMENT'],
  ['{"a":[1,NaN]}', `line 1, column 9 (at '/a/1'): NaN`, 'UNREPRESENTABLE'],
  ['{"a":-Infinity}', `(at '/a'): -Infinity`, 'UNREPRESENTABLE'],
  ['{"a":{"b":9007199254740993}}', `(at '/a/b')`, 'UNREPRESENTABLE'],
  ['[18446744073709551615]', `(at '/0')`, 'UNREPRESENTABLE'],
  ['[1152921504606846976]', 'as it is written', 'UNREPRESENTABLE'],
  ['[1e400]', '1e400', 'UNREPRESENTABLE'],
  ['[-1e-400]', '-1e-400', 'UNREPRESENTABLE'],
  ['[0.1234567890123456789]', `(at '/0')`, 'UNREPRESENTABLE'],
  ['[3.14159265358979323846e+000]', `(at '/0')`, 'UNREPRESENTABLE'],
  ['{"a":1,"b":{"a":1,"\\u0061":2}}', `line 1, column 19 (at '/b/a')`, 'UNREPRESENTABLE'],
  ['{"big":9007199254740993,"a":}', 'column 29', 'CORRUPT_DOCUMENT'],
  [`${'['.repeat(1001)}${']'.repeat(1001)}`, 'deeper than 1000', 'UNREPRESENTABLE'],
];

for (const [text, says, code] of refused) {
  test(`refused, and the place is named: ${JSON.stringify(text.slice(0, 40))}`, () => {
    assert.throws(
      () => parseDocument(text, 'doc.json'),
      (error) =>
        isHoldfastError(error, code) &&
        error.outcome === 'unchanged' &&
        error.message.includes(says),
    );
  });
}

test('numbers that survive are read', () => {
  for (const number of [
    '9007199254740991',
    '-9007199254740992',
    '100000000000000000000',
    '293879216636730600',
    '1.0',
    '-0',
    '0.10000000000000001',
    '0.1000000000000000055511151231257827',
    '1.7976931348623157e308',
    '5e-324',
    '1e16',
    '1234567.1234567890',
    '0.000000000000000000000000',
  ]) {
    assert.deepEqual(parseDocument(`[${number}]`, 'doc.json'), [Number(number)]);
  }
});

test('__proto__ is plain data', () => {
  const value = parseDocument('{"__proto__":{"a":1}}', 'doc.json') as object;
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.equal(JSON.stringify(value), '{"__proto__":{"a":1}}');
});

test('digits, colons and exponents inside strings are not taken for numbers or members', () => {
  const text = '{"a:1":"12345678901234567890 1e999 \\" : \\\\","b":["\\\\\\"",":"]}';
  assert.equal(JSON.stringify(parseDocument(text, 'doc.json')), text);
});

test('whatever JSON.stringify writes is read back the same', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2, '\t'), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      assert.deepEqual(parseDocument(text, 'doc.json'), JSON.parse(text));
      assert.equal(findFault(text), undefined);
    }),
  );
});

test('the exact reader agrees with JSON.parse on what is JSON', () => {
  const almost = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', ',', '}', '0', '\\', 'e', ' ', '-', '['))
    .map(([text, at, insert]) => {
      const index = at % (text.length + 1);
      return text.slice(0, index) + insert + text.slice(index + (insert === '' ? 1 : 0));
    });
  fc.assert(
    fc.property(almost, (text) => {
      let isJson = true;
      try {
        JSON.parse(text);
      } catch {
        isJson = false;
      }
      assert.equal(findFault(text)?.kind !== 'syntax', isJson);
    }),
    { numRuns: 2000 },
  );
});

test('bytes that are not UTF-8 are refused, by line', () => {
  const bytes = Buffer.concat([Buffer.from('{\n"a": "'), Buffer.from([0xff]), Buffer.from('"}')]);
  assert.throws(
    () => decodeText(bytes, 'doc.json'),
    (error) => isHoldfastError(error, 'CORRUPT_DOCUMENT') && error.message.includes('line 2'),
  );
});

// Backtracking from each of a million places would not end within the time of a test run.
test('a number of millions of digits is judged in one pass', () => {
  for (const literal of [`1.${'0'.repeat(2_000_000)}1`, `${'10'.repeat(1_000_000)}.5`]) {
    const parsed = (): unknown => parseDocument(`{"a":${literal}}`, 'doc.json');
    assert.throws(parsed, (error) => isHoldfastError(error, 'UNREPRESENTABLE'));
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isHoldfastError } from 'holdfast';
import type { JsonValue } from '#src/json/json-value.js';
import { formatPointer } from '#src/document/plain-data.js';
import { deleteAt, getAt, parsePointer, setAt } from '#src/json/pointer.js';

/** The document and the table of RFC 6901 section 5. */
const rfcDocument: JsonValue = {
  foo: ['bar', 'baz'],
  '': 0,
  'a/b': 1,
  'c%d': 2,
  'e^f': 3,
  'g|h': 4,
  'i\\j': 5,
  'k"l': 6,
  ' ': 7,
  'm~n': 8,
};
const rfcTable: readonly (readonly [string, JsonValue])[] = [
  ['', rfcDocument],
  ['/foo', ['bar', 'baz']],
  ['/foo/0', 'bar'],
  ['/', 0],
  ['/a~1b', 1],
  ['/c%d', 2],
  ['/e^f', 3],
  ['/g|h', 4],
  ['/i\\j', 5],
  ['/k"l', 6],
  ['/ ', 7],
  ['/m~0n', 8],
];

test('the examples of RFC 6901 give their values', () => {
  for (const [pointer, value] of rfcTable) assert.deepEqual(getAt(rfcDocument, pointer), value);
});

test('a pointer comes back from its names', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (tokens) => {
      assert.deepEqual(parsePointer(formatPointer(tokens)), tokens);
    }),
  );
});

test('a malformed pointer is refused', () => {
  for (const pointer of ['a', '/~', '/~2', 'a/b']) {
    assert.throws(
      () => parsePointer(pointer),
      (e) => isHoldfastError(e, 'INVALID_ARGUMENT'),
    );
  }
});

test('what is only inherited is not there', () => {
  assert.equal(getAt({}, '/toString'), undefined);
  assert.equal(getAt({}, '/__proto__'), undefined);
  assert.equal(getAt([1], '/length'), undefined);
  assert.equal(getAt([1], '/01'), undefined);
});

test('setting makes the missing levels and leaves the given document alone', () => {
  const before: JsonValue = { a: [1] };
  assert.deepEqual(setAt(before, '/b/c/d', 1), { a: [1], b: { c: { d: 1 } } });
  assert.deepEqual(setAt(before, '/a/-', 2), { a: [1, 2] });
  assert.deepEqual(setAt(before, '/a/0', 2), { a: [2] });
  assert.deepEqual(before, { a: [1] });
});

test('setting through a value that has no members is refused', () => {
  for (const pointer of ['/a/b', '/list/2', '/list/x']) {
    assert.throws(
      () => setAt({ a: 'text', list: [1] }, pointer, 1),
      (e) => isHoldfastError(e, 'NOT_FOUND'),
    );
  }
});

test('__proto__ is a name like any other', () => {
  const document = setAt({}, '/__proto__/polluted', true);
  assert.equal(JSON.stringify(document), '{"__proto__":{"polluted":true}}');
  assert.equal(getAt(document, '/__proto__/polluted'), true);
  assert.equal(Object.getPrototypeOf(document), Object.prototype);
  assert.equal(JSON.stringify(deleteAt(document, '/__proto__')), '{}');
});

test('deleting takes out one place and nothing else', () => {
  assert.deepEqual(deleteAt({ a: [1, 2, 3], b: 1 }, '/a/1'), { a: [1, 3], b: 1 });
  assert.deepEqual(deleteAt({ a: [1], b: 1 }, '/b'), { a: [1] });
  assert.throws(
    () => deleteAt({}, '/a'),
    (e) => isHoldfastError(e, 'NOT_FOUND'),
  );
  assert.throws(
    () => deleteAt({}, ''),
    (e) => isHoldfastError(e, 'INVALID_ARGUMENT'),
  );
});

test('what was set is there, and everything else is as it was', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.array(fc.string(), { minLength: 1, maxLength: 3 }),
      fc.jsonValue(),
      (given, tokens, value) => {
        const document = given as JsonValue;
        const before = JSON.stringify(document);
        let after: JsonValue;
        try {
          after = setAt(document, tokens, value as JsonValue);
        } catch (error) {
          assert.ok(isHoldfastError(error, 'NOT_FOUND'));
          return;
        }
        assert.equal(JSON.stringify(document), before);
        if (!tokens.includes('-')) assert.deepEqual(getAt(after, tokens), value);
        for (const key of Object.keys(given)) {
          if (key !== tokens[0]) assert.deepEqual(getAt(after, [key]), given[key]);
        }
      },
    ),
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHoldfastError, type ErrorCode } from 'holdfast';
import { applyJsonPatch, type JsonPatchOperation } from '#src/json/json-patch.js';
import type { JsonValue } from '#src/json/json-value.js';

interface Example {
  readonly promise: string;
  readonly document: JsonValue;
  readonly patch: readonly unknown[];
  readonly result?: JsonValue;
  readonly error?: ErrorCode;
}

/** Appendix A of RFC 6902 (A.1 to A.16), then what it leaves to be tried. */
const examples: readonly Example[] = [
  {
    promise: 'A.1 add a member',
    document: { foo: 'bar' },
    patch: [{ op: 'add', path: '/baz', value: 'qux' }],
    result: { foo: 'bar', baz: 'qux' },
  },
  {
    promise: 'A.2 add an element',
    document: { foo: ['bar', 'baz'] },
    patch: [{ op: 'add', path: '/foo/1', value: 'qux' }],
    result: { foo: ['bar', 'qux', 'baz'] },
  },
  {
    promise: 'A.3 remove a member',
    document: { baz: 'qux', foo: 'bar' },
    patch: [{ op: 'remove', path: '/baz' }],
    result: { foo: 'bar' },
  },
  {
    promise: 'A.4 remove an element',
    document: { foo: ['bar', 'qux', 'baz'] },
    patch: [{ op: 'remove', path: '/foo/1' }],
    result: { foo: ['bar', 'baz'] },
  },
  {
    promise: 'A.5 replace a value where it stands',
    document: { baz: 'qux', foo: 'bar' },
    patch: [{ op: 'replace', path: '/baz', value: 'boo' }],
    result: { baz: 'boo', foo: 'bar' },
  },
  {
    promise: 'A.6 move a value',
    document: { foo: { bar: 'baz', waldo: 'fred' }, qux: { corge: 'grault' } },
    patch: [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }],
    result: { foo: { bar: 'baz' }, qux: { corge: 'grault', thud: 'fred' } },
  },
  {
    promise: 'A.7 move an element',
    document: { foo: ['all', 'grass', 'cows', 'eat'] },
    patch: [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
    result: { foo: ['all', 'cows', 'eat', 'grass'] },
  },
  {
    promise: 'A.8 a test that holds',
    document: { baz: 'qux', foo: ['a', 2, 'c'] },
    patch: [
      { op: 'test', path: '/baz', value: 'qux' },
      { op: 'test', path: '/foo/1', value: 2 },
    ],
    result: { baz: 'qux', foo: ['a', 2, 'c'] },
  },
  {
    promise: 'A.9 a test that does not hold',
    document: { baz: 'qux' },
    patch: [{ op: 'test', path: '/baz', value: 'bar' }],
    error: 'TARGET_CHANGED',
  },
  {
    promise: 'A.10 add a nested member',
    document: { foo: 'bar' },
    patch: [{ op: 'add', path: '/child', value: { grandchild: {} } }],
    result: { foo: 'bar', child: { grandchild: {} } },
  },
  {
    promise: 'A.11 members that the RFC does not know are ignored',
    document: { foo: 'bar' },
    patch: [{ op: 'add', path: '/baz', value: 'qux', xyz: 123 }],
    result: { foo: 'bar', baz: 'qux' },
  },
  {
    promise: 'A.12 add below a missing parent',
    document: { foo: 'bar' },
    patch: [{ op: 'add', path: '/baz/bat', value: 'qux' }],
    error: 'NOT_FOUND',
  },
  {
    promise: 'A.14 escapes are read in order',
    document: { '/': 9, '~1': 10 },
    patch: [{ op: 'test', path: '/~01', value: 10 }],
    result: { '/': 9, '~1': 10 },
  },
  {
    promise: 'A.15 a string is not a number',
    document: { '/': 9, '~1': 10 },
    patch: [{ op: 'test', path: '/~01', value: '10' }],
    error: 'TARGET_CHANGED',
  },
  {
    promise: 'A.16 append to an array',
    document: { foo: ['bar'] },
    patch: [{ op: 'add', path: '/foo/-', value: ['abc', 'def'] }],
    result: { foo: ['bar', ['abc', 'def']] },
  },
  {
    promise: 'copy',
    document: { a: [1] },
    patch: [
      { op: 'copy', from: '/a', path: '/b' },
      { op: 'add', path: '/b/-', value: 2 },
    ],
    result: { a: [1], b: [1, 2] },
  },
  {
    promise: 'a test compares members in any order',
    document: { a: { x: 1, y: [{}] } },
    patch: [{ op: 'test', path: '/a', value: { y: [{}], x: 1 } }],
    result: { a: { x: 1, y: [{}] } },
  },
  {
    promise: 'replacing the whole document',
    document: { a: 1 },
    patch: [{ op: 'replace', path: '', value: [1] }],
    result: [1],
  },
  {
    promise: 'move into itself',
    document: { a: { b: 1 } },
    patch: [{ op: 'move', from: '/a', path: '/a/b' }],
    error: 'INVALID_ARGUMENT',
  },
  {
    promise: 'replace what is not there',
    document: {},
    patch: [{ op: 'replace', path: '/a', value: 1 }],
    error: 'NOT_FOUND',
  },
  {
    promise: 'insert past the end',
    document: { a: [1] },
    patch: [{ op: 'add', path: '/a/2', value: 1 }],
    error: 'NOT_FOUND',
  },
  {
    promise: 'an unknown operation',
    document: {},
    patch: [{ op: 'toString', path: '' }],
    error: 'INVALID_ARGUMENT',
  },
  {
    promise: 'a missing value',
    document: {},
    patch: [{ op: 'add', path: '/a' }],
    error: 'INVALID_ARGUMENT',
  },
];

for (const { promise, document, patch, result, error } of examples) {
  test(`JSON patch: ${promise}`, () => {
    const before = JSON.stringify(document);
    const apply = (): JsonValue => applyJsonPatch(document, patch as JsonPatchOperation[]);
    if (error) assert.throws(apply, (e) => isHoldfastError(e, error));
    else assert.equal(JSON.stringify(apply()), JSON.stringify(result));
    assert.equal(JSON.stringify(document), before);
  });
}

test('a patch that is not a list is refused', () => {
  assert.throws(
    () => applyJsonPatch({}, {} as unknown as JsonPatchOperation[]),
    (e) => isHoldfastError(e, 'INVALID_ARGUMENT'),
  );
});

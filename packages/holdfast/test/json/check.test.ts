import assert from 'node:assert/strict';
import { test } from 'node:test';
import vm from 'node:vm';
import * as fc from 'fast-check';
import { checkValue } from '#src/json/check.js';
import { formatPointer } from '#src/document/plain-data.js';

const cycle: Record<string, unknown> = {};
cycle['self'] = cycle;

/** What JSON would drop or bend, and where the error must say it is. */
const losses: readonly (readonly [string, unknown, string])[] = [
  ['NaN', { a: [1, NaN] }, '/a/1'],
  ['Infinity', { a: -Infinity }, '/a'],
  ['a function', { a: { f: () => 1 } }, '/a/f'],
  ['a symbol', { a: Symbol('s') }, '/a'],
  ['a member named by a symbol', { a: { [Symbol('s')]: 1 } }, '/a'],
  ['a bigint', { 'a/b': 1n }, '/a~1b'],
  ['undefined in an array', [1, undefined], '/1'],
  // oxlint-disable-next-line no-sparse-arrays -- the hole is what is tested
  ['a hole in an array', [[1, , 2]], '/0/1'],
  ['a Map', { m: new Map() }, '/m'],
  ['a Set', { s: new Set([1]) }, '/s'],
  ['a RegExp', { r: /x/ }, '/r'],
  ['an Error', { e: new Error('x') }, '/e'],
  ['a boxed number', { n: Object(1) as unknown }, '/n'],
  ['typed arrays', { bytes: new Uint8Array(1) }, '/bytes'],
  ['an invalid Date', { d: new Date(NaN) }, '/d'],
  ['the document itself undefined', undefined, ''],
  ['an instance of a class', { o: new AbortController() }, '/o'],
];

for (const [what, value, place] of losses) {
  test(`the place of the loss is named: ${what}`, () => {
    const { loss } = checkValue(value);
    assert.ok(loss);
    assert.equal(formatPointer(loss.tokens), place);
  });
}

test('a value that contains itself is refused', () => {
  assert.ok(checkValue(cycle).loss);
});

test('what JSON writes faithfully passes, from another realm too', () => {
  const foreign = vm.runInNewContext('({ a: [1, { b: null }] })') as unknown;
  for (const value of [foreign, Object.create(null), { u: undefined }, new Date(0), -0, 1e300]) {
    assert.equal(checkValue(value).loss, undefined);
  }
});

test('a value that reads back differently is said to be converted', () => {
  for (const value of [new Date(0), { a: undefined }, [-0], Object.create(null)]) {
    assert.equal(checkValue(value).isConverted, true);
  }
  assert.equal(checkValue({ a: [1, 'b', null, { c: true }] }).isConverted, false);
});

test('a value passes unconverted only if JSON gives back the same', () => {
  fc.assert(
    fc.property(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withSparseArray: true }),
      (value) => {
        const { loss, isConverted } = checkValue(value);
        if (loss || isConverted) return;
        assert.deepStrictEqual(JSON.parse(JSON.stringify(value)), value);
      },
    ),
    { numRuns: 2000 },
  );
});

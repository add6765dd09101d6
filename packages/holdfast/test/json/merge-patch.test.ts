import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { JsonValue } from '#src/json/json-value.js';
import { mergePatch } from '#src/json/merge-patch.js';

/** Appendix A of RFC 7396: document, patch, result. */
const rfcTable: readonly (readonly [string, string, string])[] = [
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', '{}'],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', 'null', 'null'],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
  ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
];

test('the examples of RFC 7396 give their results', () => {
  for (const [document, patch, result] of rfcTable) {
    const merged = mergePatch(JSON.parse(document) as JsonValue, JSON.parse(patch) as JsonValue);
    assert.equal(JSON.stringify(merged), result);
  }
});

test('a patch that names __proto__ writes a member and pollutes nothing', () => {
  const patch = JSON.parse('{"__proto__":{"polluted":1},"a":{"__proto__":2}}') as JsonValue;
  const merged = mergePatch({ a: {} }, patch);
  assert.equal(JSON.stringify(merged), '{"a":{"__proto__":2},"__proto__":{"polluted":1}}');
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
});

test('a patch applied twice is a patch applied once, and its arguments stay as they were', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (document, patch) => {
      const before = JSON.stringify([document, patch]);
      const once = mergePatch(document as JsonValue, patch as JsonValue);
      assert.deepEqual(mergePatch(once, patch as JsonValue), once);
      assert.equal(JSON.stringify([document, patch]), before);
    }),
  );
});

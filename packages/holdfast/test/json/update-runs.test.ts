import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { editText } from '#src/json/edit.js';
import { detectFormat } from '#src/json/format.js';
import { temporaryDirectory } from '@holdfast/tools/testing';
import * as fc from 'fast-check';
import { updateJson, type JsonObject, type JsonValue } from 'holdfast';
import { inlineFileSystem, nodeFileSystem } from 'holdfast/os';

const key = fc.constantFrom('a', 'b', 'text-3', '7', '__proto__', 'new');
const value = fc
  .jsonValue({ maxDepth: 2 })
  .map((made) => JSON.parse(JSON.stringify(made)) as JsonValue);

/**
 * What happens to the document: an update, several that share a commit, or a write by another
 * program.
 */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('set' as const), key, value }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), key, value }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), key, value }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('group' as const), key, value }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('foreign' as const), key, value }) },
);

function change(object: JsonObject, name: string, made: JsonValue | undefined): void {
  if (made === undefined) delete object[name];
  else {
    const attributes = { writable: true, enumerable: true, configurable: true };
    Object.defineProperty(object, name, { value: made, ...attributes });
  }
}

/** Texts of a thousand characters, so many that the document is as long as it says. */
function documentOf(sizeBytes: number): JsonObject {
  const document: JsonObject = {};
  for (let i = 0; i * 1000 < sizeBytes; i += 1) document[`text-${i}`] = `${i} é`.padEnd(1000, '.');
  return document;
}

for (const [what, sizeBytes, fs] of [
  ['a long document', 100_000, nodeFileSystem],
  ['a short document', 3000, nodeFileSystem],
  ['a short document, made inline', 3000, inlineFileSystem],
] as const) {
  test(`a long run of updates of ${what} leaves what single ones would, byte for byte`, async (t) => {
    const path = `${temporaryDirectory(t)}/doc.json`;
    const options = { fs, durability: 'atomic' } as const;
    const text = fc.array(step, { minLength: 12, maxLength: 24 });
    await fc.assert(
      fc.asyncProperty(text, async (steps) => {
        const model = documentOf(sizeBytes);
        let reference = JSON.stringify(model, null, 2);
        writeFileSync(path, reference);
        /** What one update by itself makes of the text. */
        const updated = (name: string, next: JsonValue | undefined): void => {
          change(model, name, next);
          const before = { text: reference, json: reference };
          reference = editText(before, model, detectFormat(reference, false)).text;
        };
        for (const { kind, key: name, value: made } of steps) {
          const next = kind === 'delete' ? undefined : made;
          const updater = (object: JsonObject): void => change(object, name, next);
          if (kind === 'foreign') {
            change(model, name, next);
            reference = JSON.stringify(model, null, 2);
            writeFileSync(path, reference);
            continue;
          }
          if (kind === 'fail') {
            const failing = (object: JsonObject): void => {
              updater(object);
              throw new Error('no');
            };
            await assert.rejects(updateJson(path, failing, options), /no/);
            continue;
          }
          updated(name, next);
          const first = updateJson(path, updater, options);
          if (kind === 'group') {
            const before = JSON.stringify(model);
            updated('last', name);
            const second = updateJson(path, (object) => change(object, 'last', name), options);
            assert.equal(JSON.stringify(await first), before);
            assert.equal(JSON.stringify(await second), JSON.stringify(model));
          }
          const got = await first;
          if (kind !== 'group') assert.equal(JSON.stringify(got), JSON.stringify(model));
          // It belongs to the caller: what becomes of it does not concern the document.
          change(got, 'spoilt', true);
          assert.equal(readFileSync(path, 'utf8'), reference);
        }
      }),
      { numRuns: 25 },
    );
  });
}

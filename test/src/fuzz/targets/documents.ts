/** What the core reads of documents: JSON, and what changes it. */
import { readJson, updateJson, type JsonValue } from 'holdfast';
import {
  applyJsonPatch,
  getAt,
  mergePatch,
  parseJson,
  type JsonPatchOperation,
} from 'holdfast/json';
import { readFileSync } from 'node:fs';
import type { FuzzTarget } from '../target.js';

const documents: readonly string[] = [
  '{"runs":1,"list":[1,2.5,-0,1e300],"text":"é\\u00e9\\ud83d\\ude00\\n","deep":{"a":{"b":[[],{}]}},"no":null,"yes":true}\n',
  '[\r\n\t{"id": 1},\r\n\t{"id": 2}\r\n]',
  '\ufeff"text"',
  '-12.5e-3',
  '',
  '{"__proto__":{"a":1},"constructor":2,"":3}',
];

const words: readonly string[] = [
  ...'{}[]",:\\/'.split(''),
  'true',
  'false',
  'null',
  'NaN',
  'Infinity',
  '1e999999999',
  '9007199254740993',
  '0.1234567890123456789',
  '\\u0000',
  '\\ud800',
  '"__proto__":',
  '"runs":',
  '\0',
  '\u2028',
  '['.repeat(2000),
  '{"a":'.repeat(1500),
  '9'.repeat(5000),
];

export const json: FuzzTarget = {
  fileName: 'document.json',
  words,
  seeds: async () => documents.map((text) => Buffer.from(text)),
  async read(path) {
    await readJson(path);
    await updateJson<JsonValue>(path, (value) => mergePatch(value, { fuzzed: true }), {
      durability: 'atomic',
    });
    await readJson(path);
  },
};

const patches: readonly string[] = [
  '[{"op":"test","path":"/runs","value":1},{"op":"replace","path":"/runs","value":2}]',
  '[{"op":"add","path":"/list/-","value":{"a":[1]}},{"op":"remove","path":"/deep/a"}]',
  '[{"op":"move","from":"/list/0","path":"/first"},{"op":"copy","from":"/deep","path":"/deep/a/b/0"}]',
  '{"runs":null,"deep":{"a":{"b":null}},"new":{"x":null,"y":[null]}}',
];

const patched = parseJson(documents[0] ?? '', 'the document');

/** Both kinds of patches, and pointers: texts of a stranger that change a document of ours. */
export const patch: FuzzTarget = {
  fileName: 'patch.json',
  words: [
    ...words.slice(0, 20),
    '"op":"move"',
    '"op":"copy"',
    '"op":"test"',
    '"from":"/deep"',
    '"path":"/deep/a/b"',
    '"path":"/list/-"',
    '"path":"/list/4294967295"',
    '"path":"/__proto__/a"',
    '"path":"~2"',
    '"path":""',
  ],
  seeds: async () => patches.map((text) => Buffer.from(text)),
  async read(path) {
    const value = parseJson(readFileSync(path, 'utf8'), 'the patch');
    const document = structuredClone(patched);
    mergePatch(document, value);
    if (typeof value === 'string') getAt(document, value);
    applyJsonPatch(document, value as unknown as readonly JsonPatchOperation[]);
    if (({} as { a?: unknown }).a !== undefined) throw new Error('all objects have got a member');
  },
};

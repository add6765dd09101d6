import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readJson, readRecords, updateJson } from 'holdfast';
import { parseText, readByPieces, throughText } from '#src/json/parse-text.js';

/** A name that the process has met, and one whose escaped text begins like it. */
const pairs = [
  ['\\', '"'],
  ['\\', '\n'],
  ['C:\\', 'C:\t'],
  ['a\\n', 'a\nb'],
] as const;

test('a name with an escape is read as what it says, whatever names were read before', () => {
  for (const [met, name] of pairs) {
    JSON.parse(JSON.stringify({ first: 1, [met]: 1 }));
    const object = { first: 1, [name]: { first: 1, [name]: 2 } };
    assert.deepEqual(parseText(JSON.stringify(object)), object);
    assert.deepEqual(parseText(JSON.stringify([object], undefined, 2)), [object]);
    assert.deepEqual(throughText(object), object);
  }
});

test('documents and records keep names that are written with an escape', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-names-'));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'document.json');
  for (const [met, name] of pairs) {
    JSON.parse(JSON.stringify({ kept: 1, [met]: 1 }));
    const object = { kept: 1, [name]: 2 };
    await writeFile(path, JSON.stringify(object));
    assert.deepEqual(await readJson(path), object);
    await updateJson(path, (value) => ({ ...(value as object), added: 3 }));
    assert.equal(await readFile(path, 'utf8'), JSON.stringify({ ...object, added: 3 }));
    const log = join(directory, 'log.jsonl');
    await writeFile(log, `${JSON.stringify(object)}\n`);
    const records: unknown[] = [];
    for await (const record of readRecords(log)) records.push(record);
    assert.deepEqual(records, [object]);
  }
});

test('a text read by pieces has the value that the engine makes of it', () => {
  const indent = fc.constantFrom('', ' ', '\t', '    ');
  const lineEnd = fc.constantFrom('\n', '\r\n');
  const texts = fc
    .tuple(fc.jsonValue(), indent, lineEnd)
    .map(([value, space, end]) => JSON.stringify(value, undefined, space).replaceAll('\n', end));
  fc.assert(
    fc.property(texts, (text) => {
      // Where the engine may read a name wrong there is nothing to compare with.
      if (!text.includes('\\')) assert.deepEqual(readByPieces(text), JSON.parse(text));
    }),
    { numRuns: 500 },
  );
  const named = '{"__proto__":[1],"a":1,"":{},"a":[ ],"1":null}';
  assert.deepEqual(readByPieces(named), JSON.parse(named));
});

test('a text that is not JSON is refused as the engine refuses it', () => {
  for (const text of ['', '{"\\":1}', '{"\\"":}', '[1,]', '"\\x"']) {
    assert.throws(() => parseText(text), SyntaxError);
  }
});

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError, readJson, transaction, updateJson, type JsonObject } from 'holdfast';

const setZ = (document: JsonObject): void => void (document['z'] = 1);

test('what an update does not change stays to the byte: spellings, escapes, layout, byte order mark', async (t) => {
  const path = `${temporaryDirectory(t)}/p.json`;
  const text =
    '\uFEFF{"lr": 1.0,\r\n  "n": 1e16, "s": "\\u00e9 é", "list": [1, 2.50,\r\n3], "zero": -0.0}\r\n\r\n';
  writeFileSync(path, text);
  await updateJson(path, setZ);
  assert.equal(readFileSync(path, 'utf8'), text.replace('-0.0', '-0.0, "z": 1'));
  // Also in a run of updates, which reads nothing again, and when several share a commit.
  await updateJson(path, (document) => void (document['z'] = 2));
  await Promise.all([
    updateJson(path, (document) => void (document['z'] = 3)),
    updateJson<Record<string, unknown>>(path, (document) => void (document['y'] = new Date(0))),
    updateJson(path, (document) => void delete document['n']),
  ]);
  assert.equal(
    readFileSync(path, 'utf8'),
    text
      .replace('\r\n  "n": 1e16, "s"', '\r\n  "s"')
      .replace('-0.0', '-0.0, "z": 3, "y": "1970-01-01T00:00:00.000Z"'),
  );
});

test('a document named .jsonc has comments and trailing commas, and keeps them', async (t) => {
  const root = temporaryDirectory(t);
  const path = `${root}/settings.jsonc`;
  writeFileSync(path, '// mine\n{\n  "a": 1, // one\n  /* two */\n  "b": [2,],\n}\n');
  assert.deepEqual(await readJson(path), { a: 1, b: [2] });
  await updateJson(path, setZ);
  await updateJson(path, (document) => void delete document['b']);
  await transaction(root, (tx) => tx.updateJson(path, (document) => void (document['a'] = 2)));
  assert.equal(readFileSync(path, 'utf8'), '// mine\n{\n  "a": 2, // one\n  "z": 1,\n}\n');
});

test('comments in a .json file are an error, unless the caller allows them', async (t) => {
  const path = `${temporaryDirectory(t)}/tsconfig.json`;
  writeFileSync(path, '{\n  // strict\n  "a": 1\n}\n');
  const isCorrupt = (error: unknown): boolean => isHoldfastError(error, 'CORRUPT_DOCUMENT');
  await assert.rejects(updateJson(path, setZ), isCorrupt);
  await assert.rejects(readJson(path), isCorrupt);
  assert.deepEqual(await readJson(path, { syntax: 'jsonc' }), { a: 1 });
  await updateJson(path, setZ, { syntax: 'jsonc' });
  assert.equal(readFileSync(path, 'utf8'), '{\n  // strict\n  "a": 1,\n  "z": 1\n}\n');
  await assert.rejects(readJson(path, { syntax: 'json5' as 'jsonc' }), (error) =>
    isHoldfastError(error, 'INVALID_ARGUMENT'),
  );
});

test('a break of a JSONC document is told with its line and column', async (t) => {
  const path = `${temporaryDirectory(t)}/a.jsonc`;
  writeFileSync(path, '/* a\n */ {"a": /* b */ nul}');
  await assert.rejects(readJson(path), /line 2, column 19 \(at '\/a'\)/);
  writeFileSync(path, '{"a": 1, /* }');
  await assert.rejects(readJson(path), (error) => isHoldfastError(error, 'CORRUPT_DOCUMENT'));
});

test('a member that stands twice is refused, in JSONC too', async (t) => {
  const path = `${temporaryDirectory(t)}/a.jsonc`;
  writeFileSync(path, '{"a": 1, /* again */ "a": 2}');
  await assert.rejects(updateJson(path, setZ), (error) =>
    isHoldfastError(error, 'UNREPRESENTABLE'),
  );
  assert.equal(readFileSync(path, 'utf8'), '{"a": 1, /* again */ "a": 2}');
});

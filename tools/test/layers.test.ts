import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkFile, checkLayers } from '#src/layers.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));

test('every import keeps to the layers', () => {
  const { files, violations } = checkLayers(repository);
  assert.ok(files > 10, `found only ${files} source files`);
  assert.deepEqual(violations, []);
});

const mustFail: readonly [rule: string, file: string, text: string][] = [
  [
    'the lock may not know the JSON document',
    'packages/holdfast/src/lock/lock.ts',
    "import { a } from '../json/update.js';",
  ],
  [
    'json and records do not know each other',
    'packages/holdfast/src/json/update.ts',
    "import type { a } from '../records/append.js';",
  ],
  [
    'only os/ touches the disk',
    'packages/holdfast/src/file/replace.ts',
    "import { writeFileSync } from 'node:fs';",
  ],
  [
    'no other spelling of the door either',
    'packages/raster/src/write.ts',
    "const fs = await import('fs/promises');",
  ],
  [
    'above os/ paths have slashes on every platform',
    'packages/holdfast/src/stage/names.ts',
    "import { join } from 'node:path';",
  ],
  [
    'native code is called from os/native only',
    'packages/holdfast/src/lock/lock.ts',
    "createRequire(import.meta.url)('koffi'); require('koffi');",
  ],
  [
    'the core knows no package above it',
    'packages/holdfast/src/index.ts',
    "export * from '@holdfast/raster';",
  ],
  [
    'raster and metaflow do not know each other',
    'packages/raster/src/index.ts',
    "import '@holdfast/metaflow';",
  ],
  [
    'a new room of the core needs a place',
    'packages/holdfast/src/utils/a.ts',
    "import { b } from '../os/fs.js';",
  ],
];

for (const [rule, file, text] of mustFail) {
  test(`a layer violation is found: ${rule}`, () => {
    assert.equal(checkFile(file, text).length, 1);
  });
}

test('imports downwards pass', () => {
  const text =
    "import { withLock } from '../lock/with-lock.js'; import { HoldfastError } from '../errors.js';";
  assert.deepEqual(checkFile('packages/holdfast/src/json/update.ts', text), []);
});

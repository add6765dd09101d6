import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inodeComparisons, packageFiles, pathsAbove, wideFunctions } from '#src/house-rules.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const sources = packageFiles(repository);

test('at most ten functions of the packages take five parameters or more', () => {
  const sample = 'class A { a(b, c, d, e, f) {} } type F = (a, b, c, d, e) => void; (a, b) => 0;';
  assert.equal(wideFunctions({ file: 'sample.ts', text: sample }).length, 2);
  assert.ok(sources.length > 300, `found only ${sources.length} source files`);
  const wide = sources.flatMap(wideFunctions);
  assert.ok(wide.length <= 10, `${wide.length} functions: ${wide.join(', ')}`);
});

test('no file of a package names a path above its package', () => {
  const file = 'packages/raster/src/read/a.ts';
  const sample = "import '../model.js'; open('../../../bench/a'); // made by tools/src/make.ts";
  assert.equal(pathsAbove({ file, text: sample }).length, 2);
  assert.deepEqual(packageFiles(repository, ['test']).flatMap(pathsAbove), []);
});

test('inodes are compared in one place of the core', () => {
  const sample = { file: 'sample.ts', text: 'a.dev === b.dev && a.ino === b.ino' };
  assert.equal(inodeComparisons(sample).length, 1);
  const others = sources.filter(({ file }) =>
    /^packages\/(holdfast|raster)\/(?!src\/os\/)/u.test(file),
  );
  assert.deepEqual(others.flatMap(inodeComparisons), []);
});

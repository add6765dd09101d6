import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compiledPath, listTestSources } from '#src/test-files.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));

test('the list of tests finds this very test', () => {
  assert.ok(listTestSources(repository, 'unit').includes('tools/test/test-files.test.ts'));
});

test('a compiled path follows the layout of its package', () => {
  assert.equal(
    compiledPath('packages/holdfast/test/lock/lock.test.ts'),
    'packages/holdfast/dist-test/lock/lock.test.js',
  );
  assert.equal(compiledPath('test/src/origin.test.ts'), 'test/dist/origin.test.js');
});

test('a run that selects no test fails', () => {
  const run = spawnSync(process.execPath, ['tools/dist/test.js', 'no-test-has-this-name'], {
    cwd: repository,
  });
  assert.equal(run.status, 1);
  assert.match(String(run.stderr), /no unit test matches/);
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Lints one must-fail sample with the repository's own rules. */
function lint(sample: string): string {
  const path = `tools/lint-samples/${sample}`;
  const run = spawnSync('npx', ['oxlint', '--type-aware', '--format', 'unix', path], {
    cwd: repository,
    encoding: 'utf8',
  });
  assert.equal(run.status, 1, run.stdout + run.stderr);
  return run.stdout;
}

test('lint finds a sync that nobody awaits', () => {
  assert.match(lint('un-awaited-sync.ts'), /no-floating-promises/);
});
test('lint finds an explicit any', () => {
  assert.match(lint('explicit-any.ts'), /no-explicit-any/);
});
test('lint finds an import cycle', () => {
  assert.match(lint('cycle-a.ts'), /no-cycle/);
});
test('lint finds an error and bytes that are told by their class, which another realm does not share', () => {
  const found = lint('other-realm.ts').match(/no-instanceof-builtins/g);
  assert.equal(found?.length, 2);
});

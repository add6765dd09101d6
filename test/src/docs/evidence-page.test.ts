import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const page = (name: string): string => readFileSync(`${repository}docs/${name}`, 'utf8');
/** The titles of a page. */
const sections = (text: string): string[] =>
  Array.from(text.matchAll(/^## (.+)$/gmu), ([, title]) => title ?? '');

test('every section of the guarantees has its evidence', () => {
  const known = sections(page('guarantees-evidence.md'));
  const promised = sections(page('guarantees.md'));
  assert.ok(promised.length > 5);
  assert.deepEqual(
    promised.filter((title) => !known.includes(title)),
    [],
  );
});

test('the files that the evidence names exist, and every row names one or says that nothing was tried', () => {
  const rows = page('guarantees-evidence.md')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (promise|-)/u.test(line));
  assert.ok(rows.length > 50);
  for (const row of rows) {
    const [, promise, tests = ''] = row.split('|');
    const files = Array.from(tests.matchAll(/`([^`]+)`/gu), ([, file]) => file ?? '');
    assert.ok(files.length > 0 || tests.trim() === 'not tried', `nothing shows: ${promise}`);
    for (const file of files) assert.ok(existsSync(repository + file), `${file} is not there`);
  }
});

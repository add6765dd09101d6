import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

const page = new URL('../../../docs/parity.md', import.meta.url);

test('every test that docs/parity.md names is there, in the file that it links', () => {
  const rows = readFileSync(page, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| '));
  const links = rows.flatMap((row) => [...row.matchAll(/\[([^\]]+)\]\((\.\.[^)]+\.ts)\)/gu)]);
  assert.ok(rows.length > 19 && links.length > 30, `${rows.length} rows, ${links.length} links`);
  for (const [, name = '', path = ''] of links) {
    const source = readFileSync(new URL(path, page), 'utf8').replaceAll("\\'", "'");
    assert.ok(
      source.includes(`test('${name}'`) ||
        source.includes(`test("${name}"`) ||
        source.includes(`test(\n  '${name}'`),
      `${path}: ${name}`,
    );
  }
});

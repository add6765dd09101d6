import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../../', import.meta.url));

test('every link of a page to a file or a heading of this repository leads there', () => {
  const pages = markdownIn('.');
  assert.ok(pages.length > 30);
  const broken: string[] = [];
  let links = 0;
  for (const page of pages) {
    const text = readFileSync(join(repository, page), 'utf8').replaceAll(/```[\s\S]*?```/gu, '');
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/gu)) {
      if (/^[a-z]+:/u.test(target)) continue;
      links += 1;
      const [path = '', heading] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      const isThere = existsSync(join(repository, file));
      if (!isThere || (heading !== undefined && !headingsOf(file).has(heading)))
        broken.push(`${page}: ${target}`);
    }
  }
  assert.ok(links > 60);
  assert.deepEqual(broken, []);
});

/** The Markdown files below a folder, as paths relative to the repository. */
function markdownIn(folder: string): string[] {
  return readdirSync(join(repository, folder), { withFileTypes: true }).flatMap((entry) => {
    if (/^(\.git|\.cache|node_modules|dist.*|api|coverage)$/u.test(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return markdownIn(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

/** The names that a page's headings have in links. */
function headingsOf(page: string): ReadonlySet<string> {
  const titles = readFileSync(join(repository, page), 'utf8').matchAll(/^#+ (.+)$/gmu);
  const names = Array.from(titles, ([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
  return new Set(names);
}

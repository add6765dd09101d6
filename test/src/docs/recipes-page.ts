/**
 * Renders docs/recipes.md from the files in examples/src/recipes, so that what the page shows is
 * what the tests run: `npm run build && node test/dist/docs/recipes-page.js` writes it, and a test
 * compares.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';

export const recipesPagePath: string = fileURLToPath(
  new URL('../../../docs/recipes.md', import.meta.url),
);
const folder = new URL('../../../examples/src/recipes/', import.meta.url);

/** In the order of the page. */
const titles: Readonly<Record<string, string>> = {
  'cli-settings': 'The settings of a command-line tool',
  'fresh-token': 'A token that is refreshed under the lock',
  'build-cache': 'A cache directory',
  'job-log': 'A log of jobs',
  release: 'Several files as one',
  'raster-on-a-server': 'A raster on a server',
};

/** The text of the page. */
export async function renderRecipesPage(): Promise<string> {
  const names = readdirSync(folder).map((name) => name.replace(/\.ts$/u, ''));
  const untold = names.filter((name) => !(name in titles));
  if (untold.length > 0) throw new Error(`recipes without a title: ${untold.join(', ')}`);
  const page = `# Recipes

Each recipe is a whole program in [examples/src/recipes](../examples/src/recipes), and a test runs it with several
processes at once.

${Object.keys(titles).map(recipe).join('\n')}
`;
  return format(page, { parser: 'markdown', printWidth: 100, singleQuote: true });
}

/** The comment at the top of the file becomes the text, its usage and the rest the code. */
function recipe(name: string): string {
  const source = readFileSync(new URL(`${name}.ts`, folder), 'utf8');
  const [, comment = '', code = ''] = /^\/\*\*\n([\s\S]*?)\n \*\/\n([\s\S]*)$/u.exec(source) ?? [];
  const lines = comment.split('\n').map((line) => line.replace(/^ \* ?/u, ''));
  const usage = lines.filter((line) => line.startsWith('  ')).map((line) => line.trim());
  const text = lines.filter((line) => !line.startsWith('  ')).join('\n');
  return `## ${titles[name]}\n\n${text}\n\n\`\`\`console\n${usage.join('\n')}\n\`\`\`\n\n\`\`\`ts\n${code}\`\`\`\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(recipesPagePath, await renderRecipesPage());
}

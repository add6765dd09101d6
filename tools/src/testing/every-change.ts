/**
 * One transaction of every kind of change, what it finds, and the only two states that it may
 * leave.
 */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transaction } from 'holdfast';
import type { Fs } from 'holdfast/os';

export type Snapshot = Readonly<Record<string, string>>;

/** Symlinks need a privilege on Windows, and Wine makes none. */
const link: Snapshot = process.platform === 'win32' ? {} : { 'link -> a.txt': '' };

export const before: Snapshot = {
  'a.txt': 'old a',
  'deep/b.txt': 'old b',
  'deep/count.json': '{"n":1}',
  'from.txt': 'moves',
  'gone.txt': 'goes',
  'gonetree/x': 'goes',
  ...link,
  'tree/old': 'old tree',
};

export const after: Snapshot = {
  'a.txt': 'new a',
  'deep/b.txt': 'new b',
  'deep/count.json': '{"n":2}',
  'deep/fresh.txt': 'fresh',
  'deep/to.txt': 'moves',
  'freshtree/sub/y': 'y',
  ...link,
  'tree/new': 'new tree',
};

/** The paths that a reader locks. */
export const paths = [
  'a.txt',
  'deep/b.txt',
  'deep/count.json',
  'deep/fresh.txt',
  'deep/to.txt',
  'freshtree',
  'from.txt',
  'gone.txt',
  'gonetree',
  'tree',
] as const;

export function setUp(root: string): void {
  for (const [name, text] of Object.entries(before)) {
    const path = join(root, name);
    mkdirSync(join(path, '..'), { recursive: true });
    if (name.startsWith('link')) symlinkSync('a.txt', join(root, 'link'));
    else writeFileSync(path, text);
  }
}

/**
 * @param transact - of the package under test, which may be a copy of the one that is imported here
 */
export async function run(
  root: string,
  fs: Fs,
  transact: typeof transaction = transaction,
): Promise<void> {
  await transact(
    root,
    async (tx) => {
      await tx.replaceFile('link -> a.txt' in link ? 'link' : 'a.txt', 'new a');
      await tx.replaceFile('deep/b.txt', 'new b');
      await tx.replaceFile('deep/fresh.txt', 'fresh');
      await tx.updateJson<{ n: number }>('deep/count.json', ({ n }) => ({ n: n + 1 }));
      await tx.rename('from.txt', 'deep/to.txt');
      await tx.remove('gone.txt');
      await tx.remove('gonetree');
      await tx.publishDirectory('tree', (stage) => stage.write('new', 'new tree'), {
        ifExists: 'replace',
        sync: 'each',
      });
      await tx.publishDirectory('freshtree', (stage) => stage.write('sub/y', 'y'), {
        sync: 'each',
      });
    },
    { fs },
  );
}

/** Every file below a directory with its text; the names that Holdfast makes are left out. */
export function snapshot(root: string): Snapshot {
  const names = walk(root, '').filter((name) => !isOurs(name) && !name.endsWith('.lock'));
  return Object.fromEntries(names.map((name) => [name, textAt(root, name)]));
}

/** What Holdfast has left below a directory besides lock files. */
export function leftovers(root: string): string[] {
  return walk(root, '').filter((name) => isOurs(name) && !name.endsWith('.lock'));
}

function isOurs(name: string): boolean {
  return /(^|\/)(\.holdfast-|\.[^/]*\.staging-)/.test(name);
}

function textAt(root: string, name: string): string {
  return name in link ? '' : readFileSync(join(root, name), 'utf8');
}

function walk(root: string, folder: string): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  return entries
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry): string[] => {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return walk(root, name);
      return [entry.isSymbolicLink() ? `${name} -> a.txt` : name];
    });
}

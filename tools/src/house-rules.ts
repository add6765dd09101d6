/**
 * Rules of the house that no linter knows: how many functions take many parameters, which files
 * name a path above their package, and where inodes are compared.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import ts from 'typescript';

/** A function with so many parameters is wide: what travels together is better one object. */
const WIDE = 5;

/** A source file of a package, by its path in the repository. */
export interface SourceFile {
  readonly file: string;
  readonly text: string;
}

/** The sources of all packages, or with `also` other folders of theirs too. */
export function packageFiles(repository: string, also: readonly string[] = []): SourceFile[] {
  const packages = join(repository, 'packages');
  return readdirSync(packages).flatMap((name) =>
    ['src', ...also]
      .flatMap((folder) => filesBelow(join(packages, name, folder)))
      .map((path) => ({ file: relative(repository, path), text: readFileSync(path, 'utf8') })),
  );
}

/**
 * The functions, methods and types of functions that take five parameters or more, as `file:line`.
 */
export function wideFunctions({ file, text }: SourceFile): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && node.parameters.length >= WIDE) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      found.push(`${file}:${line + 1}`);
    }
    node.forEachChild(visit);
  };
  visit(source);
  return found;
}

/**
 * Paths in imports, texts and comments that lead out of the package, or into a workspace that is
 * not published.
 */
export function pathsAbove({ file, text }: SourceFile): string[] {
  const own = file.split('/').slice(0, 2).join('/');
  const relativePaths = Array.from(text.matchAll(/['"`](\.\.\/[^'"`\s]*)/gu), ([, path]) => path!);
  const out = relativePaths.filter((path) => {
    const target = normalize(join(dirname(file), path));
    return target !== own && !target.startsWith(`${own}/`);
  });
  const named = text.match(/\b(?:proof|bench|tools|examples)\/(?:src|dist|test)\b[\w/.-]*/gu) ?? [];
  return [...out, ...named].map((path) => `${file}: ${path}`);
}

/**
 * Comparisons of inodes that do not ask `isSameFile` of the core, which is the one place for them.
 */
export function inodeComparisons({ file, text }: SourceFile): string[] {
  const compared = text.match(/\.ino\s*[!=]==\s*[\w.?!]*\.ino\b/gu) ?? [];
  return compared.map((comparison) => `${file}: ${comparison}`);
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.c?ts$/u.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

/**
 * Makes the synchronous calls of the core out of the modules of the asynchronous ones, after they
 * are compiled: `async` and `await` are taken out (docs/decisions/0026-synchronous-calls.md).
 *
 * A module gets a twin when it has something asynchronous in it, or imports a module that has a
 * twin. All others are there once, for both forms, and so is what they remember. Where the two
 * forms have to differ, the source `x.sync.ts` stands beside `x.ts`, and the twin of `x` is made of
 * it.
 *
 * What has no synchronous meaning (a promise that somebody settles later, a race) is refused: then
 * the module needs such a source, or another way to say the same.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path/posix';
import ts from 'typescript';

/** A text of a module, by its path in the directory of the compiled modules. */
export type Modules = ReadonlyMap<string, string>;

/**
 * The twins that an entry needs.
 *
 * @param dist - the directory of the compiled modules
 * @param entry - the path of a module in it
 * @returns their texts, by the paths of what they are twins of
 */
export function twinsOf(dist: string, entry: string): Modules {
  const read = (path: string): string | undefined => {
    const file = join(dist, path);
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  };
  return makeTwins(entry, read);
}

/** The same for modules that lie anywhere. */
export function makeTwins(entry: string, read: (path: string) => string | undefined): Modules {
  const modules = modulesBelow(entry, read);
  const twins = withTwins(modules);
  return new Map(
    [...modules]
      .filter(([path]) => twins.has(path))
      .map(([path, { source }]) => [path, twinOf(path, source, twins)]),
  );
}

/** Where the twins lie, below the compiled modules. */
export const TWINS = 'twins';

/**
 * The twin of one module, made anew of another text of that.
 *
 * @param dist - the directory of the compiled modules and their twins
 * @param path - of the module, or of the source that stands for it in the synchronous form
 * @returns its path below `dist`, and its text; `undefined` where the text concerns no twin
 */
export function twinOfText(
  dist: string,
  path: string,
  text: string,
): readonly [string, string] | undefined {
  const name = path.replace(/\.sync\.js$/, '.js');
  const hasTwin = (other: string): boolean => existsSync(join(dist, TWINS, other));
  const own = name.replace(/\.js$/, '.sync.js');
  if (!hasTwin(name) || (path === name && existsSync(join(dist, own)))) return undefined;
  const source = parse(name, text);
  const imported = specifiersOf(source).map(({ text: to }) => join(dirname(name), to));
  return [join(TWINS, name), twinOf(name, source, new Set(imported.filter(hasTwin)))];
}

interface Module {
  readonly source: ts.SourceFile;
  readonly imports: readonly string[];
  readonly isAsync: boolean;
}

/**
 * All modules that one imports, and those that they import; of each the synchronous source where
 * there is one.
 */
function modulesBelow(
  entry: string,
  read: (path: string) => string | undefined,
): ReadonlyMap<string, Module> {
  const found = new Map<string, Module>();
  const next = [entry];
  for (let path = next.pop(); path !== undefined; path = next.pop()) {
    if (found.has(path)) continue;
    const own = read(path.replace(/\.js$/, '.sync.js'));
    const text = own ?? read(path);
    if (text === undefined) throw new Error(`${path} is not there`);
    const source = parse(path, text);
    const imports = specifiersOf(source).map(({ text: to }) => join(dirname(path), to));
    found.set(path, { source, imports, isAsync: own !== undefined || isAsync(source) });
    next.push(...imports);
  }
  return found;
}

/** The paths of those that are asynchronous, or import one that is. */
function withTwins(modules: ReadonlyMap<string, Module>): ReadonlySet<string> {
  const twins = new Set([...modules].filter(([, { isAsync: own }]) => own).map(([path]) => path));
  for (let known = -1; known !== twins.size;) {
    known = twins.size;
    for (const [path, { imports }] of modules)
      if (imports.some((to) => twins.has(to))) twins.add(path);
  }
  return twins;
}

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
}

/** The relative modules that are named in imports and exports. */
function specifiersOf(source: ts.SourceFile): readonly ts.StringLiteral[] {
  return source.statements.flatMap((statement) => {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) return [];
    const { moduleSpecifier } = statement;
    return moduleSpecifier && ts.isStringLiteral(moduleSpecifier) && moduleSpecifier.text[0] === '.'
      ? [moduleSpecifier]
      : [];
  });
}

function isAsync(source: ts.SourceFile): boolean {
  let found = false;
  const visit = (node: ts.Node): void => {
    found ||=
      node.kind === ts.SyntaxKind.AsyncKeyword ||
      ts.isAwaitExpression(node) ||
      (ts.isIdentifier(node) && node.text === 'Promise') ||
      methodOfPromise(node)?.name === 'catch';
    if (!found) node.forEachChild(visit);
  };
  visit(source);
  return found;
}

/** Loads a package that a call needs, at once. */
const REQUIRE = 'createRequire(import.meta.url)';

/** A text that takes the place of another one. */
interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

function twinOf(path: string, source: ts.SourceFile, twins: ReadonlySet<string>): string {
  const edits = specifiersOf(source).map((name) => movedImport(path, name, twins));
  const visit = (node: ts.Node): void => {
    edits.push(...editsOf(node, source));
    node.forEachChild(visit);
  };
  visit(source);
  const twin = applied(source.text, edits).replace(/^\/\/# sourceMappingURL=.*$/m, '');
  const requires = edits.some(({ text }) => text === REQUIRE);
  return requires ? `import { createRequire } from 'node:module';\n${twin}` : twin;
}

/** A twin imports twins, which lie as their originals do, and what has none from where that is. */
function movedImport(path: string, name: ts.StringLiteral, twins: ReadonlySet<string>): Edit {
  const to = join(dirname(path), name.text);
  const place = relative(join(TWINS, dirname(path)), twins.has(to) ? join(TWINS, to) : to);
  return replaced(name, `'${place.startsWith('.') ? place : `./${place}`}'`);
}

/** What becomes of a node, its parts aside. */
function editsOf(node: ts.Node, source: ts.SourceFile): readonly Edit[] {
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return [removed(node)];
  if (ts.isAwaitExpression(node)) return [cut(node.getStart(), node.expression.getStart())];
  if (ts.isForOfStatement(node) && node.awaitModifier) return [removed(node.awaitModifier)];
  if (ts.isPropertyAccessExpression(node) && node.expression.getText() === 'Symbol') {
    const name = { asyncIterator: 'iterator', asyncDispose: 'dispose' }[node.name.text];
    return name === undefined ? [] : [replaced(node.name, name)];
  }
  const method = methodOfPromise(node);
  if (method?.name === 'catch') return caught(method);
  if (method) throw refusal(node, source, `.${method.name}()`);
  if (isCallOf(node, 'Promise', ['all', 'resolve'])) {
    // Of nothing it is nothing.
    return node.arguments.length === 0
      ? [replaced(node, 'undefined')]
      : [cut(node.getStart(), node.expression.end)];
  }
  if (ts.isIdentifier(node) && node.text === 'Promise' && !isCalled(node))
    throw refusal(node, source, 'Promise');
  if (node.kind === ts.SyntaxKind.ImportKeyword && ts.isCallExpression(node.parent))
    return [replaced(node, REQUIRE)];
  return [];
}

interface MethodCall {
  readonly name: string;
  readonly call: ts.CallExpression;
  readonly access: ts.PropertyAccessExpression;
}

/** A call of a method that only promises have. */
function methodOfPromise(node: ts.Node): MethodCall | undefined {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression))
    return undefined;
  const { text } = node.expression.name;
  return ['catch', 'then', 'finally'].includes(text)
    ? { name: text, call: node, access: node.expression }
    : undefined;
}

/** `call().catch(handle)` is a `try` around the call. */
function caught({ call, access }: MethodCall): readonly Edit[] {
  const [handle] = call.arguments;
  if (handle === undefined) return [];
  return [
    insert(access.getStart(), '(() => { try { return '),
    {
      from: access.expression.end,
      to: handle.getStart(),
      text: '; } catch (caught) { return (',
    },
    insert(handle.end, ')(caught); } })('),
  ];
}

function isCallOf(
  node: ts.Node,
  object: string,
  names: readonly string[],
): node is ts.CallExpression {
  return (
    ts.isCallExpression(node) &&
    ts.isPropertyAccessExpression(node.expression) &&
    node.expression.expression.getText() === object &&
    names.includes(node.expression.name.text)
  );
}

function isCalled({ parent }: ts.Identifier): boolean {
  return isCallOf(parent.parent, 'Promise', ['all', 'resolve']);
}

function refusal(node: ts.Node, source: ts.SourceFile, what: string): Error {
  const { line } = source.getLineAndCharacterOfPosition(node.getStart());
  return new Error(`${source.fileName}:${line + 1}: ${what} has no synchronous form`);
}

/** With the space after it. */
function removed(node: ts.Node): Edit {
  const { text } = node.getSourceFile();
  return cut(node.getStart(), text[node.end] === ' ' ? node.end + 1 : node.end);
}

function replaced(node: ts.Node, text: string): Edit {
  return { from: node.getStart(), to: node.end, text };
}

function cut(from: number, to: number): Edit {
  return { from, to, text: '' };
}

function insert(at: number, text: string): Edit {
  return { from: at, to: at, text };
}

/** Edits at one place stay in their order: those of a node come before those of its parts. */
function applied(text: string, edits: readonly Edit[]): string {
  let result = '';
  let end = 0;
  for (const { from, to, text: put } of edits.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    if (from < end) throw new Error(`two edits of one place: ${text.slice(from, end)}`);
    result += text.slice(end, from) + put;
    end = to;
  }
  return result + text.slice(end);
}

/**
 * The places in sources where a promise is given away or kept, by `file:line`, so that what happens
 * when it is made is judged where it is awaited: in a twin it would have happened before. A promise
 * is awaited, returned or caught where it is made.
 *
 * @param files - the sources to look at, all of them of the program
 */
export function strayPromises(program: ts.Program, files: readonly string[]): string[] {
  const checker = program.getTypeChecker();
  return files.flatMap((file) => {
    const source = program.getSourceFile(file);
    if (source === undefined) throw new Error(`${file} is not in the program`);
    const found: string[] = [];
    const visit = (node: ts.Node): void => {
      if (
        ts.isCallExpression(node) &&
        !isSettledInPlace(node) &&
        isPromise(typeOf(checker, node))
      ) {
        const { line } = source.getLineAndCharacterOfPosition(node.getStart());
        found.push(`${file}:${line + 1}`);
      }
      node.forEachChild(visit);
    };
    visit(source);
    return found;
  });
}

function typeOf(checker: ts.TypeChecker, node: ts.Node): ts.Type {
  return checker.getTypeAtLocation(node);
}

function isPromise(type: ts.Type): boolean {
  return type.isUnion() ? type.types.some(isPromise) : type.getSymbol()?.name === 'Promise';
}

/**
 * What a call gives is awaited, returned, caught, or left to itself; or it is one of several that
 * are awaited together.
 */
function isSettledInPlace(node: ts.Expression): boolean {
  const { parent } = node;
  if (ts.isAwaitExpression(parent) || ts.isReturnStatement(parent)) return true;
  if (ts.isVoidExpression(parent)) return true;
  if (ts.isArrowFunction(parent)) return parent.body === node;
  if (ts.isParenthesizedExpression(parent) || ts.isAsExpression(parent))
    return isSettledInPlace(parent);
  if (ts.isConditionalExpression(parent))
    return parent.condition !== node && isSettledInPlace(parent);
  if (ts.isBinaryExpression(parent)) return isSettledInPlace(parent);
  if (ts.isArrayLiteralExpression(parent) || isCallOf(parent, 'Promise', ['all']))
    return isSettledInPlace(parent);
  const method = methodOfPromise(parent.parent);
  return method?.name === 'catch' && method.access.expression === node
    ? isSettledInPlace(method.call)
    : false;
}

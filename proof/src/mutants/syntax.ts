/**
 * The sources of a package as syntax trees whose names are resolved: `file.sync()` is known as the
 * `sync` of `FsHandle`, whatever the variable is called and wherever the line stands.
 */
import { relative } from 'node:path';
import ts from 'typescript';

/** What a mutator is given to look at a tree. */
export class Syntax {
  readonly #checker: ts.TypeChecker;

  constructor(checker: ts.TypeChecker) {
    this.#checker = checker;
  }

  /** `FsHandle.sync` for a call of it, or just the name for a call of a function. */
  calleeOf(call: ts.CallExpression): string {
    return this.memberOf(call.expression);
  }

  /** `FileStat.ino` for a look at it, with the name of the interface or class that declares it. */
  memberOf(node: ts.Node): string {
    const { name } = node as { readonly name?: ts.Node };
    if (ts.isIdentifier(node)) return node.text;
    if (!ts.isPropertyAccessExpression(node) || !name) return '';
    const declaration = this.#checker.getSymbolAtLocation(name)?.declarations?.[0];
    const owner = declaration?.parent;
    const isNamed = owner && (ts.isInterfaceDeclaration(owner) || ts.isClassDeclaration(owner));
    return isNamed && owner.name ? `${owner.name.text}.${node.name.text}` : node.name.text;
  }

  /** Whether the type of an expression has this name, or one of a union has. */
  isOfType(node: ts.Node, name: string): boolean {
    const type = this.#checker.getTypeAtLocation(node);
    const each = type.isUnion() ? type.types : [type];
    return each.some(({ symbol }) => (symbol as ts.Symbol | undefined)?.name === name);
  }

  /** Whether an expression is a number, of either kind. */
  isNumber(node: ts.Node): boolean {
    const { flags } = this.#checker.getNonNullableType(this.#checker.getTypeAtLocation(node));
    return (flags & (ts.TypeFlags.NumberLike | ts.TypeFlags.BigIntLike)) !== 0;
  }

  /** Whether a statement never goes on: it throws, or what it calls does. */
  throws(statement: ts.Statement | undefined): boolean {
    if (!statement) return false;
    if (ts.isThrowStatement(statement)) return true;
    if (ts.isBlock(statement)) return this.throws(statement.statements.at(-1));
    const expression =
      ts.isReturnStatement(statement) || ts.isExpressionStatement(statement)
        ? statement.expression
        : undefined;
    if (!expression) return false;
    return (this.#checker.getTypeAtLocation(expression).flags & ts.TypeFlags.Never) !== 0;
  }
}

/** A source file and the tree of it. */
export interface Source {
  /** Relative to the folder of sources, without its ending: `stage/staged-file`. */
  readonly name: string;
  readonly tree: ts.SourceFile;
}

/** Reads the sources of a package, a folder with `tsconfig.json` and `src`. */
export function readSources(folder: string): {
  readonly syntax: Syntax;
  readonly sources: readonly Source[];
} {
  const { options, fileNames } = ts.getParsedCommandLineOfConfigFile(
    `${folder}/tsconfig.json`,
    {},
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined },
  ) as ts.ParsedCommandLine;
  return sourcesOf(ts.createProgram(fileNames, options), `${folder}/src`);
}

/** The sources of a program that lie below a folder. */
export function sourcesOf(
  program: ts.Program,
  folder: string,
): { readonly syntax: Syntax; readonly sources: readonly Source[] } {
  const sources = program
    .getSourceFiles()
    .filter(({ fileName }) => fileName.startsWith(`${folder}/`))
    .map((tree) => ({ name: relative(folder, tree.fileName).replace(/\.ts$/, ''), tree }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return { syntax: new Syntax(program.getTypeChecker()), sources };
}

/** Compiles one source file by itself, as the build does. */
export function compile(text: string): string {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    },
  });
  return outputText;
}

/**
 * The function that a node belongs to: the outermost one that has a name, with its class, so no
 * local name counts.
 */
export function functionOf(node: ts.Node): string {
  let named = '';
  for (let at: ts.Node | undefined = node; at; at = at.parent) {
    if (ts.isFunctionDeclaration(at) || ts.isMethodDeclaration(at) || ts.isAccessor(at)) {
      named = at.name?.getText() ?? named;
    } else if (ts.isConstructorDeclaration(at)) named = 'constructor';
    else if (ts.isClassDeclaration(at)) return `${at.name?.text ?? ''}.${named}`;
    else if (ts.isVariableDeclaration(at) && isAtTop(at)) return at.name.getText();
  }
  return named || '(module)';
}

function isAtTop(declaration: ts.VariableDeclaration): boolean {
  return ts.isSourceFile(declaration.parent.parent.parent);
}

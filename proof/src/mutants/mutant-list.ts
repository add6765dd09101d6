/**
 * Every mutant of a package, each with a name that stays when code moves within its function or a
 * variable is renamed.
 */
import ts from 'typescript';
import { mutators, type Edit, type Mutator } from './mutators.js';
import { functionOf, readSources, type Source, type Syntax } from './syntax.js';

export interface Mutant {
  /**
   * `stage/staged-file: StagedFile.sync: file sync`, with a number where a function has the kind
   * more than once.
   */
  readonly name: string;
  readonly kind: string;
  readonly noticedBy: Mutator['noticedBy'];
  /** The source file, relative to the folder of sources, without its ending. */
  readonly file: string;
  /** The function, with its class. */
  readonly function: string;
  /** The whole source text with the one change. */
  readonly source: string;
}

/**
 * The mutants of a package.
 *
 * @param files - which of its source files: `stage/staged-file`
 */
export function listMutants(folder: string, files: RegExp): readonly Mutant[] {
  const { syntax, sources } = readSources(folder);
  return sources
    .filter(({ name }) => files.test(name))
    .flatMap((source) => mutantsOf(source, syntax));
}

/** The mutants of one file. */
export function mutantsOf({ name: file, tree }: Source, syntax: Syntax): readonly Mutant[] {
  const times = new Map<string, number>();
  return placesIn(tree, syntax).map(({ mutator: { kind, noticedBy }, edit, node }) => {
    const named = functionOf(node);
    const plain = `${file}: ${named}: ${kind}`;
    const time = (times.get(plain) ?? 0) + 1;
    times.set(plain, time);
    const name = time === 1 ? plain : `${plain} (${time})`;
    const source = tree.text.slice(0, edit.from) + edit.text + tree.text.slice(edit.to);
    return { name, kind, noticedBy, file, function: named, source };
  });
}

interface Place {
  readonly mutator: Mutator;
  readonly edit: Edit;
  readonly node: ts.Node;
}

/** In the order of the text, so that a number means the n-th of its function. */
function placesIn(tree: ts.SourceFile, syntax: Syntax): readonly Place[] {
  const places: Place[] = [];
  const visit = (node: ts.Node): void => {
    for (const mutator of mutators) {
      const edit = mutator.find(node, syntax);
      if (edit) places.push({ mutator, edit, node });
    }
    node.forEachChild(visit);
  };
  visit(tree);
  return places;
}

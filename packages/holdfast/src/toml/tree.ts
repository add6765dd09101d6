/**
 * A TOML document as its tables: what each member is, and where in the text it stands. Of the
 * statements that make up a table (`[a]`, `a.b = 1`, `[a.c]`) each is known with its place, so that
 * one can be changed or taken out alone.
 */
import type { AST } from 'toml-eslint-parser';
import { setMember, type JsonObject, type JsonValue } from '../json/json-value.js';
import type { Item } from '../text/list.js';
import { TomlDate } from './toml-date.js';

export type TomlNode = TomlScalar | TomlArray | TomlTable | TomlTables;

interface TomlScalar extends Item {
  readonly kind: 'scalar';
  readonly value: string | number | bigint | boolean | TomlDate;
  readonly isFloat: boolean;
}

/** `[1, 2]` */
export interface TomlArray extends Item {
  readonly kind: 'array';
  readonly elements: readonly (TomlNode & Item)[];
}

/** `[[name]]`, once for each element. */
export interface TomlTables {
  readonly kind: 'tables';
  readonly elements: TomlTable[];
}

export interface TomlTable {
  readonly kind: 'table';
  /**
   * How the table came to be: `header` by a line `[name]` (and the document itself), `implicit` by
   * one like `[name.other]`, `dotted` by `name.other = 1`, `inline` by braces.
   */
  style: 'header' | 'implicit' | 'dotted' | 'inline';
  readonly members: Map<string, TomlNode>;
  /**
   * The names that lead to it from the document; or of a dotted one, from the table in which it is
   * written.
   */
  readonly path: readonly string[];
  /**
   * The statements that are in it: its header, what stands below, and those of tables below it. In
   * the order of the text.
   */
  readonly statements: Statement[];
  /** Of an inline one, from brace to brace. */
  start: number;
  end: number;
  /** Of an inline one: its members, one for each `name = value`. */
  readonly entries: Entry[];
}

/** A line, or several, at the top level of a document. */
export interface Statement extends Item {
  readonly isHeader: boolean;
  /** Of `name = value`, where the equals sign stands with its spaces. */
  readonly equals: Item;
  /** What stands before it ends here. */
  readonly floor: number;
  /** The table in whose body it stands. */
  readonly owner: TomlTable;
}

export interface Entry extends Item {
  readonly key: readonly string[];
  readonly value: Item;
}

export interface TomlTree {
  readonly root: TomlTable;
  readonly statements: readonly Statement[];
  /** The statement `name = value` in which a value stands. */
  readonly statementOf: ReadonlyMap<TomlNode, Statement>;
}

export function treeOf(program: AST.TOMLProgram): TomlTree {
  const builder = new Builder();
  for (const item of program.body[0].body) builder.add(item);
  return builder;
}

class Builder implements TomlTree {
  readonly root: TomlTable = newTable('header', []);
  readonly statements: Statement[] = [];
  readonly statementOf: Map<TomlNode, Statement> = new Map();
  #floor = 0;

  add(item: AST.TOMLKeyValue | AST.TOMLTable): void {
    if (item.type === 'TOMLKeyValue') this.#addKeyValue(item, this.root, [this.root]);
    else this.#addTable(item);
  }

  #addTable(item: AST.TOMLTable): void {
    const names = item.key.keys.map(nameOf);
    const above: TomlTable[] = [this.root];
    let table = this.root;
    for (const [index, name] of names.entries()) {
      const isLast = index === names.length - 1;
      const path = names.slice(0, index + 1);
      table =
        isLast && item.kind === 'array'
          ? addElement(table, name, path)
          : tableIn(table, name, path, 'implicit');
      above.push(table);
    }
    table.style = 'header';
    const [first, second] = [item.key.range, item.kind === 'array' ? 2 : 1];
    const header = { start: item.range[0], end: first[1] + second };
    this.#note({ ...header, isHeader: true, equals: header, owner: table }, above);
    for (const member of item.body) this.#addKeyValue(member, table, above);
  }

  #addKeyValue(item: AST.TOMLKeyValue, owner: TomlTable, above: readonly TomlTable[]): void {
    const { node, dotted } = addMember(owner, item);
    const [start, end] = item.range;
    const equals = { start: item.key.range[1], end: item.value.range[0] };
    const statement = this.#note({ start, end, isHeader: false, equals, owner }, [
      ...above,
      ...dotted,
    ]);
    this.statementOf.set(node, statement);
  }

  #note(given: Omit<Statement, 'floor'>, tables: readonly TomlTable[]): Statement {
    const statement = { ...given, floor: this.#floor };
    this.#floor = given.end;
    this.statements.push(statement);
    for (const table of tables) table.statements.push(statement);
    return statement;
  }
}

/** Puts `a.b = value` into a table. */
function addMember(
  owner: TomlTable,
  item: AST.TOMLKeyValue,
): { readonly node: TomlNode; readonly dotted: readonly TomlTable[] } {
  const names = item.key.keys.map(nameOf);
  const dotted: TomlTable[] = [];
  let table = owner;
  for (const [index, name] of names.slice(0, -1).entries()) {
    table = tableIn(table, name, names.slice(0, index + 1), 'dotted');
    dotted.push(table);
  }
  const node = nodeOf(item.value);
  table.members.set(names.at(-1) as string, node);
  return { node, dotted };
}

function tableIn(
  above: TomlTable,
  name: string,
  path: readonly string[],
  style: TomlTable['style'],
): TomlTable {
  const there = above.members.get(name);
  if (there?.kind === 'table') return there;
  if (there?.kind === 'tables') return there.elements.at(-1) as TomlTable;
  const made = newTable(style, path);
  above.members.set(name, made);
  return made;
}

function addElement(above: TomlTable, name: string, path: readonly string[]): TomlTable {
  const there = above.members.get(name);
  const made = newTable('header', path);
  if (there?.kind === 'tables') there.elements.push(made);
  else above.members.set(name, { kind: 'tables', elements: [made] });
  return made;
}

function newTable(style: TomlTable['style'], path: readonly string[]): TomlTable {
  return {
    kind: 'table',
    style,
    path,
    members: new Map(),
    statements: [],
    start: 0,
    end: 0,
    entries: [],
  };
}

function nodeOf(node: AST.TOMLContentNode): TomlNode & Item {
  const [start, end] = node.range;
  if (node.type === 'TOMLArray') {
    return { kind: 'array', start, end, elements: node.elements.map(nodeOf) };
  }
  if (node.type === 'TOMLInlineTable') {
    const table = { ...newTable('inline', []), start, end };
    for (const item of node.body) {
      addMember(table, item);
      const [valueStart, valueEnd] = item.value.range;
      table.entries.push({
        start: item.range[0],
        end: item.range[1],
        key: item.key.keys.map(nameOf),
        value: { start: valueStart, end: valueEnd },
      });
    }
    return table;
  }
  return { kind: 'scalar', start, end, value: scalarOf(node), isFloat: node.kind === 'float' };
}

function scalarOf(node: AST.TOMLValue): TomlScalar['value'] {
  if (node.kind === 'integer') {
    return Number.isSafeInteger(node.value) ? node.value : node.bigint;
  }
  if (node.kind === 'string' || node.kind === 'boolean' || node.kind === 'float') return node.value;
  return new TomlDate(node.datetime);
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === 'TOMLBare' ? key.name : key.value;
}

/** What a node holds, as plain data that nobody else has. */
export function valueOf(node: TomlNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'array' || node.kind === 'tables') return node.elements.map(valueOf);
  const made: JsonObject = {};
  for (const [name, member] of node.members) setMember(made, name, valueOf(member) as JsonValue);
  return made;
}

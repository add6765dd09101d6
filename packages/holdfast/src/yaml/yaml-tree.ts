/** A YAML document as nodes: what each holds, and where in the text it stands. */
import type { CST, Document, ParsedNode, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import { setMember, type JsonObject, type JsonValue } from '../json/json-value.js';
import type { Item } from '../text/list.js';

export interface YamlNode extends Item {
  readonly kind: 'scalar' | 'alias' | 'map' | 'sequence';
  /** Whether a collection has brackets. */
  readonly isFlow: boolean;
  /** Of a scalar. */
  readonly value: unknown;
  readonly anchor: string | undefined;
  /** Of an alias: the node that it stands for. */
  readonly target: YamlNode | undefined;
  readonly entries: readonly YamlEntry[];
}

/** A member or an element; its end is that of its value, without the line end. */
export interface YamlEntry extends Item {
  /** Of a member. */
  readonly key: string | undefined;
  /** Behind the colon or the dash, and the tag and anchor that may follow: where the value goes. */
  readonly after: number;
  /** Whether there is a tag or an anchor. */
  readonly hasProperties: boolean;
  readonly node: YamlNode;
}

/** Why a document cannot be read into JavaScript. */
export class Unreadable extends Error {
  readonly place: number;

  constructor(reason: string, place: number) {
    super(reason);
    this.place = place;
  }
}

type Yaml = typeof import('yaml');

/**
 * @throws Unreadable for a name that is no scalar or stands twice, and for an alias of what it
 *   stands in
 */
export function yamlTree(
  yaml: Yaml,
  document: Document.Parsed,
  text: string,
): YamlNode | undefined {
  return document.contents ? new Reader(yaml, document, text).node(document.contents) : undefined;
}

/** Of aliases of aliases of aliases so many nodes are made at most. */
const MOST_NODES = 1_000_000;

class Reader {
  readonly #yaml: Yaml;
  readonly #document: Document.Parsed;
  readonly #text: string;
  readonly #made = new Map<unknown, YamlNode>();

  constructor(yaml: Yaml, document: Document.Parsed, text: string) {
    this.#yaml = yaml;
    this.#document = document;
    this.#text = text;
  }

  /** @param after - where a node begins that has no text */
  node(node: ParsedNode, after?: number): YamlNode {
    const isEmpty = node.range[0] === node.range[1] && after !== undefined;
    const made = isEmpty ? { ...this.#read(node), start: after, end: after } : this.#read(node);
    this.#made.set(node, made);
    return made;
  }

  #read(node: ParsedNode): YamlNode {
    const { isAlias, isMap, isSeq } = this.#yaml;
    const [start, end] = node.range;
    const common = { start, end, isFlow: false, value: undefined, target: undefined, entries: [] };
    if (isAlias(node)) {
      const resolved = node.resolve(this.#document);
      const target = this.#made.get(resolved);
      if (!resolved) throw new Unreadable('an alias stands for nothing', start);
      if (!target) throw new Unreadable('an alias stands in what it stands for', start);
      return { ...common, kind: 'alias', anchor: undefined, target };
    }
    const { anchor } = node;
    if (isMap(node) || isSeq(node)) {
      const isFlow = node.flow === true;
      const entries = isMap(node) ? this.#members(node) : this.#elements(node);
      const last = entries.at(-1);
      const kind = isMap(node) ? 'map' : 'sequence';
      return { ...common, kind, anchor, isFlow, entries, end: isFlow || !last ? end : last.end };
    }
    return {
      ...common,
      kind: 'scalar',
      anchor,
      value: this.#scalar(node),
      end: start + this.#text.slice(start, end).replace(/(?:\r?\n[ \t]*)+$/, '').length,
    };
  }

  #scalar({ value, source = '' }: Scalar): unknown {
    const isInexact =
      typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
    return isInexact && /^[-+]?\d+$/.test(source) ? BigInt(source.replace('+', '')) : value;
  }

  #members(map: YAMLMap.Parsed): YamlEntry[] {
    const names = new Set<string>();
    return map.items.map((pair) => {
      const token = (pair as { srcToken?: CST.CollectionItem }).srcToken;
      const { key } = pair;
      if (!this.#yaml.isScalar(key)) throw new Unreadable('a name is no scalar', key.range[0]);
      const name = typeof key.value === 'string' ? key.value : (key.source ?? '');
      if (names.has(name))
        throw new Unreadable(`the name ${JSON.stringify(name)} stands twice`, key.range[0]);
      names.add(name);
      const start = startOf(token?.start) ?? key.range[0];
      const properties = propertiesEnd(token?.sep, 'map-value-ind');
      const after = properties.after ?? key.range[1];
      const node = pair.value ? this.node(pair.value, after) : nothing(after);
      return {
        key: name,
        start,
        end: Math.max(node.end, after),
        after: properties.after ?? -1,
        hasProperties: properties.has,
        node,
      };
    });
  }

  #elements(sequence: YAMLSeq.Parsed): YamlEntry[] {
    const { isFlow, items } = { isFlow: sequence.flow === true, items: sequence.items };
    const tokens = ((sequence.srcToken as CST.BlockSequence | undefined)?.items ?? []).filter(
      ({ start }) => start.some(({ type }) => type === 'seq-item-ind'),
    );
    return items.map((item, index) => {
      const token = isFlow ? undefined : tokens[index];
      const properties = propertiesEnd(token?.start, 'seq-item-ind');
      const node = this.node(item, properties.after);
      const after = properties.after ?? -1;
      return {
        key: undefined,
        start: startOf(token?.start) ?? node.start,
        end: Math.max(node.end, after),
        after,
        hasProperties: properties.has,
        node,
      };
    });
  }
}

function nothing(place: number): YamlNode {
  return {
    kind: 'scalar',
    start: place,
    end: place,
    isFlow: false,
    value: null,
    anchor: undefined,
    target: undefined,
    entries: [],
  };
}

/** Where the first thing stands that is no space, comment or comma. */
function startOf(tokens: readonly CST.SourceToken[] = []): number | undefined {
  return tokens.find(({ type }) => !['space', 'comment', 'newline', 'comma'].includes(type))
    ?.offset;
}

/** Behind the indicator, and what anchor and tag follow it. */
function propertiesEnd(
  tokens: readonly CST.SourceToken[] = [],
  indicator: 'map-value-ind' | 'seq-item-ind',
): { readonly after: number | undefined; readonly has: boolean } {
  const first = tokens.findIndex(({ type }) => type === indicator);
  if (first === -1) return { after: undefined, has: false };
  const last = tokens.findLastIndex(({ type }) => [indicator, 'anchor', 'tag'].includes(type));
  const { offset, source } = tokens[last] as CST.SourceToken;
  return { after: offset + source.length, has: last > first };
}

/**
 * What a node holds, as plain data that nobody else has: what an alias stands for is copied.
 *
 * @throws Unreadable for aliases that multiply to more than a document can hold
 */
export function valueOf(root: YamlNode): unknown {
  let count = 0;
  const copy = (node: YamlNode): unknown => {
    count += 1;
    if (count > MOST_NODES) throw new Unreadable('its aliases multiply without end', node.start);
    if (node.kind === 'alias') return copy(node.target as YamlNode);
    if (node.kind === 'scalar') return node.value;
    if (node.kind === 'sequence') return node.entries.map((entry) => copy(entry.node));
    const made: JsonObject = {};
    for (const entry of node.entries)
      setMember(made, entry.key as string, copy(entry.node) as JsonValue);
    return made;
  };
  return copy(root);
}

/**
 * Well-known text of coordinate reference systems, versions 1 and 2, as a tree (OGC 01-009, section
 * 7; OGC 18-010r7).
 */

/** `KEYWORD["text", 1.5, word, CHILD[…]]`; the keyword in capitals. */
export interface WktNode {
  readonly keyword: string;
  readonly values: readonly (string | number)[];
  readonly children: readonly WktNode[];
}

const TOKEN = /\s*(?:"((?:[^"]|"")*)"|([[(])|([\])])|(,)|([^\s"[\](),]+))/y;

/** Parses WKT; `undefined` for text that is none. */
export function parseWkt(text: string): WktNode | undefined {
  const tokens = tokensOf(text.trim());
  const [keyword, opening] = tokens ?? [];
  if (!tokens || keyword?.kind !== 'word' || opening?.kind !== 'open') return undefined;
  const reader = { tokens, at: 0 };
  const node = readNode(reader);
  return node && reader.at === tokens.length ? node : undefined;
}

interface Token {
  readonly kind: 'text' | 'open' | 'close' | 'comma' | 'word';
  readonly text: string;
}

function tokensOf(text: string): readonly Token[] | undefined {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (!match) return undefined;
    const [, quoted, open, close, comma, word] = match;
    if (quoted !== undefined) tokens.push({ kind: 'text', text: quoted.replaceAll('""', '"') });
    else if (open) tokens.push({ kind: 'open', text: open });
    else if (close) tokens.push({ kind: 'close', text: close });
    else if (comma) tokens.push({ kind: 'comma', text: comma });
    else tokens.push({ kind: 'word', text: word ?? '' });
  }
  return tokens;
}

/** Reads `KEYWORD[…]`, whose keyword and bracket have been seen to be there. */
function readNode(reader: { tokens: readonly Token[]; at: number }): WktNode | undefined {
  const keyword = reader.tokens[reader.at]?.text.toUpperCase() ?? '';
  reader.at += 2;
  const values: (string | number)[] = [];
  const children: WktNode[] = [];
  for (;;) {
    const token = reader.tokens[reader.at];
    if (token?.kind === 'word' && reader.tokens[reader.at + 1]?.kind === 'open') {
      const child = readNode(reader);
      if (!child) return undefined;
      children.push(child);
    } else if (token?.kind === 'text' || token?.kind === 'word') {
      values.push(token.kind === 'text' ? token.text : numberOrWord(token.text));
      reader.at += 1;
    } else if (token?.kind !== 'close') return undefined;
    const next = reader.tokens[reader.at];
    reader.at += 1;
    if (next?.kind === 'close') return { keyword, values, children };
    if (next?.kind !== 'comma') return undefined;
  }
}

function numberOrWord(word: string): string | number {
  const value = Number(word);
  return Number.isNaN(value) ? word : value;
}

/** The first child with one of these keywords. */
export function childOf(node: WktNode, ...keywords: readonly string[]): WktNode | undefined {
  return node.children.find(({ keyword }) => keywords.includes(keyword));
}

/** The text or number at a place among a node's values, if it is one. */
export function textAt(node: WktNode | undefined, index = 0): string | undefined {
  const value = node?.values[index];
  return value === undefined ? undefined : String(value);
}

export function numberAt(node: WktNode | undefined, index: number): number | undefined {
  const value = Number(node?.values[index]);
  return Number.isFinite(value) ? value : undefined;
}

/** The EPSG code that a node gives for itself: `AUTHORITY["EPSG","n"]` or `ID["EPSG",n]`. */
export function epsgCodeOf(node: WktNode | undefined): number | undefined {
  const authority = node && childOf(node, 'AUTHORITY', 'ID');
  if (textAt(authority)?.toUpperCase() !== 'EPSG') return undefined;
  return numberAt(authority, 1);
}

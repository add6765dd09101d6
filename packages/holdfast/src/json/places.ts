/** Where the parts of a text of JSON end. The text must be JSON: a reader has accepted it. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** What opens or closes something. */
const BRACKET = /["{}[\]]/g;

/** The index after the value that begins at the place. The text must be JSON. */
export function endOfValue(json: string, start: number): number {
  const first = json.charCodeAt(start);
  if (first === QUOTE) return endOfString(json, start);
  if (first !== 0x7b && first !== 0x5b) {
    const scalar = /[^\s,\]}]*/y;
    scalar.lastIndex = start;
    scalar.test(json);
    return scalar.lastIndex;
  }
  let depth = 0;
  for (let position = start; ;) {
    BRACKET.lastIndex = position;
    BRACKET.test(json);
    position = BRACKET.lastIndex;
    const code = json.charCodeAt(position - 1);
    if (code === QUOTE) position = endOfString(json, position - 1);
    else if (code === 0x7b || code === 0x5b) depth += 1;
    else {
      depth -= 1;
      if (depth === 0) return position;
    }
  }
}

/** The index after the closing quote: the first one behind an even count of backslashes. */
export function endOfString(json: string, open: number): number {
  let close = json.indexOf('"', open + 1);
  while (json.charCodeAt(close - 1) === BACKSLASH && isEscaped(json, close)) {
    close = json.indexOf('"', close + 1);
  }
  return close + 1;
}

function isEscaped(json: string, quote: number): boolean {
  let start = quote;
  while (json.charCodeAt(start - 1) === BACKSLASH) start -= 1;
  return (quote - start) % 2 === 1;
}

/** The index of the next character that is no white space of JSON. */
export function skipSpace(json: string, start: number): number {
  let position = start;
  for (;;) {
    const code = json.charCodeAt(position);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return position;
    position += 1;
  }
}

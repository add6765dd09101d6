import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { blankComments } from '#src/json/blank-comments.js';
import { editText, type EditedText } from '#src/json/edit.js';
import { detectFormat } from '#src/json/format.js';
import type { JsonObject, JsonValue } from '#src/json/json-value.js';
import { readPieces } from '#src/json/pieces.js';
import { parseText, throughText } from '#src/json/parse-text.js';

function edited(text: string, change: (value: never) => unknown): string {
  const json = blankComments(text);
  const before = parseText(json) as JsonValue;
  const after = structuredClone(before);
  const made = (change(after as never) ?? after) as JsonValue;
  const source = { text, json };
  const format = detectFormat(text, false);
  const alone = editText(source, made, format);
  const known = editText(source, made, format, { value: before });
  assert.equal(known.text, alone.text);
  assertPieces(alone);
  assertPieces(known);
  return alone.text;
}

/** The pieces that were kept are those of the text. */
function assertPieces({ text, pieces }: EditedText): void {
  if (!pieces) return;
  const { start, end } = pieces;
  assert.deepEqual(pieces, readPieces({ text, json: text }, { start, end }));
}

type Doc = Record<string, JsonValue>;

const examples: readonly (readonly [
  what: string,
  before: string,
  change: (doc: Doc) => unknown,
  after: string,
])[] = [
  [
    'spellings of numbers and escapes stay',
    '{"lr": 1.0, "n": 1e16, "s": "\\u00e9"}\n',
    (doc) => void (doc['z'] = 1),
    '{"lr": 1.0, "n": 1e16, "s": "\\u00e9", "z": 1}\n',
  ],
  [
    'a value is replaced in its place',
    '{\n  "a": [1, 2.0],\n\n  "b" : 3\n}',
    (doc) => void (doc['b'] = { c: [], d: 1 }),
    '{\n  "a": [1, 2.0],\n\n  "b" : {\n    "c": [],\n    "d": 1\n  }\n}',
  ],
  [
    'an array on one line stays on it',
    '{\n  "a": [1, 2.0, 3]\n}\n',
    (doc) => void (doc['a'] as number[]).splice(1, 0, 7),
    '{\n  "a": [1, 7, 2.0, 3]\n}\n',
  ],
  [
    'of elements that are the same, each stays in its place',
    '{\n  "a": [\n    0, // zero\n    1, // one\n    1, // uno\n    9\n  ]\n}\n',
    (doc) => void (doc['a'] = [2, 1, 3, 9]),
    '{\n  "a": [\n    2, // zero\n    1, // one\n    3, // uno\n    9\n  ]\n}\n',
  ],
  [
    'a new member comes after the one before it, in the layout of its neighbours',
    '{\r\n\t"a" : 1,\r\n\r\n\t"c" : 2\r\n}\r\n',
    (doc) => ({ a: 1, b: [1], c: doc['c'] as JsonValue }),
    '{\r\n\t"a" : 1,\r\n\t"b" : [\r\n\t\t1\r\n\t],\r\n\r\n\t"c" : 2\r\n}\r\n',
  ],
  [
    'a removal takes its own line, and its own comments',
    '{\n  // about a\n  "a": 1, // a\n  // about b\n  "b": 2, // b\n  // about c\n  "c": 3 // c\n}',
    (doc) => void delete doc['b'],
    '{\n  // about a\n  "a": 1, // a\n  // about c\n  "c": 3 // c\n}',
  ],
  [
    'a comment that a blank line parts from the member stays',
    '{\n  "a": 1,\n\n  // section\n\n  // about b\n  "b": 2,\n  "c": 3\n}',
    (doc) => void delete doc['b'],
    '{\n  "a": 1,\n\n  // section\n\n  "c": 3\n}',
  ],
  [
    'the last member goes, and the comma before it',
    '{\n  "a": 1, // a\n  "b": 2 // b\n}',
    (doc) => void delete doc['b'],
    '{\n  "a": 1 // a\n}',
  ],
  [
    'a new last member leaves the comment of its neighbour behind the neighbour',
    '{\n  "a": 1 // a\n  // end\n}',
    (doc) => void (doc['b'] = 2),
    '{\n  "a": 1, // a\n  "b": 2\n  // end\n}',
  ],
  [
    'a trailing comma stays one',
    '{\n  "a": [\n    1, // one\n  ],\n}',
    (doc) => {
      (doc['a'] as number[]).push(2);
      doc['b'] = 1;
    },
    '{\n  "a": [\n    1, // one\n    2,\n  ],\n  "b": 1,\n}',
  ],
  [
    'the only member of a comment comes below it',
    '{\n  // nothing yet\n}\n',
    (doc) => void (doc['a'] = 1),
    '{\n  // nothing yet\n  "a": 1\n}\n',
  ],
  ['an empty object', '{}', (doc) => void (doc['a'] = 1), '{\n  "a": 1\n}'],
  [
    'an empty object on a line',
    '{\n  "a": {},\n  "b": {"c": 1}\n}',
    (doc) => void ((doc['a'] as Doc)['x'] = [1]),
    '{\n  "a": {\n    "x": [\n      1\n    ]\n  },\n  "b": {"c": 1}\n}',
  ],
  ['all members go', '{ "a": 1, "b": 2 }', () => ({}), '{}'],
  [
    'one line, from the front',
    '{"a": 1, "b": 2}',
    (doc) => ({ z: 0, b: doc['b'] as JsonValue }),
    '{"z": 0, "b": 2}',
  ],
  ['narrow', '{"a":1}', (doc) => void (doc['b'] = [1, { c: 2 }]), '{"a":1,"b":[1,{"c":2}]}'],
  [
    'elements are told apart by what they hold',
    '[\n  {"id": 1, "x": 1.0},\n  {"id": 2, "x": 2.0},\n  {"id": 3, "x": 3.0}\n]\n',
    (doc) => {
      const list = doc as unknown as JsonObject[];
      list.shift();
      list.push({ id: 4, x: 4 });
    },
    '[\n  {"id": 2, "x": 2.0},\n  {"id": 3, "x": 3.0},\n  {"id": 4, "x": 4}\n]\n',
  ],
  [
    'members in another order are put in that order',
    '{\n  "b": 1.0,\n  "a": 2.0\n}',
    (doc) => ({ a: doc['a'] as JsonValue, b: doc['b'] as JsonValue }),
    '{\n  "a": 2.0,\n  "b": 1.0\n}',
  ],
  [
    'names that are integers have no order',
    '{"b": 1, "7": 2, "a": 3}',
    (doc) => ({ ...doc, 3: 4, c: 5 }),
    '{"b": 1, "7": 2, "a": 3, "3": 4, "c": 5}',
  ],
  [
    '__proto__ is a name',
    '{"__proto__": 1.0}',
    (doc) => void (doc['a'] = 1),
    '{"__proto__": 1.0, "a": 1}',
  ],
  [
    "a comment on the line of the bracket is not the first member's",
    '{ // settings\n  "a": 1,\n  "b": 2\n}',
    (doc) => void delete doc['a'],
    '{ // settings\n  "b": 2\n}',
  ],
  [
    'a block comment before a member on its line is its own',
    '{"a": 1, /* b */ "b": 2 /* two */, "c": 3}',
    (doc) => void delete doc['b'],
    '{"a": 1, "c": 3}',
  ],
];

for (const [what, before, change, after] of examples) {
  test(`the text is edited: ${what}`, () => {
    assert.equal(edited(before, change), after);
  });
}

/** A text, in pieces that are drawn: the value, how it is spelt, and what stands around it. */
const space = fc.constantFrom('', '', ' ', '\n', '\n  ', '\r\n\t', '  ', '\n\n');
const comment = fc.constantFrom(
  '/* c */',
  '// c\n',
  '/* "a": 1, */',
  '// {"\n',
  '/*\n\n*/',
  '//\r\n',
);
const gap = (isJsonc: boolean): fc.Arbitrary<string> =>
  isJsonc
    ? fc
        .array(fc.oneof({ weight: 3, arbitrary: space }, comment), { maxLength: 3 })
        .map((all) => all.join(''))
    : space;
const name = fc.constantFrom(
  'a',
  'b',
  'c',
  'd',
  '1',
  '20',
  '__proto__',
  'é',
  '"',
  '//',
  'a,b',
  '\\',
);
const scalar = fc.constantFrom(
  '1.0',
  '1e16',
  '-0.0',
  '0',
  '12',
  '"\\u00e9"',
  '"\\/"',
  '"// no"',
  '"/*"',
  '"a\\"b"',
  'true',
  'null',
  '"\\\\"',
  '""',
  '",}"',
);

function textOfValue(isJsonc: boolean): fc.Arbitrary<string> {
  const between = gap(isJsonc);
  const comma = isJsonc ? fc.boolean() : fc.constant(false);
  const { value } = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
    value: fc.oneof({ maxDepth: 4, withCrossShrink: true }, scalar, tie('array'), tie('object')),
    array: fc
      .tuple(fc.array(fc.tuple(between, tie('value'), between), { maxLength: 4 }), comma, between)
      .map(
        ([all, hasComma, end]) =>
          `[${all.map((one) => one.join('')).join(',')}${hasComma && all.length > 0 ? ',' : ''}${end}]`,
      ),
    object: fc
      .tuple(
        fc.uniqueArray(fc.tuple(between, name, between, between, tie('value'), between), {
          maxLength: 5,
          selector: ([, key]) => key,
        }),
        comma,
        between,
      )
      .map(
        ([all, hasComma, end]) =>
          `{${all
            .map(([a, key, b, c, text, d]) => `${a}${JSON.stringify(key)}${b}:${c}${text}${d}`)
            .join(',')}${hasComma && all.length > 0 ? ',' : ''}${end}}`,
      ),
  }));
  return fc.tuple(between, value, between).map((all) => all.join(''));
}

const newValue = fc
  .oneof(fc.constantFrom<JsonValue>(1, 'x', null, true, [], {}), fc.jsonValue({ maxDepth: 2 }))
  .map((made) => throughText(made));
const change = fc.record({
  kind: fc.constantFrom('set', 'delete', 'insert', 'reverse', 'replace'),
  /** Which way down, and which place there. */
  way: fc.array(fc.nat(9), { maxLength: 4 }),
  name,
  value: newValue,
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

/** Changes the value in one place. */
function changeValue(value: JsonValue, { kind, way, name: key, value: made }: Change): JsonValue {
  const [step = 0, ...rest] = way;
  if (kind === 'replace' && way.length === 0) return made;
  if (Array.isArray(value)) {
    const index = value.length === 0 ? 0 : step % value.length;
    if (rest.length > 0 && value.length > 0) {
      value[index] = changeValue(value[index] as JsonValue, {
        kind,
        way: rest,
        name: key,
        value: made,
      });
    } else if (kind === 'delete') value.splice(index, 1);
    else if (kind === 'insert') value.splice(index, 0, made);
    else if (kind === 'reverse') value.reverse();
    else value[index] = made;
    return value;
  }
  if (typeof value !== 'object' || value === null) return kind === 'delete' ? value : made;
  const keys = Object.keys(value);
  const old = keys.length === 0 ? key : (keys[step % keys.length] as string);
  if (rest.length > 0 && keys.length > 0) {
    const inner = { kind, way: rest, name: key, value: made };
    return { ...value, [old]: changeValue(value[old] as JsonValue, inner) };
  }
  if (kind === 'delete') {
    const { [old]: _, ...others } = value;
    return others;
  }
  if (kind === 'reverse') {
    return Object.fromEntries(
      Object.entries(value)
        .toReversed()
        .map(([k, v]) => [k, v]),
    );
  }
  if (kind === 'insert') return { [key]: made, ...value };
  return { ...value, [key]: made };
}

/** The spelling of each value that only objects lead to, by its place. */
function spellings(text: string): Map<string, string> {
  const json = blankComments(text);
  const found = new Map<string, string>();
  const at = (start: number, place: string): number => {
    const rest = json.slice(start);
    const open = start + (/^\s*/.exec(rest)?.[0].length ?? 0);
    if (json[open] !== '{') {
      let end = open + 1;
      for (; end <= json.length; end += 1) {
        try {
          JSON.parse(json.slice(open, end));
          if (/^[\s,}\]]?$/.test(json.charAt(end))) break;
        } catch {
          continue;
        }
      }
      found.set(place, text.slice(open, end));
      return end;
    }
    let position = open + 1;
    for (;;) {
      position += /^[\s,]*/.exec(json.slice(position))?.[0].length ?? 0;
      if (json[position] === '}') return position + 1;
      const literal = /^"(?:[^"\\]|\\.)*"/.exec(json.slice(position))?.[0] as string;
      position += literal.length;
      position += /^\s*:/.exec(json.slice(position))?.[0].length ?? 0;
      position = at(position, `${place}/${JSON.parse(literal)}`);
    }
  };
  at(0, '');
  return found;
}

/** Without the sign of -0, which JSON.stringify does not write. */
function parsed(json: string): JsonValue {
  return throughText(parseText(json));
}

/** The comments of a text. */
function countComments(text: string): number {
  const json = blankComments(text);
  assert.equal(json.length, text.length);
  let count = 0;
  for (let index = 0; index < text.length; index += 1) if (json[index] !== text[index]) count += 1;
  return count;
}

for (const isJsonc of [false, true]) {
  const kind = isJsonc ? 'with comments and trailing commas' : 'of JSON';
  test(`any edits of any text ${kind} give the value, and leave what did not change to the byte`, () => {
    fc.assert(
      fc.property(
        textOfValue(isJsonc),
        fc.array(change, { minLength: 1, maxLength: 3 }),
        (text, changes) => {
          const json = blankComments(text);
          const before = parseText(json) as JsonValue;
          let after = parseText(json) as JsonValue;
          for (const one of changes) after = changeValue(after, one);
          const plain = throughText(after);
          const format = detectFormat(text, false);
          const alone = editText({ text, json }, plain, format);
          assertPieces(alone);
          const known = editText({ text, json }, plain, format, { value: before });
          assert.equal(known.text, alone.text);
          assertPieces(known);
          const made = alone.text;
          assert.deepEqual(parsed(blankComments(made)), plain);
          if (JSON.stringify(before) === JSON.stringify(plain)) assert.equal(made, text);
          const spelt = spellings(made);
          const placed = (value: JsonValue): Map<string, JsonValue> => {
            const places = new Map<string, JsonValue>();
            const walk = (some: JsonValue, place: string): void => {
              if (typeof some !== 'object' || some === null || Array.isArray(some))
                places.set(place, some);
              else
                for (const key of Object.keys(some))
                  walk(some[key] as JsonValue, `${place}/${key}`);
            };
            walk(value, '');
            return places;
          };
          const [was, is] = [placed(before), placed(plain)];
          for (const [place, spelling] of spellings(text)) {
            const same =
              was.has(place) &&
              is.has(place) &&
              JSON.stringify(was.get(place)) === JSON.stringify(is.get(place));
            if (same) assert.equal(spelt.get(place), spelling, place);
          }
          // What is only added or replaced takes no comment away.
          if (
            changes.every((one) => one.kind === 'set' && one.way.length <= 1) &&
            !Array.isArray(before) &&
            typeof before === 'object' &&
            before !== null
          ) {
            const replaced = Object.keys(before).some(
              (key) => JSON.stringify(before[key]) !== JSON.stringify((plain as Doc)[key]),
            );
            if (!replaced) assert.equal(countComments(made), countComments(text));
          }
        },
      ),
      { numRuns: isJsonc ? 3000 : 1500 },
    );
  });
}

test('a long array that changes everywhere is edited in order', () => {
  const list = Array.from({ length: 300 }, (_, index) => index);
  const text = JSON.stringify(list);
  assert.equal(
    edited(text, (value: number[]) => value.map((one) => one + 0.5)),
    JSON.stringify(list.map((one) => one + 0.5)),
  );
});

test('what is no comment stays in the way of the parser', () => {
  for (const broken of [
    '{"a": 1 /}',
    '{/* }',
    '[1,,]',
    '[,]',
    '{,}',
    '{"a":1,,}',
    '{"a":,}',
    '["//]',
  ]) {
    assert.throws(() => JSON.parse(blankComments(broken)), broken);
  }
});

// Backtracking from each of a million places would not end within the time of a test run.
test('lines of a million spaces are laid out in one pass', () => {
  const blank = `\n${' '.repeat(1_000_000)}\n  `;
  const after = edited(`{${blank}"a": [1],${blank}"b": 2\n}`, (doc: Doc) => {
    doc['a'] = { c: [] };
    delete doc['b'];
    doc['z'] = 1;
  });
  assert.deepEqual(JSON.parse(after), { a: { c: [] }, z: 1 });
});

/**
 * Random changes of the value of a generated text, and what must be true of the text that an update
 * makes of it.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { isHoldfastError } from 'holdfast';
import { isSameData } from '#src/document/plain-data.js';
import type { Document, Syntax } from '#src/document/syntax.js';

/**
 * A text, and of which member each of its marked lines is. A mark is a comment like `#m12`, at the
 * end of a line.
 */
export interface GeneratedText {
  readonly text: string;
  readonly marks: ReadonlyMap<string, readonly (string | number)[]>;
}

const BYTE_ORDER_MARK = '\ufeff';

type Place = readonly (string | number)[];
type Container = Record<string, unknown> | unknown[];

const newValue = fc.oneof(
  fc.constantFrom<unknown>(
    '',
    'new',
    'a "b"',
    "it's",
    '# no',
    'l1\nl2\n',
    'x: y',
    'no',
    '1.0',
    ' s',
  ),
  fc.string({ unit: 'binary' }).filter((text) => !/\p{Cs}/u.test(text)),
  fc.constantFrom<unknown>(0, -7, 1.5, 1e21, 5e-324, true, false, 2n ** 60n, Infinity),
  fc.constantFrom<unknown>(
    [],
    {},
    [1, 'two'],
    { k: 1 },
    { k: { l: [1] } },
    [{ k: 1 }, { k: 2 }],
    [[1], []],
  ),
);

/** What is done, in which container, to which of its members, with which value. */
export const changes: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('set', 'delete', 'add', 'addFirst'),
    container: fc.nat(),
    member: fc.nat(),
    value: newValue,
  }),
  { minLength: 1, maxLength: 3 },
);

interface Change {
  readonly kind: 'set' | 'delete' | 'add' | 'addFirst';
  readonly container: number;
  readonly member: number;
  readonly value: unknown;
}

function containersOf(value: unknown, place: Place = []): [Container, Place][] {
  if (typeof value !== 'object' || value === null) return [];
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== Array.prototype) return [];
  const own = value as Container;
  const isArray = Array.isArray(own);
  return [
    [own, place],
    ...Object.keys(own).flatMap((name) =>
      containersOf((own as Record<string, unknown>)[name], [
        ...place,
        isArray ? Number(name) : name,
      ]),
    ),
  ];
}

let count = 0;

/** Makes the change, and gives the place of what was touched. */
function make(value: unknown, change: Change): Place {
  const all = containersOf(value);
  const given = structuredCloneOf(change.value);
  const [container, place] = all[change.container % all.length] as [Container, Place];
  if (Array.isArray(container)) {
    const at = change.member % (container.length + 1);
    if (change.kind === 'delete') container.splice(at, 1);
    else if (change.kind === 'set' && at < container.length) container[at] = given;
    else container.splice(change.kind === 'addFirst' ? 0 : at, 0, given);
    return place;
  }
  const names = Object.keys(container);
  const name = names[change.member % names.length];
  if (name === undefined || change.kind === 'add' || change.kind === 'addFirst') {
    const fresh = `new${++count}`;
    container[fresh] = given;
    return [...place, fresh];
  }
  if (change.kind === 'delete') delete container[name];
  else container[name] = given;
  return [...place, name];
}

/** Changes the value of a text, and checks the text that comes of it. Gives that text. */
export function checkChanged(
  syntax: Syntax,
  { text, marks }: GeneratedText,
  list: readonly Change[],
): string {
  const document = syntax.open('generated', Buffer.from(text), {});
  const value = document.takeValue({});
  const touched = list.map((change) => make(value, change));
  const wanted = structuredCloneOf(value);
  const accepted = acceptOrRefuse(document, value, text);
  if (accepted === undefined) return text;
  assert.ok(isSameData(accepted, wanted));
  const made = document.encode().toString();
  const again = syntax.open('generated', Buffer.from(made), {}).takeValue({});
  assert.ok(isSameData(again, wanted), made);
  assert.equal(made.startsWith(BYTE_ORDER_MARK), text.startsWith(BYTE_ORDER_MARK));
  const [before, after] = [text, made].map((each) => each.replace(BYTE_ORDER_MARK, ''));
  checkLines(before as string, after as string, marks, touched);
  return made;
}

/**
 * A tag says what a value is, and is not taken away: another kind of value behind it is refused.
 */
function acceptOrRefuse(document: Document, value: unknown, text: string): unknown {
  try {
    return document.accept(value);
  } catch (error) {
    assert.ok(isHoldfastError(error, 'UNREPRESENTABLE') && text.includes(' !'), String(error));
    return undefined;
  }
}

function structuredCloneOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structuredCloneOf);
  if (typeof value !== 'object' || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, structuredCloneOf(each)]),
  );
}

/** What stands behind the dash of a sequence may be another member now. */
const withoutDash = (line: string): string => line.trimEnd().replace(/^[ -]+/, '');

/** The lines of what was not touched are all there, as they were and in their order. */
function checkLines(
  before: string,
  after: string,
  marks: GeneratedText['marks'],
  touched: readonly Place[],
): void {
  const isPrefix = (a: Place, b: Place): boolean => a.every((step, index) => step === b[index]);
  const lines = after.split(/(?<=\n)/);
  let position = 0;
  for (const line of before.split(/(?<=\n)/)) {
    const mark = /#m\d+/.exec(line)?.[0];
    const place = mark === undefined ? undefined : marks.get(mark);
    if (!place || touched.some((each) => isPrefix(each, place) || isPrefix(place, each))) continue;
    const found = lines.findIndex(
      (each, index) => index >= position && withoutDash(each) === withoutDash(line),
    );
    assert.notEqual(found, -1, `the line ${JSON.stringify(line)} is not in its place in\n${after}`);
    position = found + 1;
  }
}

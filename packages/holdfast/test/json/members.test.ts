import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { checkValue } from '#src/json/check.js';
import { encodeText } from '#src/json/decode.js';
import { formatDocument, type JsonFormat } from '#src/json/format.js';
import { Members } from '#src/json/members.js';
import { isHoldfastError } from 'holdfast';

type Plain = Record<string, unknown>;

const format = fc.record<JsonFormat>({
  hasByteOrderMark: fc.boolean(),
  indent: fc.constantFrom('', ' ', '  ', '\t', ' '.repeat(12)),
  isSpaced: fc.boolean(),
  lineEnd: fc.constantFrom('\n', '\r\n'),
  endsWithNewline: fc.boolean(),
});
const key = fc.oneof(
  fc.constantFrom('a', 'b', 'c', '0', '7', '__proto__', 'toString', 'toJSON', ''),
  fc.string({ unit: 'binary', maxLength: 3 }),
);
/** As a parser makes it. */
const parsed = <T>(made: T): T => JSON.parse(JSON.stringify(made)) as T;
const value = fc.jsonValue({ stringUnit: 'binary' }).map(parsed);
const document = fc.dictionary(key, value).map(parsed);
const edit = fc.oneof(
  fc.record({ kind: fc.constantFrom('set', 'move'), key, value }),
  fc.record({ kind: fc.constant('nest'), key, value }),
  fc.record({ kind: fc.constant('delete'), key, value }),
  fc.record({ kind: fc.constant('replace'), key, value: document }),
);

/** What an updater does; an object that it returns is a new document. */
function apply(current: Plain, made: { kind: string; key: string; value: unknown }): Plain {
  const set = (object: Plain): void =>
    void Object.defineProperty(object, made.key, {
      value: made.value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  if (made.kind === 'replace') return made.value as Plain;
  if (made.kind === 'delete' || made.kind === 'move') delete current[made.key];
  if (made.kind === 'set' || made.kind === 'move') set(current);
  if (made.kind === 'nest') {
    for (const member of Object.values(current)) {
      if (Array.isArray(member)) member.push(made.value);
      else if (typeof member === 'object' && member !== null) set(member as Plain);
    }
  }
  return current;
}

/** Everything there is to see of a value, with the order of its members. */
const seen = (some: unknown): string => JSON.stringify(some);

test('any run of updates has the text, the bytes and the values of the whole document', () => {
  fc.assert(
    fc.property(format, document, fc.array(edit, { maxLength: 8 }), (layout, first, edits) => {
      let members = Members.ofText(formatDocument(first, layout), layout);
      let bytes = encodeText(formatDocument(first, layout), layout.hasByteOrderMark);
      for (const made of edits) {
        assert.ok(members);
        const next = apply(members.copy() as Plain, made);
        const whole = formatDocument(next, layout);
        const accepted = members.accept(next, 'doc');
        assert.ok(accepted);
        assert.equal(accepted.members.toText(), whole);
        const written = accepted.members.encode(members, bytes);
        assert.deepEqual(written, encodeText(whole, layout.hasByteOrderMark));
        assert.equal(accepted.members.isSameAs(members), whole === members.toText());
        assert.equal(accepted.isConverted, checkValue(next).isConverted);
        assert.equal(seen(accepted.members.copy()), seen(JSON.parse(whole)));
        ({ members } = accepted);
        bytes = written;
      }
    }),
    { numRuns: 500 },
  );
});

test('nothing that is done to a value before or after reaches the members', () => {
  fc.assert(
    fc.property(document, fc.array(edit, { maxLength: 5 }), (first, edits) => {
      const layout = { ...oneLine };
      const members = Members.ofText('{}', layout)?.accept(first, 'doc')?.members;
      assert.ok(members);
      const text = members.toText();
      for (const made of edits) {
        apply(first, { ...made, kind: 'nest' });
        apply(members.copy() as Plain, { ...made, kind: 'nest' });
        apply(first, made);
        assert.equal(seen(members.copy()), text);
        assert.equal(members.toText(), text);
      }
    }),
    { numRuns: 200 },
  );
});

const oneLine: JsonFormat = {
  hasByteOrderMark: false,
  indent: '',
  isSpaced: false,
  lineEnd: '\n',
  endsWithNewline: false,
};

/** A document with one member, changed. */
function changed(
  text: string,
  change: (document: Plain) => unknown,
): ReturnType<Members['accept']> {
  const members = Members.ofText(text, oneLine);
  const current = members?.copy() as Plain;
  change(current);
  return members?.accept(current, 'doc');
}

test('what JSON would drop is found however little it differs from what was there', () => {
  const losses: readonly [text: string, change: (current: Plain) => void, place: string][] = [
    ['{"a":null}', (doc) => (doc['a'] = Number.NaN), '/a'],
    ['{"a":{}}', (doc) => (doc['a'] = new Map()), '/a'],
    ['{"a":{"b":1}}', (doc) => ((doc['a'] as Record<symbol, unknown>)[Symbol('s')] = 1), '/a'],
    ['{"a":[1,2]}', (doc) => (doc['a'] = [1, undefined]), '/a/1'],
    ['{"a":[1,2]}', (doc) => ((doc['a'] as unknown[]).length = 3), '/a/2'],
    ['{"a":{"b":1}}', (doc) => (doc['a'] = Object.create({ b: 1 }) as object), '/a'],
  ];
  for (const [text, change, place] of losses) {
    assert.throws(
      () => changed(text, change),
      (error) => isHoldfastError(error, 'UNREPRESENTABLE') && error.message.includes(`'${place}'`),
      text,
    );
  }
});

test('a value that is written as another one is told from what was there', () => {
  const date = new Date(0);
  const conversions: readonly [text: string, member: unknown, becomes: unknown][] = [
    ['{"a":0}', -0, 0],
    ['{"a":"1970-01-01T00:00:00.000Z"}', date, date.toJSON()],
    ['{"a":{"b":1}}', { b: 1, toJSON: () => 7 }, 7],
    ['{"a":{"b":1}}', { b: 1, c: undefined }, { b: 1 }],
    ['{"a":{"b":1}}', Object.assign(Object.create(null) as Plain, { b: 1 }), { b: 1 }],
  ];
  for (const [text, member, becomes] of conversions) {
    const accepted = changed(text, (doc) => void (doc['a'] = member));
    assert.equal(accepted?.isConverted, true, text);
    assert.deepStrictEqual(accepted.members.copy(), { a: becomes });
  }
});

test('a value that is written as what was there is no change', () => {
  const unchanged: readonly [text: string, member: unknown][] = [
    ['{"a":"1970-01-01T00:00:00.000Z"}', new Date(0)],
    ['{"a":{"b":1}}', { b: 1, c: undefined }],
  ];
  for (const [text, member] of unchanged) {
    const accepted = changed(text, (doc) => void (doc['a'] = member));
    const before = Members.ofText(text, oneLine) as Members;
    assert.equal(accepted?.members.isSameAs(before), true, text);
  }
});

test('what is no object with members is left to those who look at it whole', () => {
  const others: readonly unknown[] = [
    [1],
    'text',
    null,
    new Map(),
    { toJSON: () => ({}) },
    { a: undefined },
    { [Symbol('s')]: 1 },
    Object.create(null),
  ];
  for (const other of others) {
    const members = Members.ofText('{"a":1}', oneLine);
    assert.equal(members?.accept(other, 'doc'), undefined);
  }
  assert.equal(Members.ofText('[{"a":1}]', oneLine), undefined);
});

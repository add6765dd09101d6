import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import * as fc from 'fast-check';
import { isHoldfastError, readYaml, updateYaml } from 'holdfast';
import { yamlSyntax } from '#src/yaml/update-yaml.js';
import { changes, checkChanged } from '../document/edited-text.js';
import { yamlText } from './generated-yaml.js';

type Doc = Record<string, unknown>;
type Deep = Record<string, Doc & unknown[]>;

const examples: readonly (readonly [
  what: string,
  before: string,
  change: (document: Deep) => unknown,
  after: string,
])[] = [
  [
    'comments, quotes, layout and line ends stay',
    '# mine\r\na: 1.0 # one\r\nb:\r\n  # x\r\n  x: "q"\r\nl:\r\n- 1 # e\r\n- 2\r\n# tail\r\n',
    (document) => {
      Object.assign(document, { a: 2, n: 'no' });
      Object.assign(document['b'] as Doc, { x: 's', m: { k: [1, { q: 1, r: 2 }] } });
      document['l']?.shift();
    },
    '# mine\r\na: 2.0 # one\r\nb:\r\n  # x\r\n  x: "s"\r\n  m:\r\n    k:\r\n    - 1\r\n    - q: 1\r\n      r: 2\r\n' +
      'l:\r\n- 2\r\n"n": "no"\r\n# tail\r\n',
  ],
  [
    'a block of text stays one; collections that lose all are brackets',
    't: |\n  one\n  two\n\nb:\n  c: 1\nl: [1, 2] # l\n',
    (document) => Object.assign(document, { t: 'x\ny\n', b: {}, l: [1, 2, 3] }),
    't: |\n  x\n  y\n\nb: {}\nl: [1, 2, 3] # l\n',
  ],
  [
    'an alias that is to say something else is replaced by the value; what others say stays',
    'base: &b\n  x: 1\nprod: *b\nother: *b\nlist: [*b]\n',
    (document) => void ((document['prod'] as Doc)['x'] = 2),
    'base: &b\n  x: 1\nprod:\n  x: 2\nother: *b\nlist: [*b]\n',
  ],
  [
    'what aliases stand for can be changed and removed, and they say what they said',
    'one: &a 1\ntwo: &b [2]\nl: [*a, *b]\n',
    (document) => {
      document['one'] = 5 as never;
      delete document['two'];
    },
    'one: &a 5\nl: [1, [2]]\n',
  ],
  [
    'members of an element that begins behind its dash',
    '- a: 1\n  # two\n  b: 2\n- c: 3\n',
    (document) => {
      const [first, second] = document as unknown as [Doc, Doc];
      delete first['a'];
      second['d'] = [];
    },
    '- # two\n  b: 2\n- c: 3\n  d: []\n',
  ],
  [
    'a comma does not touch the colon of a member without a value',
    'a: {x: 1,y: "b", z: }\n',
    (document) => Object.assign(document['a'] as Doc, { w: 2 }),
    'a: {x: 1,y: "b", z: ,w: 2 }\n',
  ],
];

for (const [what, before, change, after] of examples) {
  test(`YAML: ${what}`, async (t) => {
    const path = `${temporaryDirectory(t)}/a.yaml`;
    writeFileSync(path, before);
    await updateYaml<Deep>(path, (document) => void change(document));
    assert.equal(readFileSync(path, 'utf8'), after);
  });
}

test('what a generated YAML text holds outside of a change stays to the byte, in all layouts', async () => {
  const syntax = await yamlSyntax('test');
  fc.assert(
    fc.property(yamlText, changes, (generated, list) => {
      checkChanged(syntax, generated, list);
    }),
    { numRuns: 300 },
  );
});

test('YAML: what cannot be held, and what cannot be changed alone, is refused and changes nothing', async (t) => {
  const path = `${temporaryDirectory(t)}/a.yaml`;
  for (const [text, code] of [
    ['a: 1\n---\nb: 1\n', 'UNREPRESENTABLE'],
    ['? [a]\n: 1\n', 'UNREPRESENTABLE'],
    ['1: a\n"1": b\n', 'UNREPRESENTABLE'],
    ['a: &a [*a]\n', 'UNREPRESENTABLE'],
    ['a: !mine x\n', 'UNREPRESENTABLE'],
    ['a: [1\nb: 2\n', 'CORRUPT_DOCUMENT'],
    ['a: 1\na: 2\n', 'CORRUPT_DOCUMENT'],
    ['a: *none\n', 'UNREPRESENTABLE'],
  ] as const) {
    writeFileSync(path, text);
    await assert.rejects(
      updateYaml<Doc>(path, (document) => void (document['a'] = 7)),
      (error) => isHoldfastError(error, code) && error.outcome === 'unchanged',
      text,
    );
    assert.equal(readFileSync(path, 'utf8'), text);
  }
});

test('YAML: a value of another kind is not put behind a tag', async (t) => {
  const path = `${temporaryDirectory(t)}/a.yaml`;
  const text = 'a: !mine x\nb: [!mine y, 1]\n';
  for (const change of [{ a: { c: 1 } }, { a: [1] }, { a: 'x', b: [{}, 1] }]) {
    writeFileSync(path, text);
    await assert.rejects(
      updateYaml<Doc>(path, (document) => void Object.assign(document, change)),
      (error) => isHoldfastError(error, 'UNREPRESENTABLE') && error.outcome === 'unchanged',
    );
    assert.equal(readFileSync(path, 'utf8'), text);
  }
});

test('YAML: aliases that multiply without end are refused', async (t) => {
  const path = `${temporaryDirectory(t)}/a.yaml`;
  const levels = Array.from(
    { length: 12 },
    (_, index) =>
      `a${index + 1}: &a${index + 1} [${Array.from({ length: 9 }, () => `*a${index}`).join(', ')}]\n`,
  );
  writeFileSync(path, `a0: &a0 x\n${levels.join('')}`);
  await assert.rejects(readYaml(path), (error) => isHoldfastError(error, 'UNREPRESENTABLE'));
});

test('YAML: a file of comments alone gets its first members below them', async (t) => {
  const path = `${temporaryDirectory(t)}/a.yaml`;
  writeFileSync(path, '# mine\n');
  assert.deepEqual(await readYaml(path), {});
  await updateYaml<Doc>(path, (document) => void (document['a'] = [1]));
  assert.equal(readFileSync(path, 'utf8'), '# mine\na:\n  - 1\n');
});

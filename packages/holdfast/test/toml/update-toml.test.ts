import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import * as fc from 'fast-check';
import { isHoldfastError, readToml, TomlDate, transaction, updateToml } from 'holdfast';
import { importFailed } from '#src/document/optional-package.js';
import { tomlSyntax } from '#src/toml/update-toml.js';
import { changes, checkChanged } from '../document/edited-text.js';
import { tomlText } from './generated-toml.js';

type Doc = Record<string, unknown>;
type Deep = Record<string, Record<string, Doc>>;

const examples: readonly (readonly [
  what: string,
  before: string,
  change: (document: Deep) => void,
  after: string,
])[] = [
  [
    'a new member comes last in its table, spelt as its neighbours, with their line ends',
    '# mine\r\n[a]\r\nx=1 # one\r\n\r\n[b]\r\n',
    (document) => Object.assign(document['a'] as object, { y: 2 }),
    '# mine\r\n[a]\r\nx=1 # one\r\ny=2\r\n\r\n[b]\r\n',
  ],
  [
    'a removed table takes its lines and comments; what belongs to its neighbours stays',
    '# a\n[a]\nx = 1\n\n# b\n[b]\n# y\ny = 1 # y\n\n# nobody\n\n# c\n[c]\n',
    (document) => void delete document['b'],
    '# a\n[a]\nx = 1\n\n# nobody\n\n# c\n[c]\n',
  ],
  [
    'dotted names and inline tables stay so',
    '[a]\nb.c = 1 # c\nb.d = { x = 1,  y = 2 } # d\n',
    ({ a }) => Object.assign(a?.['b'] as object, { d: { x: 1, y: 3, z: [] }, e: true }),
    '[a]\nb.c = 1 # c\nb.d = { x = 1,  y = 3,  z = [] } # d\nb.e = true\n',
  ],
  [
    'elements of an array of tables go and come with their headers',
    '# one\n[[t]]\nn = 1\n\n# two\n[[t]]\nn = 2\n[t.sub]\nx = 1\n',
    (document) =>
      void (document['t'] as unknown as Doc[]).splice(0, 1, { n: 0, s: { k: 1 } }, { n: 5 }),
    '# one\n[[t]]\nn = 0\n\n[t.s]\nk = 1\n\n[[t]]\nn = 5\n\n# two\n[[t]]\nn = 2\n[t.sub]\nx = 1\n',
  ],
  [
    'arrays keep their lines, comments and commas',
    'a = [\n  1, # one\n  2 # two\n]\nb = [1,2, 3,]\n',
    (document) => {
      (document['a'] as unknown as number[]).push(3);
      (document['b'] as unknown as number[]).splice(0, 1);
    },
    'a = [\n  1, # one\n  2, # two\n  3\n]\nb = [2, 3,]\n',
  ],
  [
    'dotted names in an inline table stay so, and what is beside them is spelt as they are',
    'p = { a.b = 1,  a.c = 0x2, d.e.f = "x", g = 1 }\n',
    ({ p }) =>
      Object.assign(p as object, { a: { b: 3, c: 2, n: true }, d: {}, g: undefined, h: [1] }) &&
      void delete p?.['g'],
    'p = { a.b = 3,  a.c = 0x2,  a.n = true,  d = {},  h = [1] }\n',
  ],
  [
    'a removed element leaves what a blank line parts from it, with its line ends',
    'a = [\r\n  1, # one\r\n  # nobody\r\n\r\n  # two\r\n  2,\r\n]\r\n',
    (document) => void (document['a'] as unknown as number[]).pop(),
    'a = [\r\n  1, # one\r\n  # nobody\r\n]\r\n',
  ],
  [
    'quotes stay, and new tables get headers of their own',
    "s = 'C:\\x'\n",
    (document) => Object.assign(document, { s: 'D:\\y', t: { u: { v: 1 }, w: [{ a: 1 }] } }),
    "s = 'D:\\y'\n\n[t.u]\nv = 1\n\n[[t.w]]\na = 1\n",
  ],
  [
    'a first table goes with the blank line above it',
    '\n[a]\nx = 1\n\n[b]\n',
    (document) => void delete document['a'],
    '[b]\n',
  ],
];

for (const [what, before, change, after] of examples) {
  test(`TOML: ${what}`, async (t) => {
    const path = `${temporaryDirectory(t)}/a.toml`;
    writeFileSync(path, before);
    await updateToml<Deep>(path, (document) => {
      change(document);
    });
    assert.equal(readFileSync(path, 'utf8'), after);
  });
}

test('what a generated TOML text holds outside of a change stays to the byte, in all layouts', async () => {
  const syntax = await tomlSyntax('test');
  fc.assert(
    fc.property(tomlText, changes, (generated, list) => {
      checkChanged(syntax, generated, list);
    }),
    { numRuns: 300 },
  );
});

test('TOML: dates, floats and integers past 2^53 come and go as what they are', async (t) => {
  const path = `${temporaryDirectory(t)}/a.toml`;
  writeFileSync(path, 'day = 1979-05-27\nf = 1.0\nbig = 9223372036854775807\n');
  const found = await readToml<Doc>(path);
  assert.deepEqual(found, { day: new TomlDate('1979-05-27'), f: 1, big: 9223372036854775807n });
  await updateToml<Doc>(path, (document) => {
    document['f'] = 3;
    document['at'] = new Date(0);
    document['big'] = 2n ** 62n;
  });
  const after =
    'day = 1979-05-27\nf = 3.0\nbig = 4611686018427387904\nat = 1970-01-01T00:00:00.000Z\n';
  assert.equal(readFileSync(path, 'utf8'), after);
  assert.throws(() => new TomlDate('yesterday'), RangeError);
});

test('TOML: what it has no form for, and what is no TOML, is refused and changes nothing', async (t) => {
  const path = `${temporaryDirectory(t)}/a.toml`;
  writeFileSync(path, 'a = 1\n');
  for (const value of [null, () => 1, 2n ** 64n, 'half \ud800', new Date(NaN)]) {
    await assert.rejects(
      updateToml<Doc>(path, (document) => void (document['x'] = value)),
      (error) => isHoldfastError(error, 'UNREPRESENTABLE') && error.message.includes("'/x'"),
    );
  }
  assert.equal(readFileSync(path, 'utf8'), 'a = 1\n');
  writeFileSync(path, 'a = 1\nb = [\n');
  await assert.rejects(
    updateToml(path, () => undefined),
    (error) =>
      isHoldfastError(error, 'CORRUPT_DOCUMENT') && /at line \d, column \d/.test(error.message),
  );
});

test('TOML: updates made at once lose nothing, also in a transaction, whose updaters run in order', async (t) => {
  const root = temporaryDirectory(t);
  const path = `${root}/a.toml`;
  const order: string[] = [];
  await Promise.all([
    ...Array.from({ length: 10 }, (_, index) =>
      updateToml<Doc>(path, (document) => void (document[`v${index}`] = index)),
    ),
    transaction(root, (tx) => {
      void tx.updateToml<Doc>('a.toml', (document) => {
        order.push('toml');
        document['t'] = 1;
      });
      void tx.updateYaml<Doc>('b.yaml', (document) => {
        order.push('yaml');
        document['t'] = 1;
      });
      void tx.updateJson<Doc>('c.json', () => {
        order.push('json');
        return { t: 1 };
      });
    }),
  ]);
  assert.equal(Object.keys(await readToml(path)).length, 11);
  assert.deepEqual(order, ['toml', 'yaml', 'json']);
  assert.equal(readFileSync(`${root}/b.yaml`, 'utf8'), 't: 1\n');
});

test('a package that is missing is named', async () => {
  const missing = 'no-such-package';
  await assert.rejects(
    import(missing).catch((cause: unknown) => {
      throw importFailed(missing, 'updateToml', cause);
    }),
    (error) =>
      isHoldfastError(error, 'UNSUPPORTED_PLATFORM') &&
      error.message.includes('npm install no-such-package'),
  );
});

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { recover, transaction, type Transaction } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { dieAtStep, observeFs } from '@holdfast/crashkit';
import { everyChange, temporaryDirectory } from '@holdfast/tools/testing';

const { snapshot } = everyChange;

/** What is at each name: a text, or the texts in a directory. Names that are missing are free. */
type Model = ReadonlyMap<string, string | Readonly<Record<string, string>>>;

type Change =
  | { readonly kind: 'replaceFile'; readonly path: string; readonly text: string }
  | { readonly kind: 'publishDirectory'; readonly path: string; readonly text: string }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'rename'; readonly path: string; readonly to: string };

const NAMES = ['a', 'b', 'c', 'd'];
const path = fc.constantFrom(...NAMES, ...NAMES.map((name) => `sub/${name}`));
const text = fc.stringMatching(/^[a-z]{1,4}$/);
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('replaceFile' as const), path, text }),
  fc.record({ kind: fc.constant('publishDirectory' as const), path, text }),
  fc.record({ kind: fc.constant('remove' as const), path }),
  fc.record({ kind: fc.constant('rename' as const), path, to: path }),
);

/** The model after the changes, or `undefined` when the transaction must fail. */
function applied(model: Model, changes: readonly Change[]): Model | undefined {
  const names = changes.flatMap((each) =>
    each.kind === 'rename' ? [each.path, each.to] : each.path,
  );
  if (new Set(names).size < names.length) return undefined;
  const next = new Map(model);
  for (const each of changes) {
    const there = model.get(each.path);
    if (each.kind === 'replaceFile') {
      if (typeof there === 'object') return undefined;
      next.set(each.path, each.text);
    } else if (each.kind === 'publishDirectory') {
      if (typeof there === 'string') return undefined;
      next.set(each.path, { file: each.text });
    } else if (there === undefined) {
      return undefined;
    } else {
      next.delete(each.path);
      if (each.kind === 'rename' && model.has(each.to)) return undefined;
      if (each.kind === 'rename') next.set(each.to, there);
    }
  }
  return next;
}

function make(tx: Transaction, each: Change): Promise<void> {
  if (each.kind === 'replaceFile') return tx.replaceFile(each.path, each.text);
  if (each.kind === 'remove') return tx.remove(each.path);
  if (each.kind === 'rename') return tx.rename(each.path, each.to);
  const fill = { ifExists: 'replace', sync: 'each' } as const;
  return tx.publishDirectory(each.path, (stage) => stage.write('file', each.text), fill);
}

function snapshotOf(model: Model): Record<string, string> {
  const entries = [...model].flatMap(([name, value]): [string, string][] =>
    typeof value === 'string'
      ? [[name, value]]
      : Object.entries(value).map(([file, content]) => [`${name}/${file}`, content]),
  );
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

test('any transactions, dying at any step, leave what the model says: all of each, or nothing', async (t) => {
  const rounds = fc.array(
    fc.record({ changes: fc.array(change, { minLength: 1, maxLength: 4 }), step: fc.nat(60) }),
    { minLength: 1, maxLength: 6 },
  );
  await fc.assert(
    fc.asyncProperty(rounds, async (history) => {
      const root = temporaryDirectory(t);
      mkdirSync(join(root, 'sub'));
      writeFileSync(join(root, 'a'), 'first');
      let model: Model = new Map([['a', 'first']]);
      for (const { changes, step } of history) {
        const next = applied(model, changes);
        const fs = observeFs(nodeFileSystem, dieAtStep(step, 'after'));
        const hasEnded = await transaction(
          root,
          async (tx) => {
            for (const each of changes) await make(tx, each);
          },
          { fs },
        ).then(
          () => true,
          () => false,
        );
        const { journal } = await recover(root);
        const isCommitted = hasEnded || journal === 'whole';
        if (next === undefined) assert.equal(isCommitted, false);
        // The journal is removed by the last step but one: a death after it comes too late to undo
        // anything.
        const found = snapshot(root);
        const expected = next && (isCommitted || isSame(found, snapshotOf(next))) ? next : model;
        assert.deepEqual(found, snapshotOf(expected));
        model = expected;
      }
    }),
    { numRuns: 40 },
  );
});

function isSame(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import {
  isHoldfastError,
  publishDirectory,
  recover,
  sweepOrphans,
  transaction,
  type TransactionDirectoryOptions,
} from 'holdfast';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import { dieAtStep, observeFs, type FsStep, type StepObserver } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';

/** Publishes a tree of one file beside a file that names it. */
async function publishBoth(
  root: string,
  text: string,
  options: TransactionDirectoryOptions,
  fs: Fs = nodeFileSystem,
): Promise<void> {
  await transaction(
    root,
    async (tx) => {
      await tx.publishDirectory('tree', (stage) => stage.write('file', text), {
        ifExists: 'replace',
        sync: 'each',
        ...options,
      });
      await tx.replaceFile('name', text);
    },
    { fs },
  );
}

function textAt(root: string, tree: string): string {
  return readFileSync(join(root, tree, 'file'), 'utf8');
}

/** What lies in the root besides lock files. */
function namesIn(root: string): string[] {
  return readdirSync(root)
    .filter((name) => !name.endsWith('.lock'))
    .toSorted();
}

async function rootWithTree(t: TestContext): Promise<string> {
  const root = temporaryDirectory(t);
  await publishBoth(root, 'old', {});
  return root;
}

test('a transaction keeps as many replaced trees as it is asked to', async (t) => {
  const root = temporaryDirectory(t);
  for (const text of ['1', '2', '3', '4']) await publishBoth(root, text, { keepPrevious: 2 });
  assert.deepEqual(namesIn(root), ['name', 'tree', 'tree.previous-2', 'tree.previous-3']);
  assert.deepEqual(
    ['tree', 'tree.previous-3', 'tree.previous-2'].map((tree) => textAt(root, tree)),
    ['4', '3', '2'],
  );
});

/** The kernel has no exchange; NFS has none. */
const withoutExchange: StepObserver = {
  before: ({ call }) => {
    if (call === 'exchange') throw Object.assign(new Error('EINVAL'), { code: 'EINVAL' });
  },
};

for (const [name, observer] of [
  ['', {}],
  [' where there is no exchange', withoutExchange],
] as const) {
  test(`a replaced tree that is to be kept is kept whatever step the process dies at${name}`, async (t) => {
    const machine = observeFs(nodeFileSystem, observer);
    const steps: FsStep[] = [];
    const recording = observeFs(machine, { before: (step) => void steps.push(step) });
    await publishBoth(await rootWithTree(t), 'new', { keepPrevious: 1 }, recording);
    assert.ok(steps.length > 20);
    for (const { index } of steps) {
      const root = await rootWithTree(t);
      const dying = observeFs(machine, dieAtStep(index, 'after'));
      await publishBoth(root, 'new', { keepPrevious: 1 }, dying).catch(() => undefined);
      await recover(root, { fs: machine });
      await sweepOrphans(root, { fs: machine });
      const isNew = textAt(root, 'tree') === 'new';
      const expected = ['name', 'tree', ...(isNew ? ['tree.previous-1'] : [])];
      assert.deepEqual(namesIn(root), expected, `died at step ${index}`);
      if (isNew) assert.equal(textAt(root, 'tree.previous-1'), 'old');
    }
  });
}

test('a transaction with resume keeps the stage of its directory when it fails, and the next goes on from it', async (t) => {
  const root = temporaryDirectory(t);
  const failing = transaction(root, async (tx) => {
    await tx.publishDirectory('tree', (stage) => stage.write('first', '1'), { resume: true });
    await tx.remove('missing');
  });
  await assert.rejects(failing, (error) => isHoldfastError(error, 'NOT_FOUND'));
  assert.equal(existsSync(join(root, 'tree')), false);
  await transaction(root, async (tx) => {
    await tx.publishDirectory(
      'tree',
      async (stage) => {
        assert.equal(stage.resumed, true);
        assert.deepEqual(readdirSync(stage.path), ['first']);
        await stage.write('second', '2');
      },
      { resume: true },
    );
  });
  assert.deepEqual(readdirSync(join(root, 'tree')), ['first', 'second']);
  assert.deepEqual(namesIn(root), ['tree']);
});

test('options that a transaction cannot keep, or that are misspelt, are refused', async (t) => {
  const root = temporaryDirectory(t);
  const wrong: object[] = [
    { durability: 'atomic' },
    { withoutExchange: 'twoRenames' },
    { ifExists: 'overwrite' },
    { keepPrevious: -1 },
    { sync: 'never' },
  ];
  for (const options of wrong) {
    await assert.rejects(
      transaction(root, (tx) => tx.publishDirectory('tree', () => undefined, options)),
      (error) => isHoldfastError(error, 'INVALID_ARGUMENT') && error.outcome === 'unchanged',
    );
  }
  assert.deepEqual(readdirSync(root), []);
});

test('a sweeper does not put back a tree that a journal is about to replace', async (t) => {
  const root = await rootWithTree(t);
  const machine = observeFs(nodeFileSystem, withoutExchange);
  const steps: FsStep[] = [];
  const recording = observeFs(machine, { before: (step) => void steps.push(step) });
  await publishBoth(await rootWithTree(t), 'new', { keepPrevious: 1 }, recording);
  const aside = steps.find(({ call, to }) => call === 'rename' && /\.keep-\d+$/.test(to ?? ''));
  assert.ok(aside);
  const dying = observeFs(machine, dieAtStep(aside.index, 'after'));
  await publishBoth(root, 'new', { keepPrevious: 1 }, dying).catch(() => undefined);
  assert.equal(existsSync(join(root, 'tree')), false);
  await publishDirectory(join(root, 'tree'), (stage) => stage.write('file', 'next'), {
    ifExists: 'replace',
    keepPrevious: 5,
  });
  assert.deepEqual(
    ['tree', 'tree.previous-2', 'tree.previous-1'].map((tree) => textAt(root, tree)),
    ['next', 'new', 'old'],
  );
});

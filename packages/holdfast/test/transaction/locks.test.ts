import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isHoldfastError, readJson, transaction, updateJson, type Transaction } from 'holdfast';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import { observeFs } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { acquireLock, withLock } from '#src/journal/settled-lock.js';

const NAMES = ['a', 'b', 'c', 'd', 'e'];

/** Another filesystem object for the same disk: its locks are those of another process. */
function otherProcess(): Fs {
  return observeFs(nodeFileSystem, {});
}

type Counter = { n: number };
const plusOne = ({ n }: Counter): Counter => ({ n: n + 1 });
const zero = { initial: { n: 0 } };

test('any number of transactions and updates of the same documents, in any order, end and lose nothing', async (t) => {
  const sets = fc.array(fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1 }), {
    minLength: 2,
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(sets, sets, fc.boolean(), async (transactions, updates, areApart) => {
      const root = temporaryDirectory(t);
      const all = [...transactions, ...updates].flat();
      const commits = transactions.map(async (names) => {
        const fs = areApart ? otherProcess() : nodeFileSystem;
        const name = async (tx: Transaction): Promise<void> => {
          for (const each of names) {
            await setImmediate();
            await tx.updateJson(each, plusOne, zero);
          }
        };
        await transaction(root, name, { fs, timeoutMs: 20_000 });
      });
      const others = updates
        .flat()
        .map((each) => updateJson(join(root, each), plusOne, { ...zero, timeoutMs: 20_000 }));
      await Promise.all([...commits, ...others]);
      for (const name of new Set(all)) {
        const count = all.filter((each) => each === name).length;
        assert.deepEqual(await readJson(join(root, name)), { n: count });
      }
    }),
    { numRuns: 10 },
  );
});

test('readers who lock the paths see both changes of each transaction, or none', async (t) => {
  const root = temporaryDirectory(t);
  const [first, second] = [join(root, 'a'), join(root, 'b')];
  writeFileSync(first, '0');
  writeFileSync(second, '0');
  const done = new AbortController();
  const writer = async (fs: Fs): Promise<void> => {
    for (let round = 1; round <= 10; round += 1) {
      await transaction(
        root,
        async (tx) => {
          await tx.replaceFile('b', `${round}`);
          await tx.replaceFile('a', `${round}`);
        },
        { fs },
      );
    }
  };
  const reader = async (fs: Fs): Promise<number> => {
    let count = 0;
    for (; !done.signal.aborted; count += 1) {
      const readBoth = (): Promise<string[]> =>
        withLock(second, () => [first, second].map((path) => readFileSync(path, 'utf8')), { fs });
      const [a, b] = await withLock(first, readBoth, { fs });
      assert.equal(a, b);
    }
    return count;
  };
  const readers = [reader(nodeFileSystem), reader(otherProcess())];
  await Promise.all([writer(nodeFileSystem), writer(otherProcess())]);
  done.abort();
  assert.ok((await Promise.all(readers)).every((count) => count > 0));
});

test('a lock that somebody keeps ends the transaction when its time is over, with nothing changed', async (t) => {
  const root = temporaryDirectory(t);
  const lock = await acquireLock(join(root, 'b'));
  const failing = transaction(
    root,
    async (tx) => {
      await tx.replaceFile('a', 'x');
      await tx.replaceFile('b', 'x');
    },
    { timeoutMs: 50 },
  );
  await assert.rejects(failing, (error) => isHoldfastError(error, 'LOCK_TIMEOUT'));
  await lock.release();
  await withLock(join(root, 'a'), () => undefined, { timeoutMs: 0 });
});

test('a transaction inside the lock of one of its paths is told, and does not hang', async (t) => {
  const root = temporaryDirectory(t);
  const nested = withLock(join(root, 'a'), () =>
    transaction(root, (tx) => tx.replaceFile('a', 'x')),
  );
  await assert.rejects(nested, (error) => isHoldfastError(error, 'LOCK_NESTED'));
});

test('a transaction inside a transaction commits by itself', async (t) => {
  const root = temporaryDirectory(t);
  await transaction(root, async (tx) => {
    await tx.replaceFile('a', 'outer');
    await transaction(root, (inner) => inner.replaceFile('a', 'inner'));
    assert.equal(readFileSync(join(root, 'a'), 'utf8'), 'inner');
  });
  assert.equal(readFileSync(join(root, 'a'), 'utf8'), 'outer');
});

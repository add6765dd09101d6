import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inOrder } from '#src/read/read-ahead.js';

/** A promise, and what settles it. */
function held(): { readonly promise: Promise<void>; readonly settle: () => void } {
  let settle = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { promise, settle };
}

test('what is read ahead is used in its order, whichever is read first, and no more is under way than said', async () => {
  const holds = [0, 1, 2, 3, 4].map(held);
  const begun: number[] = [];
  const used: number[] = [];
  const read = async (item: number): Promise<number> => {
    begun.push(item);
    await holds[item]?.promise;
    return item;
  };
  const done = inOrder([0, 1, 2, 3, 4], 3, read, async (_, got) => void used.push(got));
  assert.deepEqual(begun, [0, 1, 2]);
  for (const index of [2, 1, 0, 4, 3]) holds[index]?.settle();
  await done;
  assert.deepEqual(used, [0, 1, 2, 3, 4]);
});

test('after an error nothing more is begun, and all that was begun has ended', async () => {
  const last = held();
  const begun: number[] = [];
  let isEnded = false;
  const read = async (item: number): Promise<void> => {
    begun.push(item);
    if (item === 0) throw new Error('the first');
    await last.promise;
    isEnded = true;
  };
  const done = inOrder([0, 1, 2, 3], 2, read, async () => undefined);
  done.catch(() => last.settle());
  setImmediate(last.settle);
  await assert.rejects(done, /the first/);
  assert.deepEqual([begun, isEnded], [[0, 1], true]);
});

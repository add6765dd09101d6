import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ItemsOfBatches } from '#src/records/items-of-batches.js';

/** Batches of numbers, and what became of their generator. */
function batchesOf(batches: readonly Iterable<number>[]): {
  readonly items: ItemsOfBatches<number>;
  readonly seen: { asked: number; ended: boolean };
} {
  const seen = { asked: 0, ended: false };
  async function* generate(): AsyncGenerator<Iterable<number>, void, undefined> {
    try {
      for (const batch of batches) {
        seen.asked += 1;
        await Promise.resolve();
        yield batch;
      }
    } finally {
      seen.ended = true;
    }
  }
  return { items: new ItemsOfBatches(generate()), seen };
}

function* failingAfter(...values: number[]): Generator<number> {
  yield* values;
  throw new Error('damaged');
}

test('items come in order, whatever the batches are, and then no more', async () => {
  const { items, seen } = batchesOf([[], [1, 2], [], [3]]);
  const all: number[] = [];
  for await (const item of items) all.push(item);
  assert.deepEqual([all, seen.ended], [[1, 2, 3], true]);
  assert.deepEqual(await items.next(), { done: true, value: undefined });
});

test('calls that do not wait for each other get the items in the order of the calls', async () => {
  const { items } = batchesOf([[1, 2], [3], [4, 5]]);
  const results = await Promise.all(Array.from({ length: 7 }, () => items.next()));
  assert.deepEqual(
    results.map(({ value }) => value),
    [1, 2, 3, 4, 5, undefined, undefined],
  );
});

test('a call does not overtake those that wait, however late it is made', async () => {
  for (let steps = 0; steps < 20; steps += 1) {
    const { items } = batchesOf([[1, 2, 3]]);
    const waiting = [items.next(), items.next()];
    for (let step = 0; step < steps; step += 1) await Promise.resolve();
    const values = (await Promise.all([...waiting, items.next()])).map(({ value }) => value);
    assert.deepEqual(values, [1, 2, 3], `${steps} steps later`);
  }
});

test('a batch is asked for when the one before is used up', async () => {
  const { items, seen } = batchesOf([[1, 2], [3]]);
  await items.next();
  await items.next();
  assert.equal(seen.asked, 1);
});

test('who stops early ends the batches, after the calls made before', async () => {
  const { items, seen } = batchesOf([[1, 2], [3]]);
  const [first, end, later] = await Promise.all([items.next(), items.return(), items.next()]);
  assert.deepEqual([first.value, end.done, later.done], [1, true, true]);
  assert.ok(seen.ended);
});

test('an item that throws, in the batch at hand or first in one, ends it all', async () => {
  for (const batches of [
    [failingAfter(1), [9]],
    [[1], failingAfter(), [9]],
  ]) {
    const { items, seen } = batchesOf(batches);
    await assert.rejects(async () => {
      for await (const item of items) assert.ok(item < 9);
    }, /damaged/);
    assert.ok(seen.ended);
    assert.equal((await items.next()).done, true);
  }
});

test('an error thrown in is the answer, and ends it all', async () => {
  const { items, seen } = batchesOf([[1, 2]]);
  await items.next();
  await assert.rejects(items.throw(new Error('enough')), /enough/);
  assert.ok(seen.ended);
  assert.equal((await items.next()).done, true);
});

/** A store that loses updates is found guilty; each of these has one fault of a real one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { probeStore } from '@holdfast/objectstore';
import { isHoldfastError } from 'holdfast';
import { ModelStore } from '#src/store/model-store.js';

const url = 's3://bucket/folder/state.json';

async function guilt(change: (store: ModelStore) => void): Promise<readonly string[]> {
  const store = new ModelStore();
  change(store);
  const report = await probeStore(url, { store });
  const wrong = report.checks.filter(({ works }) => !works);
  assert.equal(
    report.losesUpdates,
    wrong.some(({ neededFor }) => neededFor === 'updates'),
  );
  const left = await store.list('bucket', '');
  assert.ok(left.outcome === 'found');
  assert.deepEqual(left.objects, [], 'the trial has left something');
  return wrong.map(({ name, detail }) => `${name}: ${detail}`);
}

test('a store that keeps to its conditions is not convicted', async () => {
  assert.deepEqual(await guilt(() => undefined), []);
});

test('a store that does not look at conditions is', async () => {
  const found = await guilt((store) => {
    const put = store.put.bind(store);
    store.put = (name, body, options) => put(name, body, { metadata: options?.metadata });
  });
  assert.ok(found.length >= 5, found.join('\n'));
});

test('a store that looks first and writes later is, by its races', async () => {
  const found = await guilt((store) => {
    const put = store.put.bind(store);
    store.put = async (name, body, options) => {
      const { condition, ...others } = options ?? {};
      const there = await store.head(name);
      const etag = there.outcome === 'found' ? there.etag : undefined;
      const holds =
        condition === undefined ||
        (condition.ifMatch === undefined ? etag === undefined : etag === condition.ifMatch);
      await turnOfTheLoop();
      return holds ? put(name, body, others) : { outcome: 'precondition' };
    };
  });
  assert.match(found.join('\n'), /create at once.*up to 16 of 16/);
  assert.match(found.join('\n'), /replace at once/);
  assert.match(found.join('\n'), /acknowledged updates were lost/);
  assert.ok(found.length === 3, found.join('\n'));
});

test('a store that drops metadata is', async () => {
  const found = await guilt((store) => {
    const put = store.put.bind(store);
    store.put = (name, body, options) => put(name, body, { ...options, metadata: {} });
  });
  assert.deepEqual(found.length, 1);
  assert.match(found.join(), /metadata is another/);
});

test('what only uploads or removals need convicts nobody of losing updates', async () => {
  const found = await guilt((store) => {
    const [complete, remove] = [store.completeUpload.bind(store), store.delete.bind(store)];
    store.completeUpload = (name, id, parts) => complete(name, id, parts);
    store.delete = (name) => remove(name);
  });
  assert.equal(found.length, 2);
});

test('a store that refuses the trial is an error, not a verdict', async () => {
  const store = new ModelStore();
  store.put = async () => ({
    outcome: 'refused',
    refusal: { status: 403, code: 'AccessDenied', message: 'no', isTransient: false },
  });
  await assert.rejects(probeStore(url, { store }), (error) =>
    isHoldfastError(error, 'STORE_FAILED'),
  );
});

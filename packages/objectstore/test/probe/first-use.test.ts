/** What the first update of a process does to find out whether a store loses updates. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import {
  publishDirectory,
  readJson,
  sweepDirectory,
  updateFile,
  updateJson,
} from '@holdfast/objectstore';
import { isHoldfastError } from 'holdfast';
import { ModelStore } from '#src/store/model-store.js';

const url = 's3://bucket/folder/state.json';
const site = 's3://bucket/folder/site';
const isRefused = (error: unknown): boolean => isHoldfastError(error, 'UNSUPPORTED_PLATFORM');

let endpoints = 0;

/** A store that nobody has tried. */
class UntriedStore extends ModelStore {
  override readonly endpoint = `model:${(endpoints += 1)}`;
  override isTrusted = false;
}

/** The requests to a store, by method, of all but the given object. */
function counted(store: ModelStore): Map<string, number> {
  const counts = new Map<string, number>();
  store.onRequest = ({ method, name }) => {
    if (name.key.includes('.holdfast-probe-')) counts.set(method, (counts.get(method) ?? 0) + 1);
  };
  return counts;
}

const faults: Readonly<Record<string, (store: ModelStore) => void>> = {
  'that ignores If-None-Match': (store) => {
    const put = store.put.bind(store);
    store.put = (name, body, options) =>
      put(name, body, options?.condition?.ifMatch === undefined ? {} : options);
  },
  'that ignores If-Match': (store) => {
    const put = store.put.bind(store);
    store.put = (name, body, options) =>
      put(name, body, options?.condition?.ifNoneMatch === undefined ? {} : options);
  },
  'that looks first and writes later': (store) => {
    const put = store.put.bind(store);
    store.put = async (name, body, options) => {
      const there = await store.head(name);
      const etag = there.outcome === 'found' ? there.etag : undefined;
      await turnOfTheLoop();
      const condition = options?.condition;
      if (condition !== undefined && etag !== condition.ifMatch) return { outcome: 'precondition' };
      return put(name, body, {});
    };
  },
};

for (const [fault, change] of Object.entries(faults)) {
  test(`a store ${fault} is refused at its first use and from then on, and nothing is there`, async () => {
    const store = new UntriedStore();
    change(store);
    const update = (): Promise<unknown> => updateJson(url, () => ({ a: 1 }), { store });
    const both = [update(), update()];
    for (const each of both) await assert.rejects(each, isRefused);
    const counts = counted(store);
    await assert.rejects(
      updateFile(url, () => 'a', { store }),
      isRefused,
    );
    await assert.rejects(
      publishDirectory(site, (stage) => stage.write('a', 'a'), { store }),
      isRefused,
    );
    await assert.rejects(sweepDirectory(site, { store }), isRefused);
    assert.deepEqual([...counts], [], 'the verdict is remembered');
    assert.deepEqual(await store.list('bucket', ''), { outcome: 'found', objects: [] });
    store.isTrusted = true;
    assert.deepEqual(await update(), { a: 1 });
  });
}

test('a store that keeps its conditions pays once, and reads pay nothing', async () => {
  const store = new UntriedStore();
  const counts = counted(store);
  assert.deepEqual(await readJson(url, { store, initial: {} }), {});
  assert.deepEqual([...counts], []);
  const update = (): Promise<unknown> => updateJson(url, () => ({ a: 1 }), { store });
  await Promise.all([update(), update(), updateFile('s3://bucket/b', () => 'b', { store })]);
  // docs/object-stores.md says so many.
  const cost = [
    ['delete', 1 + 13],
    ['put', 96],
  ] as const;
  assert.deepEqual([...counts], cost);
  await publishDirectory(site, (stage) => stage.write('a', 'a'), { store });
  assert.deepEqual([...counts], cost, 'paid again');
  const left = await store.list('bucket', '');
  assert.ok(left.outcome === 'found' && left.objects.every(({ key }) => !/probe/.test(key)));
});

test('a trial whose objects could not be removed again is not held, and convicts nobody', async () => {
  const store = new UntriedStore();
  store.delete = async () => {
    const refusal = { status: 403, code: 'AccessDenied', message: 'no', isTransient: false };
    return { outcome: 'refused', refusal };
  };
  const counts = counted(store);
  assert.deepEqual(await updateJson(url, () => ({ a: 1 }), { store }), { a: 1 });
  assert.deepEqual([...counts], []);
});

test('a trial without an answer convicts nobody, and is held at the next use', async () => {
  const store = new UntriedStore();
  const remove = store.delete.bind(store);
  store.delete = async () => ({ outcome: 'unknown', cause: new Error('no answer') });
  assert.deepEqual(await updateJson(url, () => ({ a: 1 }), { store }), { a: 1 });
  store.delete = remove;
  const counts = counted(store);
  await updateJson(url, () => ({ a: 2 }), { store });
  assert.equal(counts.get('put'), 96);
});

test('a trial of which no race was answered is held at the next use', async () => {
  const store = new UntriedStore();
  const put = store.put.bind(store);
  store.put = async (name, ...more) =>
    name.key.includes('.holdfast-probe-')
      ? { outcome: 'unknown', cause: new Error('no answer') }
      : put(name, ...more);
  assert.deepEqual(await updateJson(url, () => ({ a: 1 }), { store }), { a: 1 });
  store.put = put;
  const counts = counted(store);
  await updateJson(url, () => ({ a: 2 }), { store });
  assert.equal(counts.get('put'), 96);
});

test('an answer that was lost makes no winner: a good store on a bad network is not convicted', async () => {
  const store = new UntriedStore();
  let puts = 0;
  store.onRequest = (request) => {
    if (request.method !== 'put' || !/probe/.test(request.name.key)) return;
    puts += 1;
    // Each third is done twice, each fifth is done and its answer lost.
    if (puts % 3 === 0) request.arrive();
    if (puts % 5 !== 0) return;
    request.arrive();
    request.lose();
  };
  assert.deepEqual(await updateJson(url, () => ({ a: 1 }), { store }), { a: 1 });
  assert.ok(puts >= 48);
});

test('a call that is ended while the store is tried ends, and the trial goes on for others', async () => {
  const store = new UntriedStore();
  const controller = new AbortController();
  store.holds = true;
  const update = updateJson(url, () => ({ a: 1 }), { store, signal: controller.signal });
  while (store.underWay.length === 0) await turnOfTheLoop();
  controller.abort();
  await assert.rejects(update, (error) => isHoldfastError(error, 'ABORTED'));
  store.holds = false;
  for (const request of store.underWay.splice(0)) {
    request.arrive();
    request.answer();
  }
  assert.deepEqual(await updateJson(url, () => ({ a: 2 }), { store }), { a: 2 });
});

/** What updates and reads of an object promise, on a model of a store. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { test } from 'node:test';
import { isHoldfastError, type ErrorCode, type Outcome } from 'holdfast';
import { fileSyntax, syntaxFor } from 'holdfast/syntaxes';
import { readJson, updateFile, updateJson, type ObjectStore } from '@holdfast/objectstore';
import { ObjectQueue } from '#src/document/object-queue.js';
import { PendingUpdate } from '#src/document/pending-update.js';
import { ModelStore } from '#src/store/model-store.js';
import { etagOf } from '../store/conformance.js';

const url = 's3://bucket/folder/state.json';
const name = { bucket: 'bucket', key: 'folder/state.json' };
const NONCE = /[ \t]{72}/;

const withCode =
  (code: ErrorCode, outcome: Outcome = 'unchanged') =>
  (error: unknown) => {
    assert.ok(isHoldfastError(error, code), String(error));
    assert.equal(error.outcome, outcome, error.message);
    assert.match(error.message, /in the store|get there late/);
    return true;
  };

function textIn(store: ModelStore): string {
  return Buffer.from(store.bodyOf(name) ?? '').toString();
}

async function storeWith(
  text: string,
  options: Parameters<ObjectStore['put']>[2] = {},
): Promise<ModelStore> {
  const store = new ModelStore();
  etagOf(await store.put(name, Buffer.from(text), options));
  return store;
}

test('what an update does not change stays to the byte, and a line of blanks tells commits apart', async () => {
  const text = '{\r\n\t"n" : 1.0,\r\n\t"b":[ 1,2 ]\r\n}\r\n';
  const store = await storeWith(text);
  const seen = new Set<string>();
  for (const n of [2, 3, 2]) {
    await updateJson(url, (value) => Object.assign(value, { n }), { store });
    const now = textIn(store);
    assert.equal(
      now.replace(NONCE, '').replace(/\r\n\r\n$/, '\r\n'),
      text.replace('1.0', String(n)),
    );
    assert.deepEqual(JSON.parse(now), { n, b: [1, 2] });
    seen.add(now);
  }
  assert.equal(seen.size, 3, 'the content that came back has other bytes');
});

test('a document without a line end, and one with a byte order mark, keep both', async () => {
  for (const text of ['{"a":1}', '\uFEFF{"a":1}\n', '{"a":1} \n\n']) {
    const store = await storeWith(text);
    for (const a of [2, 3]) await updateJson(url, () => ({ a }), { store });
    const now = textIn(store);
    const rest = text.endsWith('\n')
      ? now.replace(/[ \t]{72}\n$/, '')
      : now.replace(/[ \t]{72}$/, '');
    assert.equal(rest, text.replace('1', '3'));
    assert.deepEqual(await readJson(url, { store }), { a: 3 });
  }
});

test('an update that changes nothing writes nothing', async () => {
  const store = await storeWith('{"a":1}');
  store.onRequest = ({ method }) => assert.equal(method, 'get');
  assert.deepEqual(await updateJson(url, () => undefined, { store }), { a: 1 });
});

test('headers and metadata of the object stay, and one that is made is application/json', async () => {
  const headers = { contentType: 'application/geo+json', cacheControl: 'no-cache' };
  const store = await storeWith('{}', { headers, metadata: { owner: 'me' } });
  await updateJson(url, () => ({ a: 1 }), { store });
  const found = await store.head(name);
  assert.ok(found.outcome === 'found');
  assert.deepEqual(found.headers, headers);
  assert.equal(found.metadata['owner'], 'me');
  const other = new ModelStore();
  await updateJson(url, () => ({ a: 1 }), { store: other });
  const made = await other.head(name);
  assert.ok(made.outcome === 'found');
  assert.equal(made.headers.contentType, 'application/json');
});

test('calls of one turn share one request, and each gets what came of its own change', async () => {
  const store = new ModelStore();
  let puts = 0;
  store.onRequest = ({ method }) => (puts += method === 'put' ? 1 : 0);
  const values = await Promise.all(
    Array.from({ length: 10 }, () =>
      updateJson<{ n: number }>(url, ({ n }) => ({ n: n + 1 }), { store, initial: { n: 0 } }),
    ),
  );
  assert.deepEqual(
    values,
    Array.from({ length: 10 }, (_, index) => ({ n: index + 1 })),
  );
  assert.equal(puts, 1);
});

test('an updater that throws is as if it had not been called, and the others are', async () => {
  const store = await storeWith('{"n":0}');
  const add = (): Promise<unknown> =>
    updateJson<{ n: number }>(url, ({ n }) => ({ n: n + 1 }), { store });
  const thrown = updateJson(
    url,
    (value) => {
      value['n'] = 100;
      throw new Error('no');
    },
    { store },
  );
  await Promise.all([add(), assert.rejects(thrown, withCode('UPDATER_FAILED')), add()]);
  assert.deepEqual(await readJson(url, { store }), { n: 2 });
});

test('when another is first, the updater is called again with what is there then', async () => {
  const store = await storeWith('{"n":0}');
  let calls = 0;
  const value = await updateJson<{ n: number }>(
    url,
    async ({ n }) => {
      calls += 1;
      if (calls === 1) etagOf(await store.put(name, Buffer.from('{"n":10}')));
      return { n: n + 1 };
    },
    { store },
  );
  assert.deepEqual(value, { n: 11 });
  assert.equal(calls, 2);
});

test('when others are first until the time is over, the error says so and nothing was written', async () => {
  const store = await storeWith('{"n":0}');
  let n = 0;
  const update = updateJson<object>(
    url,
    async (value) => {
      etagOf(await store.put(name, Buffer.from(`{"n":${(n += 1)}}`)));
      return Object.assign(value, { mine: true });
    },
    { store, timeoutMs: 0 },
  );
  await assert.rejects(update, withCode('TARGET_CHANGED'));
  assert.equal(textIn(store), '{"n":1}');
});

test('a foreign writer who drops the history while an answer is lost leaves a doubt, which is told', async () => {
  const store = await storeWith('{"n":0}');
  store.onRequest = (request) => {
    if (request.method !== 'put') return;
    store.onRequest = undefined;
    request.arrive();
    request.lose();
    void store.put(name, Buffer.from('{"foreign":true}'));
  };
  const update = updateJson(url, () => ({ n: 1 }), { store });
  await assert.rejects(update, withCode('STORE_FAILED', 'unknown'));
});

test('a condition that no longer holds after a lost answer proves nothing by itself', async () => {
  const store = await storeWith('{"n":0}');
  let puts = 0;
  store.onRequest = (request) => {
    if (request.method !== 'put') return;
    puts += 1;
    if (puts === 1) request.lose();
    if (puts === 2) void store.put(name, Buffer.from('{"foreign":true}'));
  };
  const update = updateJson(url, () => ({ n: 1 }), { store });
  await assert.rejects(update, withCode('STORE_FAILED', 'unknown'));
});

for (const [commits, outcome] of [
  [90, 'acknowledged'],
  [120, 'unknown'],
] as const) {
  test(`after ${commits} commits of another while an answer was lost a call is ${outcome}`, async () => {
    const store = await storeWith('{"n":0,"others":0}');
    let others: Promise<unknown> | undefined;
    const another = async (): Promise<void> => {
      const queue = new ObjectQueue(store, name);
      const syntax = syntaxFor(url, undefined);
      const call = { syntax, nonce: 'blanks', contentType: undefined, timeoutMs: 1000 } as const;
      for (let made = 0; made < commits; made += 1) {
        const add = (value: { others: number }): void => void (value.others += 1);
        await queue.enter(new PendingUpdate(url, add, call, queue.timing.now()));
      }
    };
    store.onRequest = (request) => {
      if (request.method !== 'put' || others !== undefined) return;
      request.lose();
      others = another();
    };
    const get = store.get.bind(store);
    // What it reads after its doubt comes after them all.
    const late: ObjectStore = Object.assign(Object.create(store) as ObjectStore, {
      get: async (...args: Parameters<ObjectStore['get']>) => {
        await others;
        return get(...args);
      },
      put: store.put.bind(store),
    });
    const update = updateJson<{ n: number }>(url, (value) => void (value.n += 1), { store: late });
    if (outcome === 'unknown') await assert.rejects(update, withCode('STORE_FAILED', 'unknown'));
    else assert.deepEqual(await update, { n: 1, others: commits });
  });
}

test('a store that loses metadata still tells, by the bytes', async () => {
  const store = await storeWith('{"n":0}');
  const put = store.put.bind(store);
  store.put = (given, body, options) => put(given, body, { ...options, metadata: {} });
  let lost = 0;
  store.onRequest = (request) => {
    if (request.method !== 'put' || (lost += 1) > 1) return;
    request.arrive();
    request.lose();
  };
  assert.deepEqual(await updateJson(url, () => ({ n: 1 }), { store }), { n: 1 });
});

test('of bytes a doubt beside another writer is told, and not guessed: they could come back', async () => {
  const store = await storeWith('old');
  let other: Promise<unknown> | undefined;
  store.onRequest = (request) => {
    if (request.method !== 'put' || other !== undefined) return;
    request.lose();
    const syntax = fileSyntax('utf8');
    const call = { syntax, nonce: 'none', contentType: undefined, timeoutMs: 1000 } as const;
    const pending = new PendingUpdate(url, () => 'of another', call, 0);
    other = new ObjectQueue(store, name).enter(pending);
  };
  const get = store.get.bind(store);
  const late: ObjectStore = Object.assign(Object.create(store) as ObjectStore, {
    get: async (...args: Parameters<ObjectStore['get']>) => {
      await other;
      return get(...args);
    },
    put: store.put.bind(store),
  });
  const update = updateFile(url, () => 'mine', { store: late });
  await assert.rejects(update, withCode('STORE_FAILED', 'unknown'));
  assert.equal(textIn(store), 'of another');
});

test('bytes are written as they are given, and text as UTF-8', async () => {
  const store = new ModelStore();
  const bytes = Buffer.from([0, 255, 10]);
  assert.deepEqual(await updateFile(url, () => bytes, { store }), bytes);
  assert.deepEqual(Buffer.from(store.bodyOf(name) ?? ''), bytes);
  await assert.rejects(
    updateFile(url, (text) => text, { store, encoding: 'utf8' }),
    withCode('CORRUPT_DOCUMENT'),
  );
  await updateFile(url, () => 'é\n', { store });
  const text = await updateFile(url, (now) => `${now}ü`, { store, encoding: 'utf8' });
  assert.equal(text, 'é\nü');
});

test('a document that is missing is NOT_FOUND, or what the caller says', async () => {
  const store = new ModelStore();
  await assert.rejects(readJson(url, { store }), withCode('NOT_FOUND'));
  assert.deepEqual(await readJson(url, { store, initial: { a: 1 } }), { a: 1 });
});

test('a document that is broken is CORRUPT_DOCUMENT with its place, and stays', async () => {
  const store = await storeWith('{"a":1');
  await assert.rejects(
    updateJson(url, () => ({}), { store }),
    withCode('CORRUPT_DOCUMENT'),
  );
  await assert.rejects(readJson(url, { store }), /line 1/);
  assert.equal(textIn(store), '{"a":1');
});

test('an update of its own object inside an updater is refused, and would have waited for itself', async () => {
  const store = new ModelStore();
  const update = updateJson(
    url,
    async () => {
      await updateJson(url, () => ({ inner: true }), { store });
    },
    { store },
  );
  await assert.rejects(update, withCode('LOCK_NESTED'));
  const other = 's3://bucket/other.json';
  await updateJson(
    url,
    async () => {
      await updateJson(other, () => ({ inner: true }), { store });
    },
    { store },
  );
  assert.deepEqual(await readJson(other, { store }), { inner: true });
});

test('a signal ends a call that waits for its updater, and not one whose change is under way', async () => {
  const store = new ModelStore();
  const controller = new AbortController();
  const hanging = updateJson(
    url,
    () => {
      controller.abort(new Error('enough'));
      return new Promise(() => undefined);
    },
    { store, signal: controller.signal },
  );
  await assert.rejects(hanging, withCode('ABORTED'));
  const late = new AbortController();
  store.onRequest = ({ method }) => {
    if (method === 'put') late.abort();
  };
  assert.deepEqual(await updateJson(url, () => ({ a: 1 }), { store, signal: late.signal }), {
    a: 1,
  });
  await assert.rejects(readJson(url, { store, signal: AbortSignal.abort() }), withCode('ABORTED'));
});

test('an updater has the context of its own caller', async () => {
  const store = new ModelStore();
  const context = new AsyncLocalStorage<string>();
  const call = (who: string): Promise<unknown> =>
    context.run(who, () =>
      updateJson<object>(url, (value) => Object.assign(value, { [who]: context.getStore() }), {
        store,
      }),
    );
  await Promise.all([call('a'), call('b')]);
  assert.deepEqual(await readJson(url, { store }), { a: 'a', b: 'b' });
});

test('what is refused by the store is told with what to do, and without a retry', async () => {
  const store = await storeWith('{}');
  let puts = 0;
  store.put = async () => {
    puts += 1;
    const refusal = { status: 403, code: 'AccessDenied', message: 'no', isTransient: false };
    return { outcome: 'refused', refusal };
  };
  const update = updateJson(url, () => ({ a: 1 }), { store });
  await assert.rejects(
    update,
    (error) => withCode('STORE_FAILED')(error) && /give them the right/.test(String(error)),
  );
  assert.equal(puts, 1);
});

test('what is refused after an answer was lost leaves a doubt, which is told', async () => {
  const store = await storeWith('{}');
  const put = store.put.bind(store);
  let puts = 0;
  store.onRequest = (request) => {
    if (request.method === 'put') request.lose();
  };
  store.put = async (...args) => {
    if ((puts += 1) === 1) return put(...args);
    const refusal = { status: 403, code: 'ExpiredToken', message: 'no', isTransient: false };
    return { outcome: 'refused', refusal };
  };
  const update = updateJson(url, () => ({ a: 1 }), { store });
  await assert.rejects(update, withCode('STORE_FAILED', 'unknown'));
  assert.equal(puts, 2);
});

test('a store that cannot be reached for a moment is asked again', async () => {
  const store = await storeWith('{}');
  const put = store.put.bind(store);
  let puts = 0;
  store.put = async (...args) => {
    if ((puts += 1) > 1) return put(...args);
    const refusal = { code: 'ECONNREFUSED', message: 'no', isTransient: true };
    return { outcome: 'refused', refusal };
  };
  assert.deepEqual(await updateJson(url, () => ({ a: 1 }), { store }), { a: 1 });
});

test('what cannot be the URL of an object is refused before anything is asked', async () => {
  const store = new ModelStore();
  store.onRequest = () => assert.fail('a request was made');
  const urls = [
    'a.json',
    's3://',
    's3://bucket',
    's3://bucket/',
    's3://b/k',
    's3://bucket/a/../b',
    's3://bucket/a\n',
    `s3://bucket/${'x'.repeat(1025)}`,
    's3://bucket/folder/',
    5,
  ];
  for (const wrong of urls) {
    await assert.rejects(
      updateJson(wrong as string, () => ({}), { store }),
      (error) => isHoldfastError(error, 'INVALID_ARGUMENT'),
    );
    await assert.rejects(readJson(wrong as string, { store }), (error) =>
      isHoldfastError(error, 'INVALID_ARGUMENT'),
    );
  }
  for (const options of [{ lockPath: 'x' }, { timeoutMs: -1 }, { store: {} }, { indent: -1 }]) {
    await assert.rejects(
      updateJson(url, () => ({}), { ...options } as object),
      (error) => isHoldfastError(error, 'INVALID_ARGUMENT'),
    );
  }
});

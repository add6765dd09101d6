/** Directories below a prefix, in a store whose requests the test has in hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHoldfastError } from 'holdfast';
import {
  openDirectory,
  publishDirectory,
  sweepDirectory,
  verifyDirectory,
  type ObjectStage,
} from '@holdfast/objectstore';
import { ModelStore } from '#src/store/model-store.js';

const url = 's3://bucket/site';
const replace = { ifExists: 'replace' } as const;

/** Writes files with these contents. */
const files =
  (contents: Readonly<Record<string, string>>) =>
  async (stage: ObjectStage): Promise<void> => {
    for (const [path, content] of Object.entries(contents))
      await stage.spawn(() => stage.write(path, content));
  };

async function contentOf(store: ModelStore): Promise<Readonly<Record<string, string>>> {
  const opened = await openDirectory(url, { store });
  const read = async (path: string): Promise<[string, string]> => [
    path,
    (await opened.read(path)).toString(),
  ];
  return Object.fromEntries(await Promise.all([...opened.files.keys()].map(read)));
}

async function keysOf(store: ModelStore, prefix = 'site/'): Promise<readonly string[]> {
  const listed = await store.list('bucket', prefix);
  assert.equal(listed.outcome, 'found');
  return listed.objects.map(({ key }) => key);
}

test('a directory is published whole, read by its paths, and verified', async () => {
  const store = new ModelStore();
  await assert.rejects(openDirectory(url, { store }), (error) =>
    isHoldfastError(error, 'NOT_FOUND'),
  );
  const published = await publishDirectory(url, files({ 'a.txt': '1', 'b/c.txt': '22' }), {
    store,
  });
  assert.deepEqual(await contentOf(store), { 'a.txt': '1', 'b/c.txt': '22' });
  assert.equal(published.files.get('b/c.txt')?.sizeBytes, 2);
  const verified = await verifyDirectory(`${url}/`, { store, deep: true });
  assert.equal(verified.generation, published.generation);
  assert.deepEqual([verified.fileCount, verified.sizeBytes], [2, 3]);
  assert.deepEqual(verified.problems, []);
});

test('one that is there is replaced only when that is asked for, and readers of before read on', async () => {
  const store = new ModelStore();
  await publishDirectory(url, files({ a: 'old' }), { store });
  const old = await openDirectory(url, { store });
  await assert.rejects(publishDirectory(url, files({ a: 'new' }), { store }), (error) =>
    isHoldfastError(error, 'ALREADY_EXISTS'),
  );
  assert.deepEqual(await contentOf(store), { a: 'old' });
  const { swept } = await publishDirectory(url, files({ a: 'new' }), { store, ...replace });
  assert.deepEqual(swept, { removed: [], kept: [old.generation] });
  assert.deepEqual(await contentOf(store), { a: 'new' });
  assert.equal((await old.read('a')).toString(), 'old');
});

test('a generation that was followed goes when it is old enough by the clock of the store, and not before', async () => {
  const store = new ModelStore();
  const first = await publishDirectory(url, files({ a: '1' }), { store });
  // Each write takes a second of the store's time.
  const keepForMs = 20_000;
  const second = await publishDirectory(url, files({ a: '2' }), { store, ...replace, keepForMs });
  assert.deepEqual(second.swept?.removed, []);
  for (let writes = 0; writes < 10; writes += 1)
    await store.put({ bucket: 'bucket', key: 'other' }, Buffer.from('x'));
  assert.deepEqual((await sweepDirectory(url, { store, keepForMs })).removed, []);
  for (let writes = 0; writes < 10; writes += 1)
    await store.put({ bucket: 'bucket', key: 'other' }, Buffer.from('x'));
  const swept = await sweepDirectory(url, { store, keepForMs });
  assert.deepEqual(swept.removed, [first.generation]);
  assert.deepEqual(await keysOf(store, `site/generations/${first.generation}/`), []);
  assert.deepEqual(await contentOf(store), { a: '2' });
  // And what remembers it, when no request can be under way any more.
  for (let writes = 0; writes < 20; writes += 1)
    await store.put({ bucket: 'bucket', key: 'other' }, Buffer.from('x'));
  await sweepDirectory(url, { store, keepForMs });
  assert.deepEqual(
    (await keysOf(store)).filter((key) => key.includes(first.generation)),
    [],
  );
});

test('keepPrevious keeps the latest that were followed, however old', async () => {
  const store = new ModelStore();
  const options = { store, ...replace, keepForMs: 0, keepPrevious: 1 };
  const generations: string[] = [];
  for (const a of ['1', '2', '3'])
    generations.push((await publishDirectory(url, files({ a }), options)).generation);
  const [first = '', second = ''] = generations;
  assert.deepEqual(await keysOf(store, `site/generations/${first}/`), []);
  assert.deepEqual(await keysOf(store, `site/generations/${second}/`), [
    `site/generations/${second}/a`,
  ]);
});

test('what fails leaves what was there, and is swept without waiting for its age', async () => {
  const store = new ModelStore();
  await publishDirectory(url, files({ a: 'old' }), { store });
  const failing = async (stage: ObjectStage): Promise<void> => {
    await stage.write('a', 'new');
    throw new Error('no more');
  };
  await assert.rejects(publishDirectory(url, failing, { store, ...replace }), (error) => {
    assert.ok(isHoldfastError(error, 'UPDATER_FAILED'));
    assert.equal(error.outcome, 'unchanged');
    return true;
  });
  assert.deepEqual(await contentOf(store), { a: 'old' });
  assert.equal((await sweepDirectory(url, { store })).removed.length, 1);
  assert.equal((await keysOf(store, 'site/generations/')).length, 1);
});

test('a write that was not awaited fails the publish as well, and names are checked', async () => {
  const store = new ModelStore();
  const fills: readonly ((stage: ObjectStage) => void)[] = [
    (stage) => void stage.write('../a', 'x').catch(() => undefined),
    (stage) => void stage.write('a//b', 'x').catch(() => undefined),
    (stage) => void stage.write('/a', 'x').catch(() => undefined),
    (stage) => {
      void stage.write('a', 'x').catch(() => undefined);
      void stage.write('a', 'y').catch(() => undefined);
    },
  ];
  for (const fill of fills)
    await assert.rejects(publishDirectory(url, fill, { store }), (error) => isHoldfastError(error));
  assert.deepEqual(await keysOf(store, 'site/current.json'), []);
});

test('ifChanged fail tells a publisher whom another one has overtaken', async () => {
  const store = new ModelStore();
  await publishDirectory(url, files({ a: '0' }), { store });
  const overtaken = async (stage: ObjectStage): Promise<void> => {
    await publishDirectory(url, files({ a: '1' }), { store, ...replace });
    await stage.write('a', '2');
  };
  const options = { store, ...replace, ifChanged: 'fail' } as const;
  await assert.rejects(publishDirectory(url, overtaken, options), (error) =>
    isHoldfastError(error, 'TARGET_CHANGED'),
  );
  assert.deepEqual(await contentOf(store), { a: '1' });
});

test('a publisher whom a sweep has taken for dead does not publish what is gone', async () => {
  const store = new ModelStore();
  await publishDirectory(url, files({ a: 'old' }), { store });
  const slow = async (stage: ObjectStage): Promise<void> => {
    await stage.write('a', 'new');
    const swept = await sweepDirectory(url, { store, keepForMs: 0 });
    assert.equal(swept.removed.length, 1);
    await stage.write('b', 'new');
  };
  await assert.rejects(publishDirectory(url, slow, { store, ...replace }), (error) =>
    isHoldfastError(error, 'TARGET_CHANGED'),
  );
  assert.deepEqual(await contentOf(store), { a: 'old' });
});

test('what somebody else removes or overwrites before the commit is noticed, and not published', async () => {
  const store = new ModelStore();
  await publishDirectory(url, files({ a: 'old' }), { store });
  const harms = [
    (key: string) => store.delete({ bucket: 'bucket', key }),
    (key: string) => store.put({ bucket: 'bucket', key }, Buffer.from('xxx')),
    (key: string) => store.put({ bucket: 'bucket', key }, Buffer.from('longer')),
  ];
  for (const harm of harms) {
    const harmed = async (stage: ObjectStage): Promise<void> => {
      await stage.write('a', 'new');
      await harm(`${stage.url.slice('s3://bucket/'.length)}/a`);
    };
    await assert.rejects(publishDirectory(url, harmed, { store, ...replace }), (error) =>
      isHoldfastError(error, 'TARGET_CHANGED'),
    );
    assert.deepEqual(await contentOf(store), { a: 'old' });
  }
});

test('verify finds what is missing, changed, foreign, and a pointer that was put back', async () => {
  const store = new ModelStore();
  const name = (key: string): { readonly bucket: string; readonly key: string } => {
    return { bucket: 'bucket', key };
  };
  const first = await publishDirectory(url, files({ a: '1', b: '2', c: '3' }), { store });
  const below = `site/generations/${first.generation}`;
  await store.delete(name(`${below}/a`));
  await store.put(name(`${below}/b`), Buffer.from('x'));
  await store.put(name(`${below}/d.aux.xml`), Buffer.from('x'));
  const { problems } = await verifyDirectory(url, { store });
  assert.deepEqual(problems, [
    { kind: 'missing', path: 'a' },
    { kind: 'changed', path: 'b' },
    { kind: 'foreign', path: 'd.aux.xml' },
  ]);
  const opened = await openDirectory(url, { store });
  await assert.rejects(opened.read('a'), (error) => isHoldfastError(error, 'NOT_FOUND'));
  await assert.rejects(opened.read('b'), (error) => isHoldfastError(error, 'CORRUPT_DOCUMENT'));
  const pointer = store.bodyOf(name('site/current.json')) as Uint8Array;
  await publishDirectory(url, files({ a: '1' }), { store, ...replace });
  await store.put(name('site/current.json'), pointer);
  const putBack = await verifyDirectory(url, { store });
  assert.deepEqual(putBack.problems[0], { kind: 'putBack', path: '' });
});

test('a sweep that fails while it removes goes on where it stopped, and forgets nothing before', async () => {
  const store = new ModelStore();
  const first = await publishDirectory(url, files({ a: '1' }), { store });
  const of = (key: string): boolean => key.includes(first.generation);
  store.onRequest = (request) => {
    if (request.method === 'delete' && request.name.key.endsWith('/a')) request.lose();
  };
  const options = { store, ...replace, keepForMs: 0, timeoutMs: 0 };
  const { swept, sweepError } = await publishDirectory(url, files({ a: '2' }), options);
  assert.equal(swept, undefined);
  assert.ok(isHoldfastError(sweepError, 'STORE_FAILED'));
  assert.deepEqual((await keysOf(store)).filter(of), [
    `site/claims/${first.generation}.json`,
    `site/generations/${first.generation}/a`,
    `site/manifests/${first.generation}.json`,
  ]);
  store.onRequest = undefined;
  const { removed } = await sweepDirectory(url, { store, keepForMs: 0 });
  assert.deepEqual(removed, [first.generation]);
  // A request of long ago.
  const late = { bucket: 'bucket', key: `site/generations/${first.generation}/late` };
  await store.put(late, Buffer.from('x'));
  store.onRequest = (request) => {
    if (request.method === 'delete' && request.name.key === late.key) request.lose();
  };
  await assert.rejects(sweepDirectory(url, { store, keepForMs: 0, timeoutMs: 0 }), (error) =>
    isHoldfastError(error, 'STORE_FAILED'),
  );
  assert.deepEqual((await keysOf(store)).filter(of), [
    `site/claims/${first.generation}.json`,
    late.key,
  ]);
  store.onRequest = undefined;
  await sweepDirectory(url, { store, keepForMs: 0 });
  assert.deepEqual((await keysOf(store)).filter(of), []);
});

test('wrong options are refused before anything is asked of the store', async () => {
  const store = new ModelStore();
  store.onRequest = () => assert.fail('it was asked');
  const fill = files({ a: '1' });
  const wrong = [
    { concurrency: 0 },
    { concurrency: 1.5 },
    { keepForMs: -1 },
    { keepForMs: Number.NaN },
    { keepPrevious: -1 },
    { keepPrevious: 0.5 },
    { ifExists: 'maybe' as 'fail' },
    { timeoutMs: -1 },
  ];
  const refused = (error: unknown): boolean => isHoldfastError(error, 'INVALID_ARGUMENT');
  for (const options of wrong)
    await assert.rejects(publishDirectory(url, fill, { store, ...options }), refused);
  await assert.rejects(sweepDirectory(url, { store, keepPrevious: -1 }), refused);
  await assert.rejects(publishDirectory('site', fill, { store }), refused);
  await assert.rejects(publishDirectory('s3://bucket', fill, { store }), refused);
  await assert.rejects(verifyDirectory(url, { store, depp: true } as object), refused);
});

test('a prefix that holds something else is left alone', async () => {
  const store = new ModelStore();
  const name = { bucket: 'bucket', key: 'site/current.json' };
  await store.put(name, Buffer.from('{"current":"mine"}'));
  const options = { store, ...replace };
  for (const call of [
    () => publishDirectory(url, files({ a: '1' }), options),
    () => openDirectory(url, { store }),
    () => sweepDirectory(url, { store }),
  ])
    await assert.rejects(call, (error) => isHoldfastError(error, 'CORRUPT_DOCUMENT'));
  assert.deepEqual(await keysOf(store), ['site/current.json']);
});

test('a stream of any length goes in parts, each held once, and a short one in one request', async () => {
  const store = new ModelStore();
  const made: string[] = [];
  store.onRequest = ({ method, name }) => void made.push(`${method} ${name.key.split('/').at(-1)}`);
  const MIB = 2 ** 20;
  let given = 0;
  async function* long(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < 20; at += 1) {
      given += MIB;
      yield new Uint8Array(MIB).fill(at);
    }
  }
  const { files: written } = await publishDirectory(
    url,
    async (stage) => {
      await stage.write('long', long());
      await stage.write('short', new Uint8Array(8 * MIB));
    },
    { store },
  );
  assert.equal(given, 20 * MIB);
  assert.equal(written.get('long')?.sizeBytes, 20 * MIB);
  assert.equal(made.filter((request) => request === 'upload long').length, 4);
  assert.equal(made.filter((request) => request === 'put short').length, 1);
  const { problems } = await verifyDirectory(url, { store, deep: true });
  assert.deepEqual(problems, []);
});

test('every write whose answer is lost once is found to be there, and published once', async () => {
  const store = new ModelStore();
  const lost = new Set<string>();
  store.onRequest = (request) => {
    const { method, name, condition } = request;
    const what = `${method} ${name.key} ${condition?.ifMatch === undefined}`;
    if (!['put', 'upload', 'delete'].includes(method) || lost.has(what)) return;
    lost.add(what);
    request.arrive();
    request.lose();
  };
  const options = { store, ...replace, keepForMs: 0 };
  for (const a of ['1', '2', '3']) await publishDirectory(url, files({ a }), options);
  assert.deepEqual(await contentOf(store), { a: '3' });
  assert.ok(lost.size > 15, `${lost.size}`);
  assert.equal((await keysOf(store, 'site/generations/')).length, 1);
});

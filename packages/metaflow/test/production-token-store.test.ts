import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import { ProductionTokenStore } from '@holdfast/metaflow';

/** Sets variables of the environment for one test. */
function withEnvironment(t: TestContext, variables: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name];
    const put = (to: string | undefined): void => {
      if (to === undefined) delete process.env[name];
      else process.env[name] = to;
    };
    put(value);
    t.after(() => put(before));
  }
}

test('what was stored is loaded, and the other members of the file are kept', async (t) => {
  const home = `${temporaryDirectory(t)}/made/home`;
  const store = new ProductionTokenStore({ home });
  assert.equal(await store.load('flow'), undefined);
  await store.store('flow', 'flow-0-abcd');
  assert.equal(await store.load('flow'), 'flow-0-abcd');
  writeFileSync(`${home}/flow`, '{"other": [1], "production_token": "old"}');
  await store.store('flow', 'flow-1-abcd');
  assert.equal(
    readFileSync(`${home}/flow`, 'utf8'),
    '{"other": [1], "production_token": "flow-1-abcd"}',
  );
});

test('a prefix with a folder in it is a file in that folder', async (t) => {
  const home = temporaryDirectory(t);
  await new ProductionTokenStore({ home }).store('team/flow', 't');
  assert.deepEqual(JSON.parse(readFileSync(`${home}/team/flow`, 'utf8')), {
    production_token: 't',
  });
});

test('the directory is found as Metaflow finds it', (t) => {
  const store = new ProductionTokenStore();
  withEnvironment(t, { METAFLOW_TOKEN_HOME: undefined, METAFLOW_HOME: undefined });
  assert.equal(store.path('p'), `${homedir()}/.metaflowconfig/p`);
  withEnvironment(t, { METAFLOW_HOME: '/metaflow/home' });
  assert.equal(store.path('p'), '/metaflow/home/p');
  withEnvironment(t, { METAFLOW_TOKEN_HOME: '~/tokens' });
  assert.equal(store.path('p'), `${homedir()}/tokens/p`);
  withEnvironment(t, { METAFLOW_TOKEN_HOME: '' });
  assert.equal(store.path('p'), '/metaflow/home/p');
});

test('a prefix that leaves the directory is refused, and nothing is made', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/home`);
  const store = new ProductionTokenStore({ home: `${root}/home` });
  for (const prefix of [
    '../out',
    '..',
    '.',
    '',
    '/etc/out',
    'a/../../out',
    'a\0b',
    'a/',
    '\ud800',
  ]) {
    const isRefused = (error: unknown): boolean => isHoldfastError(error, 'PATH_ESCAPES');
    await assert.rejects(store.store(prefix, 't'), isRefused);
    await assert.rejects(store.load(prefix), isRefused);
    assert.throws(() => store.new(prefix), isRefused);
  }
  for (const unfit of [undefined, 5] as unknown[] as string[]) {
    const isUnfit = (error: unknown): boolean => isHoldfastError(error, 'INVALID_ARGUMENT');
    await assert.rejects(store.store(unfit, 't'), isUnfit);
    await assert.rejects(store.load(unfit), isUnfit);
    assert.throws(() => store.new(unfit), isUnfit);
  }
  assert.deepEqual(readdirSync(root, { recursive: true }), ['home']);
});

test('two deployments that store under one prefix at once lose no member', async (t) => {
  const home = temporaryDirectory(t);
  const store = new ProductionTokenStore({ home });
  writeFileSync(`${home}/p`, '{"owner":"me"}');
  await Promise.all([store.store('p', 'a'), store.store('p', 'b')]);
  // Each looks at the file before it asks for the lock, so either may be the last.
  const stored = readFileSync(`${home}/p`, 'utf8');
  assert.match(stored, /^\{"owner":"me","production_token":"[ab]"\}$/);
});

test('a file that is empty for a moment is not taken for one without a token', async (t) => {
  const home = temporaryDirectory(t);
  const store = new ProductionTokenStore({ home });
  writeFileSync(`${home}/p`, '');
  const loading = store.load('p');
  writeFileSync(`${home}/p`, '{"production_token": "t"}');
  assert.equal(await loading, 't');
});

test('a file that is no object is left as it is', async (t) => {
  const home = temporaryDirectory(t);
  const store = new ProductionTokenStore({ home });
  const isCorrupt = (error: unknown): boolean => isHoldfastError(error, 'CORRUPT_DOCUMENT');
  for (const text of ['[1]', '{"production_token": 5}']) {
    writeFileSync(`${home}/p`, text);
    await assert.rejects(store.load('p'), isCorrupt);
  }
  writeFileSync(`${home}/p`, '[1]');
  await assert.rejects(store.store('p', 't'), isCorrupt);
  assert.equal(readFileSync(`${home}/p`, 'utf8'), '[1]');
});

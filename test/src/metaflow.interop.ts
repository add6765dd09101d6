/**
 * Files that are shared with Metaflow's own Python: with the released version, which writes in
 * place, and with writers that do what its proposed fix does. docs/metaflow.md promises what is
 * tested here.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import test, { type TestContext } from 'node:test';
import { EnvironmentManifest, ProductionTokenStore } from '@holdfast/metaflow';
import { runs, temporaryDirectory } from '@holdfast/tools/testing';
import * as fc from 'fast-check';
import { isHoldfastError, updateJson } from 'holdfast';
import { MetaflowPython } from './metaflow-python.js';
import { METAFLOW_VERSION } from './metaflow-venv.js';
import { startWriter, type Writer } from './writers.js';

const flow = 'HelloFlow';
const keys = ['1a2b3c', 'linux-64', 'conda'];
const packages = [{ url: 'https://example.org/é.conda', sha256: 'ff', size: 9007199254740991 }];

interface Shared {
  readonly root: string;
  readonly home: string;
  readonly python: MetaflowPython;
  readonly manifest: EnvironmentManifest;
  readonly tokens: ProductionTokenStore;
}

function shared(t: TestContext): Shared {
  const root = temporaryDirectory(t);
  const home = `${root}/tokens`;
  return {
    root,
    home,
    python: new MetaflowPython(t, home),
    manifest: new EnvironmentManifest(root, flow),
    tokens: new ProductionTokenStore({ home }),
  };
}

test(`Metaflow ${METAFLOW_VERSION} reads the manifest that we wrote, and we what it wrote`, async (t) => {
  const { root, python, manifest } = shared(t);
  assert.equal(await python.call('version'), METAFLOW_VERSION);
  await manifest.write(keys, packages);
  assert.deepEqual(await python.call('read', { root, flow, keys }), packages);
  const others = ['other', 'osx-arm64', 'pypi'];
  await python.call('write', { root, flow, keys: others, value: packages });
  assert.deepEqual(await manifest.read(others), packages);
  await manifest.write(['third', 'linux-64', 'pypi'], []);
  assert.deepEqual(await python.call('read', { root, flow, keys }), packages);
  assert.deepEqual(await python.call('read', { root, flow, keys: others }), packages);
  assert.equal(await python.call('read', { root, flow, keys: ['absent'] }), null);
});

test('Metaflow loads the token that we stored, and we the one it stored', async (t) => {
  const { home, python, tokens } = shared(t);
  for (const prefix of ['hello', 'Ünïcode', 'project.user.alice.flow']) {
    await tokens.store(prefix, 'ours');
    assert.equal(await python.call('load', { prefix }), 'ours');
    writeFileSync(`${home}/${prefix}`, '{"other": 1, "production_token": "ours"}');
    await python.call('store', { prefix, token: 'theirs é' });
    assert.equal(await tokens.load(prefix), 'theirs é');
    await tokens.store(prefix, 'ours again');
    const { other } = JSON.parse(readFileSync(`${home}/${prefix}`, 'utf8')) as { other: number };
    assert.equal(other, 1);
  }
  assert.equal(await python.call('load', { prefix: 'absent' }), null);
  assert.equal(await tokens.load('absent'), undefined);
});

test('the tokens of 1,000 random prefixes are those of Metaflow', async (t) => {
  const { python, tokens } = shared(t);
  const prefix = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 60 })
    .filter((text) => !/^\.{1,2}$|[/\0]|\p{Surrogate}/u.test(text));
  const seed = Date.now();
  t.diagnostic(`seed ${seed}`);
  const prefixes = fc.sample(prefix, { numRuns: 1000, seed });
  const expected = (await python.call('tokens', { prefixes, count: 4 })) as string[][];
  assert.equal(expected.length, 1000);
  for (const [i, name] of prefixes.entries())
    assert.deepEqual(firstTokens(tokens, name, 4), expected[i]);
});

test('all 10,000 tokens of a prefix are those of Metaflow, and so is the end', async (t) => {
  const { python, tokens } = shared(t);
  const [expected] = (await python.call('tokens', { prefixes: ['hello'], count: 10_001 })) as [
    string[],
  ];
  assert.deepEqual(firstTokens(tokens, 'hello', 10_000), expected);
  const last = expected.at(-1) as string;
  assert.throws(
    () => tokens.new('hello', last),
    (error) => isHoldfastError(error, 'NOT_FOUND'),
  );
  await assert.rejects(python.call('new', { prefix: 'hello', token: last }), /StopIteration/u);
  assert.equal(tokens.new('hello', 'unknown'), undefined);
  assert.equal(await python.call('new', { prefix: 'hello', token: 'unknown' }), null);
});

test('released Metaflow: a write that it began before ours and ends after it is lost, ours is not', async (t) => {
  const { root, python, manifest } = shared(t);
  await manifest.write(keys, packages);
  const theirs = ['theirs', 'linux-64', 'conda'];
  const goOn = await python.pausedAt('flock', 'write', { root, flow, keys: theirs, value: [1] });
  await manifest.write(['ours', 'linux-64', 'conda'], [2]);
  await goOn();
  assert.deepEqual(await manifest.read(['ours', 'linux-64', 'conda']), [2]);
  assert.equal(await manifest.read(theirs), undefined);
});

test('released Metaflow: writes one after the other lose nothing', async (t) => {
  const { root, python, manifest } = shared(t);
  for (let i = 0; i < 20; i += 1) {
    await manifest.write([`ours-${i}`, 'linux-64', 'conda'], [i]);
    await python.call('write', { root, flow, keys: [`theirs-${i}`, 'x', 'conda'], value: [i] });
  }
  const all = JSON.parse(readFileSync(manifest.path, 'utf8')) as object;
  assert.equal(Object.keys(all).length, 40);
});

test('released Metaflow: a token file that it has truncated is not taken for an empty one', async (t) => {
  const { python, tokens } = shared(t);
  await tokens.store('p', 'before');
  const goOn = await python.pausedAt('dump', 'store', { prefix: 'p', token: 'theirs' });
  const loading = tokens.load('p');
  await goOn();
  assert.equal(await loading, 'theirs');
});

test('released Metaflow: what we store between its reading and its writing of a token file is lost', async (t) => {
  const { home, python, tokens } = shared(t);
  mkdirSync(home);
  writeFileSync(`${home}/p`, '{"kept": 1}');
  const goOn = await python.pausedAt('load_config', 'store', { prefix: 'p', token: 'theirs' });
  await updateJson(`${home}/p`, (config) => void (config['added'] = 1));
  await tokens.store('p', 'ours');
  await goOn();
  assert.equal(readFileSync(`${home}/p`, 'utf8'), '{"kept": 1, "production_token": "theirs"}');
});

test('two deployments of different flows with one token prefix lose no member of its file', async (t) => {
  const { home, tokens } = shared(t);
  const members = Array.from({ length: 40 }, (_, i) => `flow-${i}`);
  await tokens.store('p', 'first');
  await Promise.all(
    members.flatMap((member) => [
      updateJson(`${home}/p`, (config) => void (config[member] = 1)),
      new ProductionTokenStore({ home }).store('p', member),
    ]),
  );
  const config = JSON.parse(readFileSync(`${home}/p`, 'utf8')) as Record<string, unknown>;
  assert.deepEqual(Object.keys(config).toSorted(), [...members, 'production_token'].toSorted());
});

test(`25 Python writers and 25 of ours x 20 updates of one manifest: 1,000 kept, ${runs} runs of ${runs}`, async (t) => {
  const root = temporaryDirectory(t);
  for (let run = 0; run < runs; run += 1) {
    const manifest = new EnvironmentManifest(root, `Flow${run}`);
    mkdirSync(`${root}/Flow${run}`);
    const writers = Array.from({ length: 50 }, (_, i) =>
      startWriter(i % 2 ? 'python' : 'manifest', manifest.path, `w${i}`, 20),
    );
    for (const writer of writers) assert.equal(await writer.ended, 0);
    const all = JSON.parse(readFileSync(manifest.path, 'utf8')) as object;
    assert.equal(Object.keys(all).length, 1000);
  }
});

test('writers of a manifest killed at any moment: it always parses, and holds what was acknowledged', async (t) => {
  const root = temporaryDirectory(t);
  const manifest = new EnvironmentManifest(root, flow);
  mkdirSync(`${root}/${flow}`);
  const all: Writer[] = [];
  for (let round = 0; round < 8; round += 1) {
    const batch = (['manifest', 'python', 'manifest', 'python'] as const).map((kind, i) =>
      startWriter(kind, manifest.path, `${kind}-${round}-${i}`, 0),
    );
    all.push(...batch);
    for (const [i, writer] of batch.entries()) {
      await writer.acknowledges(1 + i);
      writer.process.kill('SIGKILL');
      JSON.parse(readFileSync(manifest.path, 'utf8'));
    }
    for (const writer of batch) assert.equal(await writer.ended, null);
  }
  for (const key of all.flatMap((writer) => writer.acknowledged)) {
    assert.notEqual(await manifest.read([key, 'linux-64', 'conda']), undefined, key);
  }
});

function firstTokens(store: ProductionTokenStore, prefix: string, count: number): string[] {
  const made: string[] = [];
  while (made.length < count) made.push(store.new(prefix, made.at(-1)) as string);
  return made;
}

/** `holdfast json` on documents of a store. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { commandLineBeside, type Ended } from '../command.js';
import { bucket, credentials, freePort } from '../servers.js';

const document = `s3://${bucket}/doc.json`;

type Json = (...args: readonly string[]) => Promise<Ended>;

/** `holdfast json …` beside a store. */
async function jsonBeside(t: TestContext): Promise<{ readonly json: Json; readonly cwd: string }> {
  const { holdfast, cwd } = await commandLineBeside(t);
  return { json: (...args) => holdfast('json', ...args), cwd };
}

test('holdfast json reads and changes a document of a store, and makes no file', async (t) => {
  const { json, cwd } = await jsonBeside(t);
  assert.equal((await json('get', document, '--allow-http')).code, 3);
  const made = await json('set', document, '/a/b', '[1]', '--allow-http', '--json');
  assert.deepEqual(JSON.parse(made.stdout), { a: { b: [1] } }, made.stderr);
  assert.equal((await json('merge', document, '{"c":"x"}', '--allow-http')).code, 0);
  const patch = '[{"op":"test","path":"/c","value":"y"},{"op":"remove","path":"/a"}]';
  assert.equal((await json('patch', document, patch, '--allow-http')).code, 9);
  assert.equal((await json('get', document, '/c', '--raw', '--allow-http')).stdout, 'x\n');
  assert.equal((await json('delete', document, '/a/b/0', '--allow-http')).code, 0);
  assert.equal((await json('delete', document, '/z', '--allow-http')).code, 3);
  const { stdout } = await json('get', document, '--allow-http');
  assert.deepEqual(JSON.parse(stdout), { a: { b: [] }, c: 'x' });
  assert.deepEqual(readdirSync(cwd), []);
});

test('eight commands at once that append to one document of a store lose nothing', async (t) => {
  const { json } = await jsonBeside(t);
  const initial = ['--initial', '{"all":[]}', '--allow-http'];
  const appended = Array.from({ length: 8 }, (_, index) =>
    json('set', document, '/all/-', `${index}`, ...initial),
  );
  for (const { code, stderr } of await Promise.all(appended)) assert.equal(code, 0, stderr);
  const { stdout } = await json('get', document, '/all', '--allow-http');
  assert.deepEqual(
    (JSON.parse(stdout) as number[]).toSorted((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
});

test('a store that cannot be asked is an error that says what to do, without the credentials', async (t) => {
  const { json } = await jsonBeside(t);
  const http = await json('get', document);
  assert.equal(http.code, 2);
  assert.match(http.stderr, /--allow-http/);
  const deaf = ['--endpoint', `https://127.0.0.1:${await freePort()}`, '--timeout', '0'];
  const nobody = await json('set', document, '/a', '1', ...deaf);
  assert.match(nobody.stderr, /Nothing listens at the endpoint.*STORE_FAILED/s);
  assert.ok(!nobody.stderr.includes(credentials.secretAccessKey));
});

test('holdfast toml, yaml and env read and change documents of a store, and make no file', async (t) => {
  const { holdfast, cwd } = await commandLineBeside(t);
  for (const [name, port] of [
    ['toml', '8080\n'],
    ['yaml', '8080\n'],
    ['env', '"8080"\n'],
  ] as const) {
    const url = `s3://${bucket}/doc.${name}`;
    const say = (...args: readonly string[]): Promise<Ended> =>
      holdfast(name, ...args, '--allow-http');
    assert.equal((await say('get', url)).code, 3);
    const string = name === 'env' ? ['--string'] : [];
    const set = await say('set', url, '/PORT', '8080', ...string, '--trust-store');
    assert.equal(set.code, 0, set.stderr);
    await say('set', url, '/HOST', '--string', 'here', '--trust-store');
    assert.equal((await say('get', url, '/PORT')).stdout, port);
    assert.equal((await say('get', url, '/HOST', '--raw')).stdout, 'here\n');
    assert.equal((await say('delete', url, '/HOST', '--trust-store')).code, 0);
    assert.equal((await say('get', url, '/HOST')).code, 3);
    const wrong = await say('set', url, '/PORT', '1', '--keep', '3');
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /--keep is not for s3:/);
  }
  const file = await holdfast('toml', 'get', 'a.toml', '--endpoint', 'https://store.example');
  assert.match(file.stderr, /--endpoint is for s3:\/\/ alone/);
  assert.deepEqual(readdirSync(cwd), []);
});

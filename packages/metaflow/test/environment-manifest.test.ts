import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError, type ErrorCode, type JsonValue } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { EnvironmentManifest } from '@holdfast/metaflow';

const keys = ['env1', 'linux-64', 'conda'] as const;
const packages = [{ url: 'https://example.org/a.conda', hash: 'é' }];

function refusal(code: ErrorCode): (error: unknown) => boolean {
  return (error) => isHoldfastError(error, code);
}

test('what was written is read, level by level, and missing keys and files are undefined', async (t) => {
  const root = `${temporaryDirectory(t)}/.metaflow`;
  const manifest = new EnvironmentManifest(root, 'HelloFlow');
  assert.equal(manifest.path, `${root}/HelloFlow/conda.manifest`);
  assert.equal(await manifest.read(keys), undefined);
  assert.equal(existsSync(root), false);
  assert.equal(await manifest.write(keys, packages), packages);
  assert.deepEqual(await manifest.read(keys), packages);
  assert.deepEqual(await manifest.read(['env1', 'linux-64']), { conda: packages });
  assert.equal(await manifest.read(['env1', 'osx-arm64', 'conda']), undefined);
  assert.equal(await manifest.read(['toString']), undefined);
  assert.equal(await manifest.read(['env1', 'linux-64', 'conda', 'deeper']), undefined);
});

test(
  'a FIFO in the place of a manifest or a token is refused at once',
  { skip: process.platform === 'win32' },
  (t) => {
    const root = temporaryDirectory(t);
    mkdirSync(`${root}/F`);
    execFileSync('mkfifo', [`${root}/F/conda.manifest`, `${root}/token`]);
    const script = `
      import { EnvironmentManifest, ProductionTokenStore } from '@holdfast/metaflow';
      const [, root] = process.argv;
      const manifest = new EnvironmentManifest(root, 'F');
      const tokens = new ProductionTokenStore({ home: root });
      const calls = [() => manifest.read(['a']), () => manifest.write(['a'], []), () => tokens.load('token'),
        () => tokens.store('token', 'token-0-abcd')];
      for (const call of calls) await call().catch(({ code }) => console.log(code));`;
    const { stdout, signal } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', script, root],
      { cwd: import.meta.dirname, encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL' },
    );
    assert.equal(signal, null, 'a call waits');
    assert.equal(stdout, 'UNSUPPORTED_TARGET\n'.repeat(4));
  },
);

test('an empty file is a manifest without anything in it', async (t) => {
  const root = temporaryDirectory(t);
  const manifest = new EnvironmentManifest(root, 'F');
  mkdirSync(`${root}/F`);
  writeFileSync(manifest.path, '');
  assert.equal(await manifest.read(keys), undefined);
  await manifest.write(keys, []);
  assert.deepEqual(JSON.parse(readFileSync(manifest.path, 'utf8')), {
    env1: { 'linux-64': { conda: [] } },
  });
});

test('concurrent writes keep every neighbour', async (t) => {
  const manifest = new EnvironmentManifest(temporaryDirectory(t), 'F');
  await Promise.all(
    Array.from({ length: 200 }, (_, i) => manifest.write([`e${i}`, 'linux-64', 'pypi'], [i])),
  );
  const all = await Promise.all(
    Array.from({ length: 200 }, (_, i) => manifest.read([`e${i}`, 'linux-64', 'pypi'])),
  );
  assert.deepEqual(
    all,
    Array.from({ length: 200 }, (_, i) => [i]),
  );
});

test('concurrent callers share one computation, and each gets a value of its own', async (t) => {
  const root = temporaryDirectory(t);
  let computed = 0;
  const solve = async (): Promise<JsonValue> => {
    computed += 1;
    await new Promise((resolve) => setImmediate(resolve));
    return [{ n: computed }];
  };
  const results = await Promise.all(
    Array.from({ length: 10 }, () => new EnvironmentManifest(root, 'F').writeIfAbsent(keys, solve)),
  );
  assert.equal(computed, 1);
  for (const result of results) assert.deepEqual(result, [{ n: 1 }]);
  assert.notEqual(results[0], results[1]);
  assert.deepEqual(await new EnvironmentManifest(root, 'F').writeIfAbsent(keys, solve), [{ n: 1 }]);
  assert.equal(computed, 1);
});

test('a computation that failed is done again by the next caller', async (t) => {
  const manifest = new EnvironmentManifest(temporaryDirectory(t), 'F');
  const cause = new Error('no solution');
  const fail = (): never => {
    throw cause;
  };
  await assert.rejects(
    manifest.writeIfAbsent(keys, fail),
    (error) => isHoldfastError(error, 'UPDATER_FAILED') && error.cause === cause,
  );
  assert.deepEqual(await manifest.writeIfAbsent(keys, () => packages), packages);
});

test('a value that another process has written during the computation stays', async (t) => {
  const root = temporaryDirectory(t);
  // A filesystem of its own stands for another process: its calls share nothing with ours.
  const other = new EnvironmentManifest(root, 'F', { fs: { ...nodeFileSystem } });
  const manifest = new EnvironmentManifest(root, 'F');
  const result = await manifest.writeIfAbsent(keys, async () => {
    await other.write(keys, ['theirs']);
    return ['ours'];
  });
  assert.deepEqual(result, ['theirs']);
});

test('a manifest that does not nest as it should is left as it is', async (t) => {
  const root = temporaryDirectory(t);
  const manifest = new EnvironmentManifest(root, 'F');
  mkdirSync(`${root}/F`);
  for (const text of ['[]', '{"env1":[]}', '{"env1":{"linux-64":"x"}}', '{"env1":']) {
    writeFileSync(manifest.path, text);
    await assert.rejects(manifest.write(keys, packages), refusal('CORRUPT_DOCUMENT'));
    assert.equal(readFileSync(manifest.path, 'utf8'), text);
  }
});

test('a manifest that is being written in place is read when its writer has finished', async (t) => {
  const root = temporaryDirectory(t);
  const manifest = new EnvironmentManifest(root, 'F');
  await manifest.write(keys, ['before']);
  const file = await nodeFileSystem.open(manifest.path, { access: 'readWrite' });
  t.after(() => file.close());
  assert.ok(file.tryLock('exclusive'));
  const reading = manifest.read(keys);
  writeFileSync(manifest.path, '{"env1":{"linux-64":{"conda":["after"]}}}');
  file.unlock();
  assert.deepEqual(await reading, ['after']);
});

test('wrong arguments are refused', async (t) => {
  const root = temporaryDirectory(t);
  for (const flow of ['../F', 'a/b', '', '..', 'a\0']) {
    assert.throws(() => new EnvironmentManifest(root, flow), refusal('PATH_ESCAPES'));
  }
  const manifest = new EnvironmentManifest(root, 'F');
  await assert.rejects(manifest.write([], packages), refusal('INVALID_ARGUMENT'));
  await assert.rejects(manifest.read([1 as unknown as string]), refusal('INVALID_ARGUMENT'));
  const nothing = undefined as unknown as JsonValue;
  await assert.rejects(manifest.write(keys, nothing), refusal('INVALID_ARGUMENT'));
  await assert.rejects(
    manifest.writeIfAbsent(keys, () => nothing),
    refusal('INVALID_ARGUMENT'),
  );
});

test('__proto__ as a key is a key', async (t) => {
  const manifest = new EnvironmentManifest(temporaryDirectory(t), 'F');
  await manifest.write(['__proto__', 'linux-64', 'conda'], ['x']);
  assert.deepEqual(await manifest.read(['__proto__', 'linux-64', 'conda']), ['x']);
  assert.equal(({} as Record<string, unknown>)['linux-64'], undefined);
});

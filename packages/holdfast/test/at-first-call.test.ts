import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { atFirstCall, atFirstItem } from '#src/at-first-call.js';

test('a function is loaded by its first call, once, and calls keep their order', async () => {
  let loads = 0;
  const order: number[] = [];
  const call = atFirstCall(async () => {
    loads += 1;
    return async (value: number) => {
      order.push(value);
      return value * 2;
    };
  });
  assert.equal(loads, 0);
  assert.deepEqual(await Promise.all([1, 2, 3].map(call)), [2, 4, 6]);
  assert.deepEqual([loads, order], [1, [1, 2, 3]]);
});

test('a stream that fails before the function is loaded fails the call and not the process', async () => {
  const stream = new Readable({ read: () => undefined });
  const call = atFirstCall(async () => {
    stream.destroy(new Error('no such file'));
    await setImmediate();
    return async (data: Readable) => data.toArray();
  });
  await assert.rejects(call(stream), /no such file/);
});

test('an iterable is loaded by its first item, and closed when its reader stops early', async () => {
  let closed = false;
  const items = atFirstItem(
    async () =>
      async function* (first: number) {
        try {
          for (let value = first; ; value += 1) yield value;
        } finally {
          closed = true;
        }
      },
  );
  for await (const value of items(7)) if (value === 9) break;
  assert.equal(closed, true);
});

test('importing the package loads no module of a call that is not made, nor native code', (t) => {
  assert.deepEqual(loadedByImport(t, process.env['NODE_OPTIONS']), [
    'at-first-call.js',
    'errors.js',
    'failure.js',
    'index.js',
    'os/pending-calls.js',
    // Judges an error at once, and needs nothing but their names.
    'parts/may-try-again.js',
    // A class that callers make values of, as HoldfastError is one.
    'toml/toml-date.js',
  ]);
});

test('importing the bundled package does not load the bundle of what calls need', (t) => {
  const names = loadedByImport(t, undefined);
  assert.ok(names.includes('bundled/index.js'), names.join(' '));
  assert.ok(!names.includes('bundled/calls.js'), names.join(' '));
  const dist = fileURLToPath(import.meta.resolve('#src/index.js')).replace(/index\.js$/, '');
  const sizes = names.map((name) => statSync(dist + name).size);
  assert.ok(
    sizes.reduce((sum, size) => sum + size) < 18_000,
    `${names.join(' ')}: ${sizes.join(' ')}`,
  );
});

/** The scripts of ours that an import of the package runs. */
function loadedByImport(t: TestContext, nodeOptions: string | undefined): string[] {
  const coverage = temporaryDirectory(t);
  const script = `
    const before = new Set(process.moduleLoadList);
    await import('holdfast');
    const names = process.moduleLoadList.filter((name) => !before.has(name));
    console.log(names.join(' '));`;
  const run = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: nodeOptions, NODE_V8_COVERAGE: coverage },
  });
  assert.equal(run.status, 0, run.stderr);
  for (const heavy of ['crypto', 'child_process']) {
    assert.ok(!run.stdout.includes(`NativeModule ${heavy} `), heavy);
  }
  return modulesIn(coverage);
}

/** The names of our modules that a run has loaded; V8 lists every script in its coverage. */
function modulesIn(coverage: string): string[] {
  const [report = ''] = readdirSync(coverage);
  const { result } = JSON.parse(readFileSync(`${coverage}/${report}`, 'utf8')) as {
    result: { url: string }[];
  };
  return result
    .map(({ url }) => /\/holdfast\/dist\/(.+)$/.exec(url)?.[1] ?? '')
    .filter(Boolean)
    .toSorted();
}

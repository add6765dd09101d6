import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
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

test('importing the package loads neither native code nor the modules of calls that are not made', () => {
  const script = `
    const before = new Set(process.moduleLoadList);
    await import('holdfast');
    const names = process.moduleLoadList.filter((name) => !before.has(name));
    console.log(names.join(' '));`;
  const run = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  assert.equal(run.status, 0, run.stderr);
  for (const heavy of ['crypto', 'child_process']) {
    assert.ok(!run.stdout.includes(`NativeModule ${heavy} `), heavy);
  }
});

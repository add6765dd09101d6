/** Calls that are made again, since what has stopped them may pass. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retrying, retryingSync } from '#src/retries.js';

const failing = (code: string, times: number) => {
  let made = 0;
  return (): number => {
    made += 1;
    if (made <= times) throw Object.assign(new Error(code), { code });
    return made;
  };
};

test('a lack of descriptors is waited for, in both forms', async () => {
  const call = failing('EMFILE', 2);
  assert.equal(await retrying(60_000, async () => call()), 3);
  assert.equal(retryingSync(60_000, failing('EAGAIN', 2)), 3);
});

test('without time a call is made once', async () => {
  const call = failing('EMFILE', 1);
  await assert.rejects(
    retrying(0, async () => call()),
    { code: 'EMFILE' },
  );
  assert.throws(() => retryingSync(-1, failing('EBUSY', 1)), { code: 'EBUSY' });
});

test('what does not pass is told at once', async () => {
  const call = failing('ENOSPC', 1);
  await assert.rejects(
    retrying(60_000, async () => call()),
    { code: 'ENOSPC' },
  );
  assert.throws(() => retryingSync(60_000, failing('ENOENT', 1)), { code: 'ENOENT' });
});

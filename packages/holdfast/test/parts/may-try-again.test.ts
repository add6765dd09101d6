import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, HoldfastError, mayTryPartAgain } from 'holdfast';

const errorOf = (code: ErrorCode): HoldfastError =>
  new HoldfastError(code, { message: 'It failed.', step: 'part', path: '/a' });

test('a full disk and a held lock may pass; a session that is gone and bytes that differ do not', () => {
  const again: readonly ErrorCode[] = ['NO_SPACE', 'IO', 'LOCK_TIMEOUT', 'ABORTED'];
  for (const code of again) assert.equal(mayTryPartAgain(errorOf(code)), true, code);
  const never = ['SESSION_GONE', 'PART_DIFFERS', 'PARTS_MISSING', 'ALREADY_EXISTS'] as const;
  for (const code of never) assert.equal(mayTryPartAgain(errorOf(code)), false, code);
});

test('what is not of Holdfast may pass', () => {
  assert.equal(mayTryPartAgain(new Error('the network')), true);
  assert.equal(mayTryPartAgain(undefined), true);
});

test('what a store has refused itself does not pass; what it was too busy for, or nobody answered, may', () => {
  const stored = (status: number | undefined): boolean => {
    const cause = Object.assign(new Error('said'), { status });
    const error = { message: 'It failed.', step: 'part', path: 's3://a/b', cause };
    return mayTryPartAgain(new HoldfastError('STORE_FAILED', error));
  };
  for (const status of [400, 403, 404]) assert.equal(stored(status), false, `${status}`);
  for (const status of [409, 429, 500, 503, undefined])
    assert.equal(stored(status), true, `${status}`);
});

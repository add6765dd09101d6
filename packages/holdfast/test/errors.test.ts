import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError, isHoldfastError } from 'holdfast';
import { errnoOf } from '#src/errors.js';

const fields = {
  message: 'It broke.',
  outcome: 'unchanged',
  step: 'write',
  path: 'a.txt',
} as const;

test('the message ends with code, step, path and what is on disk now', () => {
  const error = new HoldfastError('IO', fields);
  assert.equal(error.message, 'It broke. [IO, write, a.txt] Nothing was changed on disk.');
});

test('of an object the message says what is in the store now', () => {
  const error = new HoldfastError('STORE_FAILED', { ...fields, path: 's3://bucket/a.json' });
  assert.match(error.message, /Nothing was changed in the store\.$/);
});

test('every message is a sentence that ends in a full stop, and the outcome is unchanged by default', () => {
  for (const message of ['it broke', 'It broke.', 'Did it break?']) {
    const error = new HoldfastError('IO', { message, step: 'write', path: 'a.txt' });
    assert.match(error.message, /broke\. \[|break\? \[/u);
    assert.equal(error.outcome, 'unchanged');
  }
});

test('an error about no path names none', () => {
  const { message } = new HoldfastError('INVALID_ARGUMENT', { ...fields, path: '' });
  assert.match(message, /\[INVALID_ARGUMENT, write\]/);
});

test('an error of another copy of the package is told as one, by its code', () => {
  const foreign = Object.assign(new Error('It broke.'), {
    name: 'HoldfastError',
    code: 'IO',
    outcome: 'unknown',
  });
  assert.ok(isHoldfastError(foreign));
  assert.ok(isHoldfastError(foreign, 'IO'));
  assert.ok(!isHoldfastError(foreign, 'NO_SPACE'));
  assert.ok(!isHoldfastError(new Error('It broke.')));
});

test('the code of a system error is told, of anything else undefined', () => {
  assert.equal(errnoOf(Object.assign(new Error(), { code: 'ENOENT' })), 'ENOENT');
  assert.equal(errnoOf(Object.assign(new Error(), { code: 5 })), undefined);
  assert.equal(errnoOf('ENOENT'), undefined);
});

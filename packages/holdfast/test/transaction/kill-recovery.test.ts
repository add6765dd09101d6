import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { killWithinRecovery } from './kill.js';

test('a recovery killed at its steps, twice in a row, is finished by the next one', async (t) => {
  // As in kill.test.ts: all steps on Windows, and on Linux in the root suite.
  const stride = process.platform === 'win32' ? 1 : 3;
  assert.ok((await killWithinRecovery(temporaryDirectory(t), stride)) >= 8);
});

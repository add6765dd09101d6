import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { killAroundSteps, killWithinRecovery } from './kill.js';

test('a process killed before or after a step leaves all or nothing', async (t) => {
  assert.ok((await killAroundSteps(temporaryDirectory(t), 8)) >= 8);
});

test('a recovery killed at its steps, twice in a row, is finished by the next one', async (t) => {
  assert.ok((await killWithinRecovery(temporaryDirectory(t), 3)) >= 8);
});

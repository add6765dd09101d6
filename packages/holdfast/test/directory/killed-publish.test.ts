import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { killAtEveryStep, scenarios } from './killed-publish.js';

// The root suite runs all scenarios, before and after each step, on every filesystem.
for (const scenario of scenarios.filter(({ name }) => /two renames|keepPrevious/u.test(name))) {
  test(`a publish killed at any step leaves old or new, never a mix: ${scenario.name}`, async (t) => {
    const steps = await killAtEveryStep(`${temporaryDirectory(t)}/root`, scenario, ['before']);
    assert.ok(steps >= 15, `only ${steps} steps were seen`);
  });
}

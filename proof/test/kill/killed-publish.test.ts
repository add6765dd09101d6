import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exploreKills, printViolation } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';

const module = new URL('publish-scenarios.js', import.meta.url).href;

// The root suite runs all scenarios, before and after each step, on every filesystem.
for (const scenario of ['by two renames', 'with keepPrevious']) {
  test(`a publish killed at any step leaves old or new, never a mix: ${scenario}`, async (t) => {
    const options = { module, scenario, directory: temporaryDirectory(t) };
    const { cases, violations } = await exploreKills({ ...options, moments: ['before'] });
    assert.deepEqual(violations.map(printViolation), []);
    assert.ok(cases >= 15, `only ${cases} kills`);
  });
}

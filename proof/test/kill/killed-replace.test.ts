import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exploreKills, printViolation } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { found } from './replace-scenarios.js';

const module = new URL('replace-scenarios.js', import.meta.url).href;

test('a kill before, inside or after any step leaves old or new, and no orphan after the next run', async (t) => {
  const options = { module, scenario: 'replace one file', directory: temporaryDirectory(t) };
  const { cases, violations } = await exploreKills(options);
  assert.deepEqual(violations.map(printViolation), []);
  assert.ok(cases >= 10, `only ${cases} kills`);
  assert.deepEqual([...found].toSorted(), [
    'new and longer with 1 names',
    'old with 1 names',
    'old with 2 names',
  ]);
});

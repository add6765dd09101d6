import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exploreKills, printViolation } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';

const module = new URL('transaction-scenarios.js', import.meta.url).href;

// The root suite kills around each step, on Linux. There is none for Windows, so it is done here;
// what is on disk after one step is what is there before the next.
const isWindows = process.platform === 'win32';
const moments = isWindows ? (['before'] as const) : (['before', 'after'] as const);

test('a process killed before or after a step of a transaction leaves all or nothing', async (t) => {
  const directory = temporaryDirectory(t);
  const options = { module, scenario: 'a transaction', directory, moments };
  const { cases, violations } = await exploreKills({ ...options, most: isWindows ? 1000 : 24 });
  assert.deepEqual(violations.map(printViolation), []);
  assert.ok(cases >= (isWindows ? 60 : 20), `${cases} kills`);
});

test('a recovery that is killed at a step is finished by the next one', async (t) => {
  const directory = temporaryDirectory(t);
  const options = { module, scenario: 'its recovery', directory, moments };
  const { cases, violations } = await exploreKills({ ...options, most: isWindows ? 1000 : 12 });
  assert.deepEqual(violations.map(printViolation), []);
  assert.ok(cases >= 8, `${cases} kills`);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explore, type Scenario } from '@holdfast/crashkit';
import * as holdfast from 'holdfast';
import { sideBySideScenarios } from '#src/scenarios/side-by-side.js';

const NAME = 'side by side: 1. replaceFile x, 2. appendRecords log';
const scenarioOf = (api: typeof holdfast): Scenario => {
  const scenarioAt = sideBySideScenarios(api)[NAME];
  assert.ok(scenarioAt);
  return scenarioAt('/d');
};
const limits = { exhaustiveUpTo: 6, randomPerStep: 16 };

test('all choices of two, three and four of the ten calls are there', () => {
  assert.equal(Object.keys(sideBySideScenarios(holdfast)).length, 55 + 220 + 715);
});

test('calls that keep their promises are believed', async () => {
  const { states, violations } = await explore(scenarioOf(holdfast), limits);
  assert.ok(states > 10);
  assert.deepEqual(violations, []);
});

test('a call that says it is done before it is durable is found beside one that keeps its promise', async () => {
  const hasty: typeof holdfast.replaceFile = (path, data, options) =>
    holdfast.replaceFile(path, data, { ...options, durability: 'atomic' });
  const { violations } = await explore(scenarioOf({ ...holdfast, replaceFile: hasty }), limits);
  assert.match(violations[0]?.message ?? '', /no order of the calls gives what a reader sees/);
});

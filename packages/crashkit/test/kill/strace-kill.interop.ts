import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exploreStraceKills, printViolation } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';

const module = new URL('../samples/replace-programs.js', import.meta.url).href;

test('a replacement that does every step survives a kill by strace at each system call', async (t) => {
  const directory = temporaryDirectory(t);
  const { cases, violations } = await exploreStraceKills({ module, scenario: 'right', directory });
  assert.deepEqual(violations.map(printViolation), []);
  assert.ok(cases >= 5, `only ${cases} kills`);
});

test('a kill by strace shows that an overwrite in place is torn', async (t) => {
  const directory = temporaryDirectory(t);
  const scenario = 'overwrite in place';
  const { violations } = await exploreStraceKills({ module, scenario, directory });
  assert.ok(violations.some(({ message }) => message === 'neither old nor new'));
});

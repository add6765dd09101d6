import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { exploreKills, printViolation, type KillExploration } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';

const module = new URL('../samples/replace-programs.js', import.meta.url).href;

function kill(t: TestContext, scenario: string): Promise<KillExploration> {
  return exploreKills({ module, scenario, directory: temporaryDirectory(t) });
}

test('a replacement that does every step survives a kill before, inside and after each', async (t) => {
  const { violations, cases } = await kill(t, 'right');
  assert.deepEqual(violations.map(printViolation), []);
  assert.ok(cases >= 11, `only ${cases} kills`);
});

for (const scenario of ['rename before the write', 'overwrite in place']) {
  test(`a kill shows that "${scenario}" is torn`, async (t) => {
    const { violations } = await kill(t, scenario);
    assert.ok(violations.some(({ message }) => message === 'neither old nor new'));
  });
}

test('a program that comes to its end before its step is checked as it is, and counts as no kill', async (t) => {
  const { violations, cases } = await kill(t, 'a few steps fewer later');
  assert.deepEqual(violations.map(printViolation), []);
  assert.equal(cases, (await kill(t, 'right')).cases);
});

test('programs that mostly come to their end before they are killed prove nothing', async (t) => {
  await assert.rejects(kill(t, 'hardly any step later'), /only \d+ of \d+ runs reached their step/);
});

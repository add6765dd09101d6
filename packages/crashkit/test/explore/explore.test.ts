import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explore, printViolation } from '@holdfast/crashkit';
import { replaceBy, rightSteps as right, type Step } from '../samples/replace-programs.js';

test('a replacement that does every step survives every crash', async () => {
  const { violations, states } = await explore(replaceBy(right));
  assert.deepEqual(violations.map(printViolation), []);
  assert.ok(states >= 6, `only ${states} states`);
});

const broken: readonly [string, readonly Step[], string][] = [
  ['no fsync', ['write', 'rename', 'directory sync', 'ack'], 'neither old nor new'],
  ['no directory sync', ['write', 'fsync', 'rename', 'ack'], 'an acknowledged write is lost'],
  [
    'rename before the fsync',
    ['write', 'rename', 'fsync', 'directory sync', 'ack'],
    'neither old nor new',
  ],
  [
    'rename before the write',
    ['rename', 'write', 'fsync', 'directory sync', 'ack'],
    'neither old nor new',
  ],
  [
    'acknowledged too early',
    ['write', 'fsync', 'rename', 'ack', 'directory sync'],
    'an acknowledged write is lost',
  ],
];

for (const [fault, steps, message] of broken) {
  test(`a replacement with ${fault} is caught: ${message}`, async () => {
    const { violations } = await explore(replaceBy(steps));
    assert.ok(violations.some((violation) => violation.message === message));
  });
}

test('a broken state is caught also where the recovery has nothing to do', async () => {
  const scenario = {
    ...replaceBy(['write', 'rename', 'directory sync', 'ack']),
    recover: async () => undefined,
  };
  const { violations } = await explore(scenario, { recoveryDepth: 1 });
  assert.ok(violations.some(({ message }) => message === 'neither old nor new'));
});

test('a violation is reported with the shortest trace, the fewest losses and what the crash left', async () => {
  const { violations } = await explore(replaceBy(['write', 'rename', 'directory sync', 'ack']));
  const torn = violations.find(({ message }) => message === 'neither old nor new');
  assert.ok(torn);
  assert.deepEqual(
    torn.trace.map(({ text }) => text),
    ['create /d/stage', 'write /d/stage [0, 32)', 'rename /d/stage /d/target'],
  );
  assert.equal(torn.trace.filter(({ fate }) => fate.startsWith('LOST')).length, 1);
  assert.match(printViolation(torn), /\/d\/target {2}32 bytes {2}all zeros/);
});

test('a seed repeats an exploration exactly', async () => {
  const once = await explore(replaceBy(right), { seed: 7, exhaustiveUpTo: 0, randomPerStep: 4 });
  const again = await explore(replaceBy(right), { seed: 7, exhaustiveUpTo: 0, randomPerStep: 4 });
  assert.deepEqual(once, again);
});

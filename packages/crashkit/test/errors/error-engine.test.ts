import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError, type Outcome } from 'holdfast';
import type { Fs } from 'holdfast/os';
import { exploreErrors, scenarioOfSteps, type Scenario } from '@holdfast/crashkit';
import { NEW, OLD, readWhole, writeWhole } from '../samples/replace-programs.js';

const target = '/d/target';

interface Faults {
  readonly ignoresCount?: boolean;
  readonly leavesStage?: boolean;
  readonly syncsAgain?: boolean;
  readonly saysUnchanged?: boolean;
}

/** A replacement with typed errors, and with what the argument says wrong. */
function replacement(faults: Faults = {}): Scenario {
  return scenarioOfSteps({
    name: 'replacement',
    root: '/d',
    setup: (fs) => writeWhole(fs, target, OLD),
    steps: [{ label: 'replace', call: (fs) => replace(fs, NEW, faults) }],
    observe: (fs) => readWhole(fs, target),
    nextRun: async (fs) => {
      for (const { name } of await fs.readDirectory('/d')) {
        if (name === 'stage' && !faults.leavesStage) await fs.unlink('/d/stage');
      }
      await replace(fs, 'next', { ...faults, leavesStage: false }, '/d/next-stage');
    },
  });
}

async function replace(fs: Fs, content: string, faults: Faults, stage = '/d/stage'): Promise<void> {
  let outcome: Outcome = 'unchanged';
  try {
    const file = await fs.open(stage, { access: 'write', create: 'exclusive' });
    const count = await file.write(Buffer.from(content), 0);
    if (count !== Buffer.byteLength(content) && !faults.ignoresCount) throw new Error('short');
    await file.sync().catch((error: unknown) => {
      if (!faults.syncsAgain) throw error;
      return file.sync();
    });
    await file.close();
    const directory = await fs.openDirectory('/d');
    await fs.rename(stage, target);
    outcome = faults.saysUnchanged ? 'unchanged' : 'unknown';
    await directory.sync();
    outcome = 'committed';
    await directory.close();
  } catch (cause) {
    if (!faults.leavesStage) await fs.unlink(stage).catch(() => undefined);
    throw new HoldfastError('IO', { message: 'failed', outcome, step: 'any', path: target, cause });
  }
}

test('a replacement that tells the truth passes under every error', async () => {
  const { violations, cases } = await exploreErrors(replacement());
  assert.deepEqual(violations, []);
  assert.ok(cases > 80, `only ${cases} cases`);
});

const broken: readonly [keyof Faults, RegExp][] = [
  ['ignoresCount', /a reader sees\s+new content, lo/],
  ['leavesStage', /left over after the next run: \/d\/stage/],
  ['syncsAgain', /a reader sees/],
  ['saysUnchanged', /after "replace: unchanged" a reader sees\s+new/],
];

for (const [fault, message] of broken) {
  test(`a replacement that ${fault} is caught`, async () => {
    const { violations } = await exploreErrors(replacement({ [fault]: true }));
    assert.ok(violations.some((violation) => message.test(violation.message)));
  });
}

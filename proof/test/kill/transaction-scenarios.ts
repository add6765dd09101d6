/** A transaction of every kind of change, and its recovery, for the kill engine. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { observeFs, type ScenarioAt, type StepObserver } from '@holdfast/crashkit';
import { recover, withLock } from 'holdfast';
import { everyChange } from '@holdfast/tools/testing';

const { after, before, paths, run, setUp, snapshot } = everyChange;

const JOURNAL = '.holdfast-journal';

/** The filesystem dies when the transaction is committed and nothing of it has been done. */
function dieAtCommit(): StepObserver {
  let isDead = false;
  const die = (): void => {
    if (isDead) throw new Error('dead at the commit point');
  };
  return {
    before: die,
    after({ to }) {
      isDead ||= to?.endsWith(JOURNAL) === true;
      die();
    },
  };
}

let reads = 0;

export const scenarios: Readonly<Record<string, ScenarioAt>> = {
  'a transaction': (root) => ({
    name: 'a transaction',
    root,
    setup: async () => setUp(root),
    async run({ fs, acknowledge }) {
      await run(root, fs);
      acknowledge('done');
    },
    /** All or nothing for who reads under a lock, whichever path it is of. */
    async check(fs, acknowledged) {
      const isCommitted = existsSync(join(root, JOURNAL)) || acknowledged.includes('done');
      const found = snapshot(root);
      reads += 1;
      const path = join(root, paths[reads % paths.length] as string);
      const seen = await withLock(path, () => snapshot(root), { fs });
      // Without a journal nothing is half done.
      assert.deepEqual(seen, isCommitted ? after : found);
      assert.ok([before, after].some((each) => JSON.stringify(each) === JSON.stringify(seen)));
    },
  }),
  'its recovery': (root) => ({
    name: 'its recovery',
    root,
    async setup(fs) {
      setUp(root);
      await run(root, observeFs(fs, dieAtCommit())).catch(() => undefined);
    },
    async run({ fs }) {
      await recover(root, { fs });
    },
    async check(fs) {
      await recover(root, { fs });
      assert.deepEqual(snapshot(root), after);
    },
  }),
};

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { recover, sweepOrphans, withLock } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { dieAtStep, observeFs, type FsStep, type StepObserver } from '@holdfast/crashkit';
import { everyChange, temporaryDirectory } from '@holdfast/tools/testing';

const { after, before, leftovers, paths, run, setUp, snapshot } = everyChange;

const JOURNAL = '.holdfast-journal';
const moments = ['before', 'after'] as const;

/**
 * A root in which the transaction died after a step, and whether it was committed then: on a busy
 * machine it may have taken a step more before, such as a second look for a lock.
 */
async function rootOfTheDead(
  t: TestContext,
  step: number,
): Promise<{ readonly root: string; readonly isCommitted: boolean }> {
  const root = temporaryDirectory(t);
  setUp(root);
  let isCommitted = false;
  const dying = observeFs(nodeFileSystem, dieAtStep(step, 'after'));
  const fs = observeFs(dying, {
    before: (each) => {
      if (each.index <= step && isCommit(each)) isCommitted = true;
    },
  });
  await run(root, fs).catch(() => undefined);
  return { root, isCommitted };
}

function isCommit({ to }: FsStep): boolean {
  return to?.endsWith(JOURNAL) === true;
}

/** A root in which the transaction died so many steps after the one that commits it. */
async function rootOfTheCommitted(t: TestContext, further: number): Promise<string> {
  const root = temporaryDirectory(t);
  setUp(root);
  let dying: StepObserver = {};
  const fs = observeFs(nodeFileSystem, {
    before: (step) => {
      if (isCommit(step)) dying = dieAtStep(step.index + further, 'after');
      return dying.before?.(step);
    },
    after: (step) => dying.after?.(step),
  });
  await run(root, fs).catch(() => undefined);
  assert.ok(existsSync(join(root, JOURNAL)));
  return root;
}

/** The steps of the whole transaction. */
async function recordSteps(t: TestContext): Promise<readonly FsStep[]> {
  const steps: FsStep[] = [];
  const root = temporaryDirectory(t);
  setUp(root);
  await run(root, observeFs(nodeFileSystem, { before: (step) => void steps.push(step) }));
  assert.deepEqual(snapshot(root), after);
  assert.deepEqual(leftovers(root), []);
  return steps;
}

function commitPoint(steps: readonly FsStep[]): number {
  return steps.findIndex(isCommit);
}

test('a death at any step leaves all or nothing for who reads under a lock', async (t) => {
  const steps = await recordSteps(t);
  const committed = commitPoint(steps);
  assert.ok(committed > 20);
  for (const { index } of steps) {
    // Before a step the disk is as after the one before it; killed.root.ts kills real processes at
    // both moments.
    const { root, isCommitted } = await rootOfTheDead(t, index);
    const path = paths[index % paths.length] as string;
    const seen = await withLock(join(root, path), () => snapshot(root));
    assert.deepEqual(seen, isCommitted ? after : before, `step ${index}`);
    assert.equal(existsSync(join(root, JOURNAL)), false);
  }
});

test('what a death at any step leaves over is swept', async (t) => {
  const steps = await recordSteps(t);
  for (const { index } of steps) {
    const { root } = await rootOfTheDead(t, index);
    await recover(root);
    await sweepOrphans(root, { recursive: true });
    assert.deepEqual(leftovers(root), [], `step ${index}`);
  }
});

test('a recovery that dies at any step is finished by the next one', async (t) => {
  for (const further of [0, 4, 7]) {
    for (let step = 0, isDone = false; !isDone; step += 1) {
      const root = await rootOfTheCommitted(t, further);
      for (const moment of moments) {
        const fs = observeFs(nodeFileSystem, dieAtStep(step, moment));
        isDone = await recover(root, { fs }).then(
          () => true,
          () => false,
        );
      }
      await recover(root);
      assert.deepEqual(snapshot(root), after, `${further} behind the commit, died at ${step}`);
    }
  }
});

test('without an exchange, a death at any step leaves all or nothing for who reads under a lock', async (t) => {
  const without: StepObserver = {
    before: ({ call }) => {
      if (call === 'exchange') throw Object.assign(new Error('EINVAL'), { code: 'EINVAL' });
    },
  };
  const steps: FsStep[] = [];
  const recorded = temporaryDirectory(t);
  setUp(recorded);
  const recording = observeFs(nodeFileSystem, { before: (step) => void steps.push(step) });
  await run(recorded, observeFs(recording, without));
  const committed = commitPoint(steps);
  for (const { index } of steps.slice(committed)) {
    const root = temporaryDirectory(t);
    setUp(root);
    const dying = observeFs(nodeFileSystem, dieAtStep(index, 'after'));
    await run(root, observeFs(dying, without)).catch(() => undefined);
    await recover(root, { fs: observeFs(nodeFileSystem, without) });
    assert.deepEqual(snapshot(root), after, `step ${index}`);
  }
});

/** The first step that is like this. */
function firstStep(steps: readonly FsStep[], isIt: (step: FsStep) => boolean): number {
  const index = steps.findIndex(isIt);
  assert.notEqual(index, -1);
  return index;
}

test('nothing is discarded before the removal of the journal is durable, so no inode in it can be reused', async (t) => {
  const steps = await recordSteps(t);
  const removal = firstStep(steps, ({ call, path }) => call === 'unlink' && path.endsWith(JOURNAL));
  assert.equal(steps[removal + 1]?.call, 'sync');
  const committed = commitPoint(steps);
  // What is renamed to another directory loses its old name before, and keeps its inode under the
  // new one.
  const discarding = ({ index, call, path }: FsStep): boolean =>
    index > committed &&
    index !== removal &&
    (call === 'unlink' || call === 'rmdir') &&
    !path.endsWith('/from.txt');
  assert.ok(firstStep(steps, discarding) > removal + 1);
});

test('a recovery makes the journal it found durable before it moves anything', async (t) => {
  const root = await rootOfTheCommitted(t, 0);
  const steps: FsStep[] = [];
  await recover(root, {
    fs: observeFs(nodeFileSystem, { before: (step) => void steps.push(step) }),
  });
  const sync = firstStep(steps, ({ call, path }) => call === 'sync' && path === root);
  assert.ok(sync < firstStep(steps, ({ call }) => call === 'rename' || call === 'exchange'));
});

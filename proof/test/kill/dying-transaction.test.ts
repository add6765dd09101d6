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

/** A root in which the transaction died at a step. */
async function rootOfTheDead(
  t: TestContext,
  step: number,
  moment: 'before' | 'after',
): Promise<string> {
  const root = temporaryDirectory(t);
  setUp(root);
  const fs = observeFs(nodeFileSystem, dieAtStep(step, moment));
  await run(root, fs).catch(() => undefined);
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
  return steps.findIndex(({ to }) => to?.endsWith(JOURNAL) === true);
}

test('a death at any step leaves all or nothing for who reads under a lock', async (t) => {
  const steps = await recordSteps(t);
  const committed = commitPoint(steps);
  assert.ok(committed > 20);
  for (const { index } of steps) {
    // Before a step the disk is as after the one before it; killed.root.ts kills real processes at
    // both moments.
    const root = await rootOfTheDead(t, index, 'after');
    const path = paths[index % paths.length] as string;
    const seen = await withLock(join(root, path), () => snapshot(root));
    assert.deepEqual(seen, index >= committed ? after : before, `step ${index}`);
    assert.equal(existsSync(join(root, JOURNAL)), false);
  }
});

test('what a death at any step leaves over is swept', async (t) => {
  const steps = await recordSteps(t);
  for (const { index } of steps) {
    const root = await rootOfTheDead(t, index, 'after');
    await recover(root);
    await sweepOrphans(root, { recursive: true });
    assert.deepEqual(leftovers(root), [], `step ${index}`);
  }
});

test('a recovery that dies at any step is finished by the next one', async (t) => {
  const committed = commitPoint(await recordSteps(t));
  for (const from of [committed, committed + 4, committed + 7]) {
    for (let step = 0, isDone = false; !isDone; step += 1) {
      const root = await rootOfTheDead(t, from, 'after');
      for (const moment of moments) {
        const fs = observeFs(nodeFileSystem, dieAtStep(step, moment));
        isDone = await recover(root, { fs }).then(
          () => true,
          () => false,
        );
      }
      await recover(root);
      assert.deepEqual(snapshot(root), after, `from ${from}, died at ${step}`);
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
  const committed = commitPoint(await recordSteps(t));
  const root = await rootOfTheDead(t, committed, 'after');
  const steps: FsStep[] = [];
  await recover(root, {
    fs: observeFs(nodeFileSystem, { before: (step) => void steps.push(step) }),
  });
  const sync = firstStep(steps, ({ call, path }) => call === 'sync' && path === root);
  assert.ok(sync < firstStep(steps, ({ call }) => call === 'rename' || call === 'exchange'));
});

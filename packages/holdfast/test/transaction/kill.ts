/** Kills real processes around every step of a transaction and of its recovery, on the filesystem of a directory. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { recover } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { dieAtStep, observeFs, wasKilled, type FsStep } from '@holdfast/tools/testing';
import { withLock } from '#src/journal/settled-lock.js';
import { after, before, paths, run, setUp, snapshot } from './scenario.js';

const child = fileURLToPath(new URL('dying-child.js', import.meta.url));
type Moment = 'before' | 'after';
const moments: readonly Moment[] = ['before', 'after'];

/** Runs the child, and tells whether it lived to its end. */
function lives(action: 'run' | 'recover', root: string, step: number, moment: Moment): boolean {
  const args = [child, action, root, String(step), moment];
  const ended = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.ok(wasKilled(ended) || ended.status === 0, ended.stderr);
  return ended.status === 0;
}

let roots = 0;

function freshRoot(directory: string): string {
  roots += 1;
  const root = join(directory, `root-${roots}`);
  mkdirSync(root);
  setUp(root);
  return root;
}

async function recordSteps(directory: string): Promise<readonly FsStep[]> {
  const steps: FsStep[] = [];
  const observer = { before: (step: FsStep) => void steps.push(step) };
  await run(freshRoot(directory), observeFs(nodeFileSystem, observer));
  return steps;
}

/** Every `stride`-th step, the commit point and its neighbours: at both moments of each, a process is killed. */
export async function killAroundSteps(
  directory: string,
  stride: number,
  chosenMoments: readonly Moment[] = moments,
): Promise<number> {
  const steps = await recordSteps(directory);
  const committed = steps.findIndex(({ to }) => to?.endsWith('.holdfast-journal') === true);
  const chosen = steps.filter(
    ({ index }) => index % stride === 0 || Math.abs(index - committed) <= 1,
  );
  for (const { index } of chosen) {
    for (const moment of chosenMoments) {
      const root = freshRoot(directory);
      assert.equal(lives('run', root, index, moment), false);
      const path = join(root, paths[index % paths.length] as string);
      const isAfter = index > committed || (index === committed && moment === 'after');
      assert.deepEqual(
        await withLock(path, () => snapshot(root)),
        isAfter ? after : before,
        `killed ${moment} step ${index}`,
      );
    }
  }
  return chosen.length;
}

/** Kills the recovery before and after each of its steps, every time from a commit that died at its start. */
export async function killWithinRecovery(directory: string, stride: number): Promise<number> {
  const committed = (await recordSteps(directory)).findIndex(
    ({ to }) => to?.endsWith('.holdfast-journal') === true,
  );
  for (let step = 0; ; step += stride) {
    const root = freshRoot(directory);
    await run(root, observeFs(nodeFileSystem, dieAtStep(committed, 'after'))).catch(
      () => undefined,
    );
    // There is no "after" of a step that failed (an exchange may), but a "before" of every step that there is.
    const [isDone] = moments.map((moment) => lives('recover', root, step, moment));
    await recover(root);
    assert.deepEqual(snapshot(root), after, `recovery killed around step ${step}`);
    if (isDone) return step;
  }
}

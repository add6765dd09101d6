/** Runs a scenario's program once on a modelled disk, and keeps what it did. */
import { dirname } from 'node:path';
import type { Fs } from 'holdfast/os';
import { ModelDisk } from '../model/disk.js';
import type { Image } from '../model/image.js';
import type { Operation } from '../model/operation.js';
import type { Random } from '../random.js';
import type { Scenario, World } from './scenario.js';

export interface Trace {
  /** What was durable before. */
  readonly before: Image;
  readonly operations: readonly Operation[];
}

/** The trace of a scenario's program, after its setup. */
export async function record(scenario: Scenario, random: Random): Promise<Trace> {
  const disk = new ModelDisk(await imageAfterSetup(scenario), {
    turn: () => wander(random, 4),
    onNfs: scenario.onNfs,
  });
  await scenario.run(worldOn(disk));
  return { before: disk.before, operations: disk.operations };
}

/** What a scenario finds when it begins. */
export async function imageAfterSetup(scenario: Scenario): Promise<Image> {
  const disk = new ModelDisk(undefined, { unrecorded: true });
  await prepare(disk.process(), scenario);
  return disk.live;
}

/** Makes the directory that a scenario happens in, and what it finds there. */
export async function prepare(
  fs: Fs,
  { root, setup }: Pick<Scenario, 'root' | 'setup'>,
): Promise<void> {
  await makeDirectories(fs, root);
  await setup?.(fs);
}

async function makeDirectories(fs: Fs, path: string): Promise<void> {
  if (await fs.exists(path)) return;
  await makeDirectories(fs, dirname(path));
  await fs.mkdir(path, 0o755);
}

export function worldOn(disk: ModelDisk): World {
  return {
    fs: disk.process(),
    newProcess: () => disk.process(),
    acknowledge: (label) => disk.acknowledge(label),
  };
}

/**
 * Waits for some turns of the microtask queue, so that what runs side by side interleaves as the
 * seed says.
 */
export async function wander(random: Random, atMost: number): Promise<void> {
  for (let turns = random.below(atMost); turns > 0; turns -= 1) await Promise.resolve();
}

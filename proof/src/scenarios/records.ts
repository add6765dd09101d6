/**
 * appendRecords: one call after another, several at once, and two processes. Records come back
 * whole and in order.
 */
import type { Fs } from 'holdfast/os';
import { allowedAfter, attempt, checkNamesBelow, type ScenarioAt } from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';

interface Entry {
  readonly id: string;
  readonly text: string;
}

/** Several make more than a page, and most cross one. */
const entry = (id: string): Entry => ({ id, text: `${id} `.repeat(400) });

export function recordsScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  const append = (fs: Fs, path: string, ids: readonly string[]): Promise<unknown> =>
    api.appendRecords(
      path,
      ids.map((id) => ({ ...entry(id) })),
      { fs },
    );

  const read = async (fs: Fs, path: string): Promise<string[]> => {
    const ids: string[] = [];
    for await (const record of api.readRecords<Entry>(path, { fs })) {
      if (record.text !== entry(record.id).text) throw new Error(`record ${record.id} is torn`);
      ids.push(record.id);
    }
    return ids;
  };

  /** Each batch is one call; the calls of a wave run at once, on the processes in turn. */
  const waves =
    (
      name: string,
      processes: number,
      plan: readonly (readonly (readonly string[])[])[],
    ): ScenarioAt =>
    (root) => {
      const path = `${root}/log.jsonl`;
      return {
        name,
        root,
        async run(world) {
          const all = [
            world.fs,
            ...Array.from({ length: processes - 1 }, () => world.newProcess()),
          ];
          for (const wave of plan) {
            const results = wave.map((ids, index) =>
              attempt(world, ids.join(' '), () => append(all[index % processes] as Fs, path, ids)),
            );
            await Promise.all(results);
          }
        },
        async check(fs, acknowledged) {
          for (const when of ['before', 'after'] as const) {
            const seen = await read(fs, path);
            for (const ids of plan.flat()) checkBatch(seen, ids, acknowledged);
            if (new Set(seen).size !== seen.length) throw new Error('a record is there twice');
            if (when === 'before') await append(fs, path, ['next']);
            else if (seen.at(-1) !== 'next') throw new Error('the next record is lost');
          }
          await checkNamesBelow(fs, root, ['log.jsonl', 'log.jsonl.lock'], keptBytes);
        },
      };
    };

  return {
    'appendRecords: alone': waves('appendRecords: alone', 1, [
      [['a1']],
      [['b1', 'b2', 'b3', 'b4', 'b5', 'b6']],
      [['c1']],
    ]),
    'appendRecords: a group': waves('appendRecords: a group', 1, [
      [['a1']],
      [['b1', 'b2', 'b3'], ['c1', 'c2', 'c3'], ['d1']],
    ]),
    'appendRecords: two processes': waves('appendRecords: two processes', 2, [
      [['a1', 'a2'], ['b1', 'b2'], ['c1'], ['d1']],
    ]),
  };
}

/**
 * A batch that was acknowledged is there whole and in order; of one that failed unchanged nothing
 * is.
 */
function checkBatch(
  seen: readonly string[],
  ids: readonly string[],
  acknowledged: readonly string[],
): void {
  const there = seen.filter((id) => ids.includes(id));
  const [none, all] = ['', ids.join(' ')];
  const allowed = allowedAfter(acknowledged, all, none, all);
  const isSome = allowed.length === 2;
  if (isSome || allowed.includes(there.join(' '))) return;
  throw new Error(`of the batch ${all} a reader sees ${there.join(' ') || 'nothing'}`);
}

/** What a mended log leaves beside it on purpose. */
function keptBytes(path: string): boolean {
  return /\/log\.jsonl\.[^/]*$/.test(path) && !path.endsWith('.lock');
}

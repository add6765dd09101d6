/**
 * Machines that share a directory by NFS and work on it in turns: each has looked up the names
 * before the other replaced what they lead to, and answers from memory until it looks at the
 * directory. No acknowledged change of either may be lost.
 */
import { isHoldfastError } from 'holdfast';
import type { Fs } from 'holdfast/os';
import {
  allowedAfter,
  attempt,
  checkNamesBelow,
  type Scenario,
  type ScenarioAt,
} from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { callOn, killedBefore } from './killed-process.js';
import { lostLockScenarios } from './lost-locks.js';

type Counts = Record<string, number>;

const ROUNDS = 3;
const machines = ['a', 'b'] as const;

/** What each machine does so many times, and what is there in the end. */
interface Work {
  readonly name: string;
  readonly setup?: (fs: Fs, root: string) => Promise<void>;
  readonly change: (fs: Fs, root: string, machine: string, round: number) => Promise<unknown>;
  /** How many changes of each machine are there. */
  readonly counts: (fs: Fs, root: string) => Promise<Counts>;
  /** Names that may stay. */
  readonly names: readonly string[];
}

export function machineScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  const count =
    (machine: string) =>
    (counts: Counts): Counts => ({ ...counts, [machine]: (counts[machine] ?? 0) + 1 });
  const read = (fs: Fs, path: string): Promise<Counts> =>
    api.readJson<Counts>(path, { fs, initial: {} });

  const works: readonly Work[] = [
    {
      name: 'updateJson: machines in turns',
      change: (fs, root, machine) =>
        api.updateJson<Counts>(`${root}/counts.json`, count(machine), { fs, initial: {} }),
      counts: (fs, root) => read(fs, `${root}/counts.json`),
      names: ['counts.json', 'counts.json.lock'],
    },
    {
      name: 'updateJson: machines in turns, another lock path',
      change: (fs, root, machine) =>
        api.updateJson<Counts>(`${root}/counts.json`, count(machine), {
          fs,
          initial: {},
          lockPath: `${root}/locks/counts`,
        }),
      setup: (fs, root) => fs.mkdir(`${root}/locks`),
      counts: (fs, root) => read(fs, `${root}/counts.json`),
      names: ['counts.json', 'locks', 'locks/counts'],
    },
    {
      name: 'appendRecords: machines in turns, one compacts',
      async change(fs, root, machine, round) {
        const path = `${root}/log.jsonl`;
        await api.appendRecords(path, [{ machine, round }], { fs });
        if (machine === 'b') await api.compactRecords(path, { fs, key: ['machine', 'round'] });
      },
      async counts(fs, root) {
        const counts: Counts = {};
        for await (const { machine } of api.readRecords<{ machine: string }>(`${root}/log.jsonl`, {
          fs,
        }))
          counts[machine] = (counts[machine] ?? 0) + 1;
        return counts;
      },
      names: ['log.jsonl', 'log.jsonl.lock'],
    },
    {
      name: 'transaction: machines in turns',
      setup: (fs, root) => fs.mkdir(`${root}/sub`),
      change: (fs, root, machine) =>
        api.transaction(
          root,
          async (tx) => {
            await tx.updateJson<Counts>(`${root}/counts.json`, count(machine), { initial: {} });
            await tx.updateJson<Counts>(`${root}/sub/copy.json`, count(machine), { initial: {} });
          },
          { fs },
        ),
      async counts(fs, root) {
        await api.recover(root, { fs });
        const [counts, copy] = [
          await read(fs, `${root}/counts.json`),
          await read(fs, `${root}/sub/copy.json`),
        ];
        if (JSON.stringify(counts) !== JSON.stringify(copy))
          throw new Error('a transaction was made by half');
        return counts;
      },
      names: [
        'counts.json',
        'counts.json.lock',
        'sub',
        'sub/copy.json',
        'sub/copy.json.lock',
        '.holdfast-journal.lock',
      ],
    },
  ];

  return Object.fromEntries([
    ...works.map((work) => [work.name, (root: string) => inTurns(work, root)]),
    ['transaction: killed, another machine goes on', (root: string) => afterKill(api, root)],
    [
      'readJson, readRecords: what another machine has written',
      (root: string) => reading(api, root),
    ],
    ['publishDirectory: machines in turns', (root: string) => publishing(api, root)],
    ...lostLockScenarios(api).map(([name, at]) => [
      `${name}, by machines`,
      (root: string) => ({ ...at(root), name: `${name}, by machines`, onNfs: true }),
    ]),
  ]) as Record<string, ScenarioAt>;
}

function inTurns(work: Work, root: string): Scenario {
  const { name, setup, change, counts, names } = work;
  const label = (machine: string, round: number): string => `${machine}${round}`;
  return {
    name,
    root,
    onNfs: true,
    engines: ['model', 'race'],
    ...(setup && { setup: (fs: Fs) => setup(fs, root) }),
    async run(world) {
      const processes = [world.fs, world.newProcess()];
      await Promise.all(
        machines.map(async (machine, index) => {
          const fs = processes[index] as Fs;
          for (let round = 1; round <= ROUNDS; round += 1)
            await attempt(world, label(machine, round), () => change(fs, root, machine, round));
        }),
      );
    },
    async check(fs, acknowledged) {
      const seen = await counts(fs, root);
      for (const machine of machines) {
        const rounds = Array.from({ length: ROUNDS }, (_, index) => label(machine, index + 1));
        const least = rounds.filter((round) => allowedAfter(acknowledged, round, 0, 1)[0] === 1);
        const most = rounds.filter((round) => allowedAfter(acknowledged, round, 0, 1).includes(1));
        const found = seen[machine] ?? 0;
        if (found < least.length || found > most.length)
          throw new Error(
            `${found} changes of machine ${machine} are there: ${acknowledged.join(', ')}`,
          );
      }
      await change(fs, root, 'next', 1);
      if ((await counts(fs, root))['next'] !== 1) throw new Error('the next change is lost');
      await checkNamesBelow(fs, root, names, mayStay);
    },
  };
}

/**
 * What a dead machine has staged stays: nobody else can know that it is dead. So do bytes of a torn
 * line, which are kept.
 */
function mayStay(path: string): boolean {
  return /\/\.(?:holdfast-[^/]*\.tmp|[^/]*\.staging-[^/]*)(?:\/|$)|\.torn-/u.test(path);
}

/**
 * A machine dies in the middle of a commit, after another one has looked up the names that it
 * changes.
 */
function afterKill(api: HoldfastApi, root: string): Scenario {
  const [one, two] = [`${root}/one.json`, `${root}/sub/two.json`];
  const add = (counts: Counts): Counts => ({ n: (counts['n'] ?? 0) + 1 });
  const both = (fs: Fs): Promise<unknown> =>
    api.transaction(
      root,
      async (tx) => {
        for (const path of [one, two]) await tx.updateJson<Counts>(path, add, { initial: {} });
      },
      { fs },
    );
  return {
    name: 'transaction: killed, another machine goes on',
    root,
    onNfs: true,
    engines: ['model', 'race'],
    async setup(fs) {
      await fs.mkdir(`${root}/sub`);
      await both(fs);
    },
    async run(world) {
      const other = world.newProcess();
      for (const path of [one, two])
        await api.updateJson<Counts>(path, (found) => found, { fs: other });
      await killedBefore(world.fs, callOn('rename', two), both);
      // Found by name on the way to `two`, and rolled forward before it is read.
      const { n } = await api.updateJson<Counts>(two, add, { fs: other });
      world.acknowledge(`two holds ${n}`);
    },
    async check(fs, acknowledged) {
      await api.recover(root, { fs });
      const [first, second] = [await api.readJson(one, { fs }), await api.readJson(two, { fs })];
      const seen = JSON.stringify([first, second]);
      const isDone = acknowledged.length > 0;
      const allowed = isDone
        ? [[2, 3]]
        : [
            [1, 1],
            [2, 2],
            [2, 3],
          ];
      const texts = allowed.map((values) => JSON.stringify(values.map((n) => ({ n }))));
      if (!texts.includes(seen) || (isDone && acknowledged[0] !== 'two holds 3'))
        throw new Error(`the other machine finds ${seen}: ${acknowledged.join(', ')}`);
    },
  };
}

/** A reader that takes no lock sees what was acknowledged before the call. */
function reading(api: HoldfastApi, root: string): Scenario {
  const [document, log] = [`${root}/document.json`, `${root}/log.jsonl`];
  return {
    name: 'readJson, readRecords: what another machine has written',
    root,
    onNfs: true,
    engines: ['race'],
    async run(world) {
      const reader = world.newProcess();
      for (let round = 1; round <= ROUNDS; round += 1) {
        await api.updateJson(document, () => ({ round }), { fs: world.fs });
        await api.appendRecords(log, [{ round }], { fs: world.fs });
        await api.compactRecords(log, { fs: world.fs, key: () => 'the last' });
        const records: unknown[] = [];
        for await (const record of api.readRecords(log, { fs: reader })) records.push(record);
        const seen = JSON.stringify([await api.readJson(document, { fs: reader }), ...records]);
        if (seen !== JSON.stringify([{ round }, { round }]))
          throw new Error(`after round ${round} another machine sees ${seen}`);
      }
    },
    check: async () => undefined,
  };
}

/**
 * Each publishes a tree that counts on from the one that it replaces, and begins anew where another
 * was faster.
 */
function publishing(api: HoldfastApi, root: string): Scenario {
  const target = `${root}/tree`;
  const read = (fs: Fs): Promise<Counts> => api.readJson<Counts>(`${target}/counts.json`, { fs });
  const publish = async (fs: Fs, machine: string): Promise<void> => {
    try {
      await api.publishDirectory(
        target,
        async (stage) => {
          const counts = await read(fs);
          const next = { ...counts, [machine]: (counts[machine] ?? 0) + 1 };
          await stage.write('counts.json', JSON.stringify(next));
        },
        { fs, ifExists: 'replace', ifChanged: 'fail', withoutExchange: 'twoRenames' },
      );
    } catch (error) {
      const { cause } = error as { readonly cause?: unknown };
      if (!isHoldfastError(error, 'TARGET_CHANGED') && !isHoldfastError(cause, 'NOT_FOUND'))
        throw error;
      await publish(fs, machine);
    }
  };
  return {
    name: 'publishDirectory: machines in turns',
    root,
    onNfs: true,
    engines: ['race'],
    async setup(fs) {
      await api.publishDirectory(target, (stage) => stage.write('counts.json', '{}'), { fs });
    },
    async run(world) {
      const processes = [world.fs, world.newProcess()];
      await Promise.all(
        machines.map(async (machine, index) => {
          for (let round = 1; round <= ROUNDS; round += 1)
            await publish(processes[index] as Fs, machine);
        }),
      );
    },
    async check(fs) {
      const { a, b } = await read(fs);
      if (a !== ROUNDS || b !== ROUNDS) throw new Error(`counted are ${a} of a and ${b} of b`);
    },
  };
}

/**
 * Every two, three and four public calls over the small set of paths, each in a process of its own
 * and all at once. What a crash may leave is what some of them leave one after another, in whatever
 * order: those that had returned, and any of those under way.
 */
import type { Fs } from 'holdfast/os';
import {
  allowedAfter,
  attemptAgainstOthers,
  checkNamesBelow,
  ModelDisk,
  pathsBelow,
  prepare,
  type Scenario,
  type ScenarioAt,
} from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { makeNested, mayStay, nextRun, publicCalls, see } from './sequences.js';

/** A call with its place among those that it is made with. */
interface NumberedCall {
  readonly label: string;
  readonly call: (fs: Fs, root: string) => Promise<unknown>;
}

/** All of them, those of two calls first. */
export function sideBySideScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  const calls = publicCalls(api);
  const orders = new Orders(api);
  const numbered = (places: readonly number[]): NumberedCall[] =>
    places.map((place, index) => {
      const { name, call } = calls[place] as (typeof calls)[number];
      const number = index + 1;
      return { label: `${number}. ${name}`, call: (fs, root) => call(fs, root, number) };
    });
  const longer = (choices: readonly (readonly number[])[]): number[][] =>
    choices.flatMap((choice) =>
      range(choice.at(-1) ?? 0, calls.length).map((place) => [...choice, place]),
    );
  const twos = longer(longer([[]]));
  const threes = longer(twos);
  return Object.fromEntries(
    [...twos, ...threes, ...longer(threes)].map(numbered).map((chosen) => {
      const name = `side by side: ${chosen.map(({ label }) => label).join(', ')}`;
      return [name, (root: string) => scenarioOf(api, orders, name, root, chosen)];
    }),
  );
}

function scenarioOf(
  api: HoldfastApi,
  orders: Orders,
  name: string,
  root: string,
  calls: readonly NumberedCall[],
): Scenario {
  let clean: Promise<CleanRuns> | undefined;
  const cleanRuns = (): Promise<CleanRuns> => (clean ??= orders.of(calls, root));
  return {
    name,
    root,
    setup: (fs) => makeNested(fs, root),
    async run(world) {
      const processes = calls.map((_, index) => (index === 0 ? world.fs : world.newProcess()));
      await Promise.all(
        calls.map(({ label, call }, index) =>
          attemptAgainstOthers(world, label, () => call(processes[index] as Fs, root)),
        ),
      );
    },
    recover: async (fs) => {
      await api.recover(root, { fs });
    },
    async check(fs, acknowledged) {
      const { bySight, names } = await cleanRuns();
      const seen = await see(api, fs, root);
      const possible = bySight.get(seen) ?? [];
      if (!possible.some((order) => agrees(order, calls, acknowledged))) {
        throw new Error(`no order of the calls gives what a reader sees: ${seen}`);
      }
      await nextRun(api, fs, root);
      await checkNamesBelow(fs, root, names, mayStay);
    },
  };
}

/** Whether these calls are what the acknowledgements say. */
function agrees(
  order: readonly NumberedCall[],
  calls: readonly NumberedCall[],
  acknowledged: readonly string[],
): boolean {
  return calls.every((call) =>
    allowedAfter(acknowledged, call.label, false, true).includes(order.includes(call)),
  );
}

/** Every choice of the calls in every order. */
function ordersOf(calls: readonly NumberedCall[]): NumberedCall[][] {
  const longer = calls.flatMap((call) =>
    ordersOf(calls.filter((other) => other !== call)).map((order) => [call, ...order]),
  );
  return [[], ...longer];
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

/** What every order of some calls leaves, made one after another. */
interface CleanRuns {
  /** The orders after which a reader sees the same. */
  readonly bySight: ReadonlyMap<string, readonly (readonly NumberedCall[])[]>;
  /** Every name below the root, after any of them and the next run. */
  readonly names: readonly string[];
}

interface CleanRun {
  readonly seen: string;
  readonly names: readonly string[];
}

/** Makes the clean runs, and each order only once. */
class Orders {
  readonly #api: HoldfastApi;
  readonly #runs = new Map<string, Promise<CleanRun>>();

  constructor(api: HoldfastApi) {
    this.#api = api;
  }

  async of(calls: readonly NumberedCall[], root: string): Promise<CleanRuns> {
    const bySight = new Map<string, NumberedCall[][]>();
    const names = new Set<string>();
    for (const order of ordersOf(calls)) {
      const run = await this.#runOf(order, root);
      bySight.set(run.seen, [...(bySight.get(run.seen) ?? []), order]);
      for (const name of run.names) names.add(name);
    }
    return { bySight, names: [...names] };
  }

  #runOf(order: readonly NumberedCall[], root: string): Promise<CleanRun> {
    const key = [root, ...order.map(({ label }) => label)].join('\n');
    const run = this.#runs.get(key) ?? this.#make(order, root);
    this.#runs.set(key, run);
    return run;
  }

  async #make(order: readonly NumberedCall[], root: string): Promise<CleanRun> {
    const disk = new ModelDisk(undefined, { unrecorded: true });
    const fs = disk.process();
    await prepare(fs, { root, setup: () => makeNested(fs, root) });
    for (const { call } of order) await call(fs, root);
    const seen = await see(this.#api, fs, root);
    await nextRun(this.#api, disk.process(), root);
    const paths = await pathsBelow(fs, root);
    return { seen, names: paths.map((path) => path.slice(root.length + 1)) };
  }
}

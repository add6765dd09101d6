/**
 * The model engine: what can a power loss at any instant leave, and does every promise hold on it?
 *
 * A program runs once on a modelled disk. Then its trace is walked: after each operation, every
 * choice (see subsets.ts) of the pending changes gives a state that a crash may leave. Equal states
 * are checked once. A scenario with `recover` has that run on each state and crashed in its turn,
 * to the depth asked for.
 */
import { describe } from '../model/change.js';
import { ModelDisk } from '../model/disk.js';
import { Hasher } from '../model/hasher.js';
import type { Image } from '../model/image.js';
import type { Operation } from '../model/operation.js';
import { treeOf } from '../model/tree.js';
import { Random, withSeededRandomness } from '../random.js';
import { Persistence } from './persistence.js';
import { messageOf } from './message.js';
import { record, type Trace } from './record.js';
import type { Scenario } from './scenario.js';
import { subsets, type SubsetLimits } from './subsets.js';
import { kindOf, type TraceLine, type Violation } from './violation.js';

/** How far to explore. */
export interface ExploreOptions extends Partial<SubsetLimits> {
  readonly seed?: number | undefined;
  /** How often a crash may hit the recovery from the crash before; 0 by default. */
  readonly recoveryDepth?: number | undefined;
  /** Crashes only after so many operations of the program. */
  readonly fromOperation?: number | undefined;
  /** Stops after so many distinct states; all by default. */
  readonly maxStates?: number | undefined;
  /**
   * States that were checked before, in this exploration or another one of the same scenario; they
   * are not again.
   */
  readonly seen?: SeenStates | undefined;
  /** Stops at the first violation; otherwise each kind is reported once. */
  readonly stopAtFirst?: boolean | undefined;
}

/** Each state that was checked, and at which depth of crashes in recoveries. */
export type SeenStates = Map<number, number>;

/** What an engine did. */
export interface Exploration {
  readonly scenario: string;
  readonly seed: number;
  /** Operations of the program's own trace. */
  readonly operations: number;
  /** States that were made, equal ones included. */
  readonly candidates: number;
  /** Distinct states, each checked. */
  readonly states: number;
  /** How many of them broke a promise. */
  readonly failing: number;
  readonly violations: readonly Violation[];
}

/** Explores what a crash can do to a scenario. */
export async function explore(
  scenario: Scenario,
  options: ExploreOptions = {},
): Promise<Exploration> {
  const explorer = new Explorer(scenario, options);
  return withSeededRandomness(explorer.seed, async () =>
    explorer.run(await record(scenario, explorer.random)),
  );
}

/** Explores a trace that was recorded elsewhere. */
export async function exploreTrace(
  trace: Trace,
  scenario: Scenario,
  options: ExploreOptions = {},
): Promise<Exploration> {
  return new Explorer(scenario, options).run(trace);
}

/** An instant of a trace, and what a crash keeps of it. */
interface Crash {
  readonly persistence: Persistence;
  readonly done: readonly Operation[];
  readonly kept: Uint8Array;
  readonly past: Past;
}

/** How a crash came about, for the report: the trace lines before, and what was acknowledged. */
interface Past {
  readonly lines: readonly TraceLine[];
  readonly acknowledged: readonly string[];
  readonly depth: number;
}

class Explorer {
  readonly seed: number;
  readonly random: Random;
  readonly #scenario: Scenario;
  readonly #limits: SubsetLimits;
  readonly #options: ExploreOptions;
  readonly #seen: SeenStates;
  /** How many states others had seen before. */
  readonly #seenBefore: number;
  readonly #violations = new Map<string, Violation>();
  #candidates = 0;
  #failing = 0;

  constructor(scenario: Scenario, options: ExploreOptions) {
    this.#scenario = scenario;
    this.seed = options.seed ?? 1;
    this.#options = options;
    this.#seen = options.seen ?? new Map();
    this.#seenBefore = this.#seen.size;
    this.random = new Random(this.seed);
    this.#limits = {
      exhaustiveUpTo: options.exhaustiveUpTo ?? 8,
      randomPerStep: options.randomPerStep ?? 48,
    };
  }

  async run(trace: Trace): Promise<Exploration> {
    await this.#exploreTrace(trace, { lines: [], acknowledged: [], depth: 0 });
    return {
      scenario: this.#scenario.name,
      seed: this.seed,
      operations: trace.operations.length,
      candidates: this.#candidates,
      states: this.#seen.size - this.#seenBefore,
      failing: this.#failing,
      violations: [...this.#violations.values()],
    };
  }

  async #exploreTrace(trace: Trace, past: Past): Promise<void> {
    const persistence = new Persistence(trace.before);
    const acknowledged = [...past.acknowledged];
    for (const [index, operation] of [undefined, ...trace.operations].entries()) {
      if (operation) persistence.advance(operation);
      if (operation?.acknowledges !== undefined) acknowledged.push(operation.acknowledges);
      if (past.depth === 0 && index < (this.#options.fromOperation ?? 0)) continue;
      const done = trace.operations.slice(0, index);
      await this.#exploreInstant(persistence, done, { ...past, acknowledged });
      if (this.#isDone()) return;
    }
  }

  async #exploreInstant(
    persistence: Persistence,
    done: readonly Operation[],
    past: Past,
  ): Promise<void> {
    const count = persistence.pending.length;
    for (const kept of subsets(count, this.#limits, this.random)) {
      const image = persistence.imageAfterCrash(kept);
      this.#candidates += 1;
      if (!this.#isNew(image, past)) continue;
      const crash = { persistence, done, kept, past };
      const message = await this.#visit(image, crash);
      if (message !== undefined) await this.#report(message, crash);
      if (this.#isDone()) return;
    }
  }

  /** Recovers and checks one state; what is wrong with it, if anything. */
  async #visit(image: Image, crash: Crash): Promise<string | undefined> {
    const { recoveryDepth = 0 } = this.#options;
    const { past } = crash;
    const broken = await this.#broken(image, past.acknowledged);
    if (broken !== undefined || !this.#scenario.recover || past.depth >= recoveryDepth)
      return broken;
    const disk = new ModelDisk(image, { onNfs: this.#scenario.onNfs });
    const failure = await messageOf(async () => this.#scenario.recover?.(disk.process()));
    if (failure !== undefined) return `recovery failed: ${failure}`;
    const lines = [...past.lines, ...traceLines(crash), RECOVERY_BEGINS];
    const next = { lines, acknowledged: past.acknowledged, depth: past.depth + 1 };
    await this.#exploreTrace({ before: disk.before, operations: disk.operations }, next);
    return undefined;
  }

  async #broken(image: Image, acknowledged: readonly string[]): Promise<string | undefined> {
    const disk = new ModelDisk(image, { unrecorded: true, onNfs: this.#scenario.onNfs });
    return messageOf(async () => {
      await this.#scenario.recover?.(disk.process());
      await this.#scenario.check(disk.process(), acknowledged);
    });
  }

  #isNew(image: Image, past: Past): boolean {
    const hasher = new Hasher();
    hasher.number(image.hash());
    for (const label of past.acknowledged) hasher.string(label);
    const key = hasher.digest();
    if ((this.#seen.get(key) ?? Infinity) <= past.depth) return false;
    this.#seen.set(key, past.depth);
    return true;
  }

  #isDone(): boolean {
    const { maxStates = Infinity, stopAtFirst = false } = this.#options;
    return this.#seen.size >= maxStates || (stopAtFirst && this.#violations.size > 0);
  }

  async #report(message: string, crash: Crash): Promise<void> {
    this.#failing += 1;
    if (this.#violations.has(kindOf(message))) return;
    const { persistence, past } = crash;
    const fewest = await this.#loseFewest(message, crash);
    this.#violations.set(kindOf(message), {
      engine: 'model',
      scenario: this.#scenario.name,
      seed: this.seed,
      message,
      trace: [...past.lines, ...traceLines({ ...crash, kept: fewest })],
      acknowledged: [...past.acknowledged],
      tree: treeOf(persistence.imageAfterCrash(fewest)),
    });
  }

  /** Keeps as many of the lost changes as one can and still see the same violation. */
  async #loseFewest(message: string, { persistence, kept, past }: Crash): Promise<Uint8Array> {
    const fewest = kept.slice();
    for (let index = fewest.length - 1; index >= 0; index -= 1) {
      if (fewest[index] === 1) continue;
      fewest[index] = 1;
      const now = await this.#broken(persistence.imageAfterCrash(fewest), past.acknowledged);
      if (now !== message) fewest[index] = 0;
    }
    return fewest;
  }
}

const RECOVERY_BEGINS: TraceLine = { text: '-- crash; recovery begins --', fate: '' };

/** Each operation with what the crash did to it. */
function traceLines({ done, persistence, kept }: Crash): TraceLine[] {
  return done.map((operation, index) => {
    const own = persistence.pending
      .map(({ change, operation: madeBy }, position) => ({ change, madeBy, kept: kept[position] }))
      .filter(({ madeBy }) => madeBy === index);
    const lost = own.filter((pending) => pending.kept === 0).map(({ change }) => describe(change));
    return { text: operation.text, fate: fateOf(operation, own.length, lost) };
  });
}

function fateOf(operation: Operation, pending: number, lost: readonly string[]): string {
  if (operation.changes.length === 0) return '';
  if (lost.length > 0) return `LOST ${lost.slice(0, 6).join(', ')}${lost.length > 6 ? ', …' : ''}`;
  return pending === 0 ? 'durable' : 'kept by luck';
}

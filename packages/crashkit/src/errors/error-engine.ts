/**
 * The error engine: every call of a program fails once, or fails from then on, with each error that
 * the kernel may give, or takes fewer bytes than it was given. The program must then say truly what
 * is on disk, and the next run must find its way; also when the power fails after it.
 */
import { types } from 'node:util';
import { constants } from 'node:os';
import { systemError, type Fs } from 'holdfast/os';
import {
  exploreTrace,
  type Exploration,
  type ExploreOptions,
  type SeenStates,
} from '../explore/explore.js';
import { interceptFs, type Call, type Interference } from '../explore/intercept.js';
import { messageOf } from '../explore/message.js';
import { imageAfterSetup } from '../explore/record.js';
import type { Scenario, World } from '../explore/scenario.js';
import type { SubsetLimits } from '../explore/subsets.js';
import { kindOf, type TraceLine, type Violation } from '../explore/violation.js';
import { ModelDisk } from '../model/disk.js';
import { ModelHandle } from '../model/model-handle.js';
import { withSeededRandomness } from '../random.js';

export const faults = [
  'EIO',
  'ENOSPC',
  'EDQUOT',
  'EMFILE',
  'EROFS',
  'EACCES',
  'EINTR',
  'short count',
] as const;
export type Fault = (typeof faults)[number];

/** One case: which call fails, how, and whether those after it do. */
export interface FaultCase {
  /** Counted from 0 over the whole program. */
  readonly call: number;
  readonly fault: Fault;
  readonly lasting: boolean;
}

export interface ErrorExploration extends Exploration {
  /** How many runs with a fault were made. */
  readonly cases: number;
}

/** Longer than any program here takes, also on a busy machine. */
const HANG_MS = 3000;
/** More calls than any program here makes: one that makes more repeats itself without end. */
const MOST_CALLS = 60_000;

interface ErrorOptions {
  readonly seed?: number | undefined;
  /** Which cases to run; all by default. */
  readonly include?: ((faultCase: FaultCase) => boolean) | undefined;
  /** How much is explored of what a power loss leaves after each case; 6 and 8 by default. */
  readonly limits?: SubsetLimits | undefined;
  /** Stops at the first violation. */
  readonly stopAtFirst?: boolean | undefined;
}

const defaultLimits: SubsetLimits = { exhaustiveUpTo: 6, randomPerStep: 8 };

/** Runs a scenario once for each call, fault and duration. */
export async function exploreErrors(
  scenario: Scenario,
  options: ErrorOptions = {},
): Promise<ErrorExploration> {
  const seed = options.seed ?? 1;
  return withSeededRandomness(seed, async () => {
    const calls = await countCalls(scenario);
    const cases = allCases(calls).filter(options.include ?? (() => true));
    const results: Exploration[] = [];
    const limits = options.limits ?? defaultLimits;
    const seen: SeenStates = new Map();
    for (const faultCase of cases) {
      const result = await runCase(scenario, faultCase, { seed, seen, ...limits });
      results.push(result);
      if (options.stopAtFirst && result.failing > 0) break;
    }
    return { ...sum(scenario.name, seed, results), cases: cases.length };
  });
}

/** The names of the calls that a program makes without faults, in order. */
async function countCalls(scenario: Scenario): Promise<readonly Call[]> {
  const calls: Call[] = [];
  const disk = new ModelDisk(await imageAfterSetup(scenario), { onNfs: scenario.onNfs });
  await scenario.run(watchedWorld(disk, (call) => void calls.push(call)));
  return calls;
}

function allCases(calls: readonly Call[]): FaultCase[] {
  return calls.flatMap(({ name }, call) =>
    faults
      .filter((fault) => fault !== 'short count' || name === 'write' || name === 'read')
      .flatMap((fault) => [false, true].map((lasting) => ({ call, fault, lasting }))),
  );
}

async function runCase(
  scenario: Scenario,
  faultCase: FaultCase,
  options: ExploreOptions & { readonly seed: number },
): Promise<Exploration> {
  const disk = new ModelDisk(await imageAfterSetup(scenario), { onNfs: scenario.onNfs });
  const injector = new Injector(disk, faultCase);
  const world = { ...watchedWorld(disk, (call) => injector.before(call)), injectsErrors: true };
  const result = await messageOf(() => withinTime(scenario.run(world), () => injector.giveUp()));
  const trace = { before: disk.before, operations: disk.operations };
  if (result !== undefined) return threw(scenario, options.seed, disk, result);
  const fromOperation = injector.operationsBefore ?? disk.operations.length;
  return exploreTrace(trace, scenario, { ...options, fromOperation });
}

/** A program that waits for ever after an error has hung. */
async function withinTime(work: Promise<void>, giveUp: () => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<void>((_, reject) => {
    timer = setTimeout(() => {
      giveUp();
      reject(new Error('the program hangs after the error'));
    }, HANG_MS);
  });
  try {
    await Promise.race([work, hang]);
  } finally {
    clearTimeout(timer);
  }
}

function watchedWorld(disk: ModelDisk, before: (call: Call) => Interference | undefined): World {
  const newProcess = (): Fs => interceptFs(disk.process(), { before });
  return { fs: newProcess(), newProcess, acknowledge: (label) => disk.acknowledge(label) };
}

class Injector {
  /** How many operations had been done when the fault struck. */
  operationsBefore: number | undefined;
  readonly #disk: ModelDisk;
  readonly #case: FaultCase;
  #calls = 0;
  #givenUp = false;

  constructor(disk: ModelDisk, faultCase: FaultCase) {
    this.#disk = disk;
    this.#case = faultCase;
  }

  /** Fails every call from here on, so that whatever still waits comes to an end. */
  giveUp(): void {
    this.#givenUp = true;
  }

  before(call: Call): Interference | undefined {
    if (this.#givenUp) return { throws: systemError(constants.errno.EIO, call.name, call.path) };
    const index = this.#calls;
    this.#calls += 1;
    // A loop that waits for nothing but the model would keep the timer of `withinTime` from firing.
    if (index > MOST_CALLS) return { waitsFor: new Promise(() => undefined) };
    const strikes = this.#case.lasting ? index >= this.#case.call : index === this.#case.call;
    if (!strikes) return undefined;
    this.operationsBefore ??= this.#disk.operations.length;
    return this.#case.fault === 'short count' ? this.#shorten(call) : this.#fail(call);
  }

  #fail(call: Call): Interference {
    const errno = constants.errno[this.#case.fault as keyof typeof constants.errno];
    this.#disk.record(note(`${call.name} ${call.path} FAILS: ${this.#case.fault}`));
    const isSync = ['sync', 'dataSync', 'syncFilesystem'].includes(call.name);
    if (isSync && call.handle instanceof ModelHandle) call.handle.forget();
    return { throws: systemError(errno, call.name, call.path) };
  }

  #shorten(call: Call): Interference | undefined {
    const [data] = call.args;
    if (!types.isUint8Array(data) || !['read', 'write'].includes(call.name)) return undefined;
    // A read that gives nothing is the end of the file, and no fault.
    const least = call.name === 'read' ? Math.min(1, data.length) : 0;
    const takesBytes = Math.max(least, this.#case.lasting ? 0 : Math.floor(data.length / 2));
    this.#disk.record(note(`${call.name} ${call.path} TAKES ONLY ${takesBytes} bytes`));
    return { takesBytes };
  }
}

function note(text: string) {
  return { text, process: 0, births: [], changes: [] };
}

/** The result of a case in which the scenario itself gave up. */
function threw(scenario: Scenario, seed: number, disk: ModelDisk, message: string): Exploration {
  const trace: TraceLine[] = disk.operations.map(({ text }) => ({ text, fate: '' }));
  const told = { scenario: scenario.name, seed };
  const violations: readonly Violation[] = [
    { engine: 'error', ...told, message, trace, acknowledged: [], tree: [] },
  ];
  const operations = disk.operations.length;
  return { ...told, operations, candidates: 1, states: 1, failing: 1, violations };
}

function sum(scenario: string, seed: number, results: readonly Exploration[]): Exploration {
  const total = (pick: (result: Exploration) => number): number =>
    results.reduce((whole, result) => whole + pick(result), 0);
  const byKind = new Map<string, Violation>();
  for (const violation of results.flatMap(({ violations }) => violations)) {
    const known = byKind.get(kindOf(violation.message));
    if (known && known.trace.length <= violation.trace.length) continue;
    byKind.set(kindOf(violation.message), { ...violation, engine: 'error' });
  }
  return {
    scenario,
    seed,
    operations: Math.max(0, ...results.map(({ operations }) => operations)),
    candidates: total(({ candidates }) => candidates),
    states: total(({ states }) => states),
    failing: total(({ failing }) => failing),
    violations: [...byKind.values()],
  };
}

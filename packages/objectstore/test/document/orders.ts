/**
 * Every order in which requests can reach a store, and every way in which a few of them can fail: a
 * program is run again and again, each time with other choices, until all have been made.
 */
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { ModelStore, type ModelRequest } from '#src/store/model-store.js';

type Choose = (count: number) => number;

/** Runs once for each sequence of choices, and gives how many there are. */
export async function forEveryChoice(run: (choose: Choose) => Promise<void>): Promise<number> {
  let planned: number[] = [];
  for (let runs = 1; ; runs += 1) {
    const taken: { readonly choice: number; readonly count: number }[] = [];
    await run((count) => {
      const choice = planned[taken.length] ?? 0;
      taken.push({ choice, count });
      return choice;
    });
    const last = taken.findLastIndex(({ choice, count }) => choice + 1 < count);
    if (last === -1) return runs;
    planned = [...taken.slice(0, last), { choice: (taken[last]?.choice ?? 0) + 1 }].map(
      ({ choice }) => choice,
    );
  }
}

/** What may become of a request. */
interface Step {
  readonly what: string;
  readonly isFault: boolean;
  take(): void;
}

export interface World {
  readonly store: ModelStore;
  /** Whether the clients have finished. */
  isOver(): boolean;
  /** Looks at the store after each step. */
  readonly look?: (done: readonly string[]) => void;
}

/**
 * Lets the clients of a store run until they have finished, one request at a time.
 *
 * @param faults - how many requests may fail: they are lost on the way to the store, to arrive late
 *   or never; their answer is; or they arrive twice
 * @returns what was done, in words
 */
export async function deliver(world: World, choose: Choose, faults: number): Promise<string[]> {
  const { store } = world;
  const done: string[] = [];
  let left = faults;
  for (;;) {
    await settleDown(store);
    if (world.isOver()) return done;
    const steps = store.underWay.flatMap((request, index) => stepsOf(request, index));
    const allowed = steps.filter(({ isFault }) => !isFault || left > 0);
    const step = allowed[choose(allowed.length)];
    if (step === undefined) throw new Error(`nobody can go on: ${done.join(', ')}`);
    if (step.isFault) left -= 1;
    step.take();
    done.push(step.what);
    world.look?.(done);
  }
}

/** What is still under way arrives, after everything else. */
export function deliverLate(store: ModelStore): void {
  for (const request of store.underWay) if (request.method === 'put') request.arrive();
}

function stepsOf(request: ModelRequest, index: number): readonly Step[] {
  const { method, arrivals, isSettled } = request;
  const what = `${method} ${index}`;
  if (!isSettled) {
    const answered = (): void => {
      request.arrive();
      request.answer();
    };
    const usual = { what, isFault: false, take: answered };
    if (method !== 'put') return [usual];
    const dropped = (): void => {
      request.arrive();
      request.lose();
    };
    const twice = (): void => {
      request.arrive();
      answered();
    };
    return [
      usual,
      { what: `${what} twice, with the second answer`, isFault: true, take: twice },
      { what: `${what} done, its answer lost`, isFault: true, take: dropped },
      { what: `${what} held back`, isFault: true, take: () => request.lose() },
    ];
  }
  if (method !== 'put') return [];
  if (arrivals === 0)
    return [{ what: `${what} late`, isFault: false, take: () => request.arrive() }];
  if (arrivals === 1)
    return [{ what: `${what} once more`, isFault: true, take: () => request.arrive() }];
  return [];
}

/** Until no client does anything by itself. */
async function settleDown(store: ModelStore): Promise<void> {
  for (let quiet = 0, seen = -1; quiet < 3;) {
    await turnOfTheLoop();
    quiet = store.underWay.length === seen ? quiet + 1 : 0;
    seen = store.underWay.length;
  }
}

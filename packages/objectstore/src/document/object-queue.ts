/**
 * The calls of this process that wait for one object: what arrives while a commit is under way
 * shares the next one, so a burst of calls takes a few requests.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { HoldfastError } from 'holdfast';
import { urlOf } from '../s3-url.js';
import type { ObjectName, ObjectStore } from '../store/object-store.js';
import { refuseConvicted } from '../probe/first-use.js';
import { commitGroup } from './commit-object.js';
import { PendingUpdate, wantTheSame, type UpdateRequest } from './pending-update.js';
import { machineTiming, Pace, type Timing } from './timing.js';

/** The queues whose updaters the present call runs inside of. */
const running = new AsyncLocalStorage<readonly ObjectQueue[]>();

const queues = new WeakMap<ObjectStore, Map<string, ObjectQueue>>();

/** Makes a call whose arguments have been checked, and gives what its commit made of the object. */
export function updateObject(
  store: ObjectStore,
  name: ObjectName,
  updater: (value: never) => unknown,
  request: UpdateRequest,
): Promise<unknown> {
  const url = urlOf(name);
  const ofStore = queues.get(store) ?? new Map<string, ObjectQueue>();
  queues.set(store, ofStore);
  const queue = ofStore.get(url) ?? new ObjectQueue(store, name);
  ofStore.set(url, queue);
  return queue.enter(new PendingUpdate(url, updater, request, queue.timing.now()));
}

/** The calls that wait for an object, and its commits, one after another. */
export class ObjectQueue {
  readonly timing: Timing;
  readonly #store: ObjectStore;
  readonly #name: ObjectName;
  readonly #pace: Pace;
  #waiting: readonly PendingUpdate[] = [];
  #isRunning = false;

  constructor(store: ObjectStore, name: ObjectName, timing: Timing = machineTiming) {
    this.#store = store;
    this.#name = name;
    this.timing = timing;
    this.#pace = new Pace(timing);
  }

  enter(update: PendingUpdate): Promise<unknown> {
    if (running.getStore()?.includes(this)) update.reject(nested(update.url));
    else this.#waiting = [...this.#waiting, update];
    if (!this.#isRunning) void this.#run();
    return update.result;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      // Those whom the last commit has answered call again before this.
      await turnOfTheLoop();
      const [first] = this.#waiting as [PendingUpdate];
      const isOfGroup = (update: PendingUpdate): boolean => wantTheSame(first, update);
      const group = this.#waiting.filter(isOfGroup);
      this.#waiting = this.#waiting.filter((update) => !isOfGroup(update));
      await this.#commit(group);
    }
    this.#isRunning = false;
  }

  async #commit(group: readonly PendingUpdate[]): Promise<void> {
    try {
      await refuseConvicted(this.#store, this.#name);
    } catch (error) {
      for (const update of group) update.reject(error);
      return;
    }
    await commitGroup(
      {
        store: this.#store,
        name: this.#name,
        pace: this.#pace,
        timing: this.timing,
        within: (fn) => running.run([...(running.getStore() ?? []), this], fn),
      },
      group,
    );
  }
}

function nested(url: string): HoldfastError {
  return new HoldfastError('LOCK_NESTED', {
    message:
      'An updater asked for an update of its own object, and would have waited for itself. Make the change in the value that ' +
      'it was given.',
    step: 'update',
    path: url,
  });
}

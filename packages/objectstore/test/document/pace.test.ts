/** How often writers who do not know of each other get in each other's way, by a clock of the test. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { syntaxFor } from 'holdfast/syntaxes';
import { ObjectQueue } from '#src/document/object-queue.js';
import { PendingUpdate } from '#src/document/pending-update.js';
import type { Timing } from '#src/document/timing.js';
import { ModelStore } from '#src/store/model-store.js';
import type { ObjectStore } from '#src/store/object-store.js';

const name = { bucket: 'bucket', key: 'key.json' };
const url = 's3://bucket/key.json';
const WRITERS = 16;
const TIMES = 20;

/** Time passes when nobody can go on without. */
class Clock implements Timing {
  #nowMs = 0;
  #state = 1;
  readonly #sleeping: { readonly atMs: number; readonly wake: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#sleeping.push({ atMs: this.#nowMs + ms, wake }));
  }

  /** The same numbers each time (Numerical Recipes' linear congruential generator). */
  random(): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return this.#state / 2 ** 32;
  }

  async runUntil(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      for (let turn = 0; turn < 3; turn += 1) await turnOfTheLoop();
      this.#sleeping.sort((a, b) => a.atMs - b.atMs);
      const first = this.#sleeping.shift();
      this.#nowMs = first?.atMs ?? this.#nowMs;
      first?.wake();
    }
  }
}

for (const latencyMs of [2, 20, 200, 500]) {
  test(`16 writers make at most 2.5 requests to write an update, where one takes ${latencyMs} ms`, async (t) => {
    const clock = new Clock();
    const model = new ModelStore();
    let puts = 0;
    const onItsWay = (): Promise<void> => clock.sleep(latencyMs * (0.25 + clock.random() / 2));
    const far: ObjectStore = Object.assign(Object.create(model) as ObjectStore, {
      get: async (...args: Parameters<ObjectStore['get']>) => {
        await onItsWay();
        const read = await model.get(...args);
        await onItsWay();
        return read;
      },
      put: async (...args: Parameters<ObjectStore['put']>) => {
        puts += 1;
        await onItsWay();
        const written = await model.put(...args);
        await onItsWay();
        return written;
      },
    });
    const syntax = syntaxFor(url, undefined);
    const call = { syntax, nonce: 'blanks', contentType: undefined, timeoutMs: 600_000 } as const;
    const add = (value: { n?: number }): void => void (value.n = (value.n ?? 0) + 1);
    let working = WRITERS;
    const writer = async (): Promise<void> => {
      const queue = new ObjectQueue(far, name, clock);
      for (let made = 0; made < TIMES; made += 1)
        await queue.enter(new PendingUpdate(url, add, call, clock.now()));
      working -= 1;
    };
    const writers = Promise.all(Array.from({ length: WRITERS }, writer));
    await clock.runUntil(() => working === 0);
    await writers;
    const each = puts / (WRITERS * TIMES);
    const seconds = clock.now() / 1000;
    t.diagnostic(`${each} PUTs an update, ${seconds.toFixed(1)} s`);
    assert.deepEqual(JSON.parse(Buffer.from(model.bodyOf(name) ?? '').toString()), {
      n: WRITERS * TIMES,
    });
    assert.ok(each <= 2.5, `${each} PUTs an update`);
  });
}

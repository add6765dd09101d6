/** The protocol of updates against every order of delivery (orders.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHoldfastError, type JsonObject } from 'holdfast';
import { syntaxFor } from 'holdfast/syntaxes';
import { ObjectQueue } from '#src/document/object-queue.js';
import { PendingUpdate } from '#src/document/pending-update.js';
import { withoutNonce } from '#src/document/nonce.js';
import type { Timing } from '#src/document/timing.js';
import { ModelStore } from '#src/store/model-store.js';
import { deliver, deliverLate, forEveryChoice } from './orders.js';

const name = { bucket: 'bucket', key: 'key.json' };
const url = 's3://bucket/key.json';
const syntax = syntaxFor(url, undefined);

/** Nothing waits for the clock: a step of the test is what lets the time pass. */
const timing: Timing = { now: () => 0, sleep: () => Promise.resolve(), random: () => 0 };

type Change = (value: JsonObject) => void;
type Outcome = 'acknowledged' | 'unchanged' | 'unknown';

/** What each client does, one change after another; each has a process of its own. */
interface Scenario {
  readonly clients: readonly (readonly Change[])[];
  readonly faults: number;
  readonly timeoutMs?: number;
  /** Whether the object is there at the beginning. */
  readonly isThere?: boolean;
}

const count =
  (member: string): Change =>
  (value) => {
    value[member] = Number(value[member] ?? 0) + 1;
    value['sum'] = Number(value['sum'] ?? 0) + 1;
  };

/** There and back: the content is what it was. */
const mark: Change = (value) => {
  value['marked'] = true;
};
const unmark: Change = (value) => {
  delete value['marked'];
};

const scenarios: Readonly<Record<string, Scenario>> = {
  'two create': { clients: [[count('a')], [count('b')]], faults: 1 },
  'two swap': { clients: [[count('a')], [count('b')]], faults: 2, isThere: true },
  'one of two swaps twice': {
    clients: [[count('a')], [count('b'), count('b')]],
    faults: 1,
    isThere: true,
  },
  'three swap': { clients: [[count('a')], [count('b')], [count('c')]], faults: 0, isThere: true },
  'another goes there and back': {
    clients: [[count('a')], [mark, unmark]],
    faults: 1,
    isThere: true,
  },
  'two swap without time': {
    clients: [[count('a')], [count('b')]],
    faults: 2,
    isThere: true,
    timeoutMs: 0,
  },
};

for (const [title, scenario] of Object.entries(scenarios)) {
  test(`no order of delivery loses or doubles an update: ${title}`, async (t) => {
    let unknown = 0;
    const runs = await forEveryChoice(async (choose) => {
      const store = new ModelStore();
      if (scenario.isThere) await update(store, () => undefined, 0);
      store.holds = true;
      const outcomes: Outcome[][] = scenario.clients.map(() => []);
      let working = scenario.clients.length;
      const ended = scenario.clients.map(async (changes, client) => {
        const queue = new ObjectQueue(store, name, timing);
        for (const change of changes)
          outcomes[client]?.push(await update(store, change, scenario.timeoutMs ?? 1, queue));
        working -= 1;
      });
      const world = { store, isOver: () => working === 0 };
      const done = await deliver(world, choose, scenario.faults);
      await Promise.all(ended);
      check(store, outcomes, done.join(', '));
      deliverLate(store);
      check(store, outcomes, `${done.join(', ')}, and what was left late`);
      unknown += outcomes.flat().filter((outcome) => outcome === 'unknown').length;
    });
    t.diagnostic(`${runs} orders, ${unknown} outcomes unknown`);
    assert.ok(runs > 1);
    if (scenario.timeoutMs === undefined) assert.equal(unknown, 0, 'an outcome could be found out');
  });

  function check(store: ModelStore, outcomes: readonly (readonly Outcome[])[], done: string): void {
    const body = Buffer.from(store.bodyOf(name) ?? '{}');
    const value = JSON.parse(withoutNonce('blanks', body).content.toString()) as JsonObject;
    let sum = 0;
    for (const [client, changes] of scenario.clients.entries()) {
      const member = ['a', 'b', 'c'][client] as string;
      const counted = Number(value[member] ?? 0);
      sum += counted;
      if (changes[0] === mark) continue;
      const of = (wanted: Outcome): number =>
        outcomes[client]?.filter((outcome) => outcome === wanted).length ?? 0;
      const least = of('acknowledged');
      const most = least + of('unknown');
      assert.ok(
        counted >= least && counted <= most,
        `${member} is ${counted}, and ${least} to ${most} were made: ${done}`,
      );
    }
    assert.equal(Number(value['sum'] ?? 0), sum, done);
  }
}

/** A store that answers every write with silence lets nobody believe in one. */
test('while nothing answers, a call ends with the outcome unknown, and says so', async () => {
  const store = new ModelStore();
  store.onRequest = (request) => {
    if (request.method === 'put') request.lose();
  };
  assert.equal(await update(store, count('a'), 0), 'unknown');
});

async function update(
  store: ModelStore,
  change: Change,
  timeoutMs: number,
  queue: ObjectQueue = new ObjectQueue(store, name, timing),
): Promise<Outcome> {
  const request = { syntax, nonce: 'blanks', contentType: undefined, timeoutMs } as const;
  try {
    await queue.enter(new PendingUpdate(url, change, request, timing.now()));
    return 'acknowledged';
  } catch (error) {
    assert.ok(isHoldfastError(error), String(error));
    return error.outcome === 'unknown' ? 'unknown' : 'unchanged';
  }
}

/**
 * Those who work on one session against every order in which the requests by which they agree reach
 * the store, late, twice and never. What they write besides is done at once.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHoldfastError, type JsonValue } from 'holdfast';
import { ObjectQueue } from '#src/document/object-queue.js';
import { PendingUpdate } from '#src/document/pending-update.js';
import { withoutNonce } from '#src/document/nonce.js';
import type { Timing } from '#src/document/timing.js';
import { isOfSession, placeOf, type DirectoryPlace } from '#src/directory/place.js';
import type { Pointer } from '#src/directory/pointer.js';
import { abandonAt, beginAt } from '#src/parts/begin-parts.js';
import { joinAt } from '#src/parts/session.js';
import { ModelStore } from '#src/store/model-store.js';
import { deliver, deliverLate, forEveryChoice } from '../document/orders.js';

const url = 's3://bucket/site';
const timing: Timing = { now: () => 0, sleep: () => Promise.resolve(), random: () => 0 };

/** What a client does, in a process of its own. */
interface Client {
  /** Which of its requests decide: all of a kind that others look at. */
  readonly decidesBy: 'session' | 'record' | 'pointer' | 'both';
  /** @param id - of the session that is open */
  readonly run: (place: DirectoryPlace, id: string) => Promise<object>;
}

const begins = (job: JsonValue): Client => ({
  decidesBy: 'session',
  run: async (place) => ({ id: (await beginAt(place, factsOf(job))).id }),
});

const writes = (part: number, text: string): Client => ({
  decidesBy: 'record',
  async run(place, id) {
    const session = await joinAt(place, id);
    const { wasDone } = await session.writePart(part, (stage) => stage.write(`${part}`, text));
    return { text, wasDone };
  },
});

const commits: Client = {
  decidesBy: 'pointer',
  async run(place, id) {
    const session = await joinAt(place, id);
    return { committed: (await session.commit()).generation };
  },
};

const writesAndCommits: Client = {
  decidesBy: 'pointer',
  async run(place, id) {
    await writes(1, '1').run(place, id);
    return commits.run(place, id);
  },
};

const abandons: Client = {
  decidesBy: 'both',
  run: async (place, id) => ({ isEnded: await abandonAt(place, id) }),
};

let ids = 0;

function factsOf(job: JsonValue) {
  const id = (ids += 1).toString(16).padStart(20, '0');
  const publishing = { ifExists: 'replace', keepPrevious: 0, keepForMs: null } as const;
  return { id, partCount: 2, job, publishing };
}

interface Scenario {
  readonly clients: readonly Client[];
  readonly faults: number;
  /** What was written before; without it no session is open. */
  readonly written?: readonly number[];
  /** Whether a commit has died just before it replaced the pointer. */
  readonly isOneDead?: boolean;
}

const all = [0, 1];

const scenarios: Readonly<Record<string, Scenario>> = {
  'two begin one job': { clients: [begins('a'), begins('a')], faults: 1 },
  'two begin jobs of their own': { clients: [begins('a'), begins('b')], faults: 1 },
  'two write the same': { clients: [writes(1, '1'), writes(1, '1')], faults: 1, written: [0] },
  'two write what differs': { clients: [writes(1, '1'), writes(1, 'x')], faults: 1, written: [0] },
  'two commit': { clients: [commits, commits], faults: 1, written: all },
  'one commits, one abandons': { clients: [commits, abandons], faults: 1, written: all },
  'one writes late, one commits': {
    clients: [writes(1, 'x'), writesAndCommits],
    faults: 1,
    written: [0],
  },
  'one writes, one abandons': { clients: [writes(1, '1'), abandons], faults: 1, written: [0] },
  'one begins while one abandons what is being committed': {
    clients: [begins('b'), abandons],
    faults: 1,
    written: all,
    isOneDead: true,
  },
};

type Told = Readonly<Record<string, unknown>> & { readonly outcome: string };

for (const [title, scenario] of Object.entries(scenarios)) {
  test(`in no order of delivery is anything lost, mixed or done twice: ${title}`, async (t) => {
    const seen = new Set<string>();
    const runs = await forEveryChoice(async (choose) => {
      const store = new ModelStore();
      const id = await prepare(store, scenario);
      const told: Told[] = [];
      for (const client of scenario.clients)
        void outcomeOf(client.run(placeIn(viewOf(store, client)), id)).then((each) =>
          told.push(each),
        );
      const named = new Set<string>();
      const look = (done: readonly string[]): void => {
        const pointer = pointerIn(store);
        const ours = [pointer?.generation ?? '', ...(pointer?.previous ?? [])].filter((each) =>
          isOfSession(each, id),
        );
        for (const each of ours) named.add(each);
        assert.ok(named.size <= 1, `published twice: ${done.join(', ')}`);
        for (const each of ours) assertWhole(store, each, done);
      };
      const isOver = (): boolean => told.length === scenario.clients.length;
      const done = await deliver({ store, isOver, look }, choose, scenario.faults);
      deliverLate(store);
      look(done);
      store.holds = false;
      for (const each of told) seen.add(each.outcome);
      const say = `${JSON.stringify(told)} ${done.join(', ')}`;
      for (const { committed, isEnded } of told) {
        if (committed !== undefined) assert.ok(named.has(committed as string), say);
        if (isEnded === true) assert.equal(named.size, 0, say);
      }
      await assertPromises(title, { store, id, told, say });
    });
    t.diagnostic(`${runs} orders: ${[...seen].join(', ')}`);
    assert.ok(runs > 5, `${runs}`);
    assert.ok(seen.has('acknowledged'));
  });
}

interface Ended {
  readonly store: ModelStore;
  readonly id: string;
  readonly told: readonly Told[];
  readonly say: string;
}

async function assertPromises(title: string, { store, id, told, say }: Ended): Promise<void> {
  const acknowledged = told.filter(({ outcome }) => outcome === 'acknowledged');
  if (title === 'two begin one job') {
    const begun = new Set(acknowledged.map((each) => each['id']));
    assert.ok(begun.size <= 1, say);
  } else if (title === 'two begin jobs of their own') {
    assert.ok(acknowledged.length <= 1, say);
  } else if (title.startsWith('two write')) {
    if (title.endsWith('differs')) assert.ok(acknowledged.length <= 1, say);
    const [first] = acknowledged;
    if (first === undefined) return;
    const { committed } = (await commits.run(placeIn(store), id)) as { readonly committed: string };
    assert.equal(fileIn(store, committed, 1), first['text'], say);
  } else if (title === 'two commit') {
    // An answer that was lost may be told to the next one alone.
    const outcomes = new Set(told.map(({ outcome }) => outcome));
    outcomes.delete('unknown');
    assert.deepEqual([...outcomes], ['acknowledged'], say);
  } else if (title === 'one writes late, one commits') {
    const written = acknowledged.find((each) => each['wasDone'] === false);
    const generation = pointerIn(store)?.generation;
    if (generation) assert.equal(fileIn(store, generation, 1), written ? 'x' : '1', say);
  }
}

async function outcomeOf(work: Promise<unknown>): Promise<Told> {
  try {
    return { ...((await work) as object), outcome: 'acknowledged' };
  } catch (error) {
    assert.ok(isHoldfastError(error), String(error));
    return { outcome: error.outcome === 'unknown' ? 'unknown' : error.code };
  }
}

async function prepare(store: ModelStore, { written, isOneDead }: Scenario): Promise<string> {
  if (written === undefined) return '0'.repeat(20);
  const place = placeIn(store);
  const { id } = await beginAt(place, factsOf('a'));
  for (const part of written) await writes(part, `${part}`).run(place, id);
  if (isOneDead) {
    const put = store.put.bind(store);
    store.put = async (name, ...rest) =>
      name.key.endsWith('current.json')
        ? { outcome: 'refused', refusal: { code: 'Dead', message: '', isTransient: false } }
        : put(name, ...rest);
    await outcomeOf(commits.run(place, id));
    store.put = put;
  }
  return id;
}

/**
 * The store as one client has it: the requests by which clients agree are in the hands of the test,
 * from where they decide until it is decided.
 */
function viewOf(store: ModelStore, { decidesBy }: Client): ModelStore {
  let before = '';
  let isOver = false;
  let isNoted = false;
  const isHeld = (method: string, key: string): boolean => {
    const name = /[^/]+$/.exec(key)?.[0] ?? '';
    const is = `${method} ${key.includes('/records/') ? 'record' : name}`;
    const last = before;
    before = is;
    const noting = decidesBy === 'record' ? '/records/' : '/results/';
    isNoted ||= is.startsWith('put') && key.includes(noting);
    if (decidesBy === 'record') return isNoted && is !== 'get current.json' && method !== 'list';
    if (decidesBy === 'session') return is === 'put session.json' || last === 'put session.json';
    if (decidesBy === 'both') return is === 'put session.json' || is === 'put current.json';
    isOver ||= isNoted && is === 'put session.json';
    if (!isNoted || isOver) return false;
    return is === 'put current.json' || (last === 'get current.json' && is === 'get session.json');
  };
  return new Proxy(store, {
    get(target, method) {
      const value: unknown = Reflect.get(target, method, target);
      if (typeof value !== 'function') return value;
      return (...args: readonly [{ readonly key?: string }, unknown]): unknown => {
        target.holds = isHeld(String(method), args[0]?.key ?? '');
        return Reflect.apply(value, target, args);
      };
    },
  });
}

/** A place whose commits share nothing with those of others. */
function placeIn(store: ModelStore): DirectoryPlace {
  const place = placeOf('test', url, { store });
  const queues = new Map<string, ObjectQueue>();
  return {
    ...place,
    timing,
    update: (name, updater, format = place.pointer.format) => {
      const queue = queues.get(name.key) ?? new ObjectQueue(store, name, timing);
      queues.set(name.key, queue);
      const request = { ...format, timeoutMs: 60_000 };
      return queue.enter(new PendingUpdate(url, updater, request, timing.now()));
    },
  };
}

function bodyOf(store: ModelStore, key: string): string | undefined {
  const body = store.bodyOf({ bucket: 'bucket', key: `site/${key}` });
  return body && Buffer.from(body).toString();
}

function pointerIn(store: ModelStore): Pointer | undefined {
  const body = bodyOf(store, 'current.json');
  if (body === undefined) return undefined;
  return JSON.parse(withoutNonce('blanks', Buffer.from(body)).content.toString()) as Pointer;
}

function fileIn(store: ModelStore, generation: string, part: number): string | undefined {
  return bodyOf(store, `generations/${generation}/${part}`);
}

function assertWhole(store: ModelStore, generation: string, done: readonly string[]): void {
  const texts = [fileIn(store, generation, 0), fileIn(store, generation, 1)];
  assert.equal(texts[0], '0', `not whole: ${done.join(', ')}`);
  assert.ok(texts[1] !== undefined, `not whole: ${done.join(', ')}`);
  assert.ok(bodyOf(store, `manifests/${generation}.json`) !== undefined, done.join(', '));
}

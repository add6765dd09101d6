/**
 * Publishers and sweepers of one directory against every order in which the requests by which they
 * agree reach the store, late, twice and never. What they write and remove besides is done at once,
 * which is the worst for whoever is led to it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHoldfastError } from 'holdfast';
import { ObjectQueue } from '#src/document/object-queue.js';
import { PendingUpdate } from '#src/document/pending-update.js';
import { withoutNonce } from '#src/document/nonce.js';
import type { Timing } from '#src/document/timing.js';
import { makeClaim } from '#src/directory/claim.js';
import { digestOf } from '#src/directory/begin-generation.js';
import { sha256Of } from '#src/directory/open-directory.js';
import { writeObject } from '#src/directory/write-object.js';
import { fileName, newGeneration, placeOf, type DirectoryPlace } from '#src/directory/place.js';
import type { DirectoryIndex } from '#src/directory/pointer-form.js';
import type { Pointer } from '#src/directory/pointer.js';
import { commitDirectory, type PublishDirectoryOptions } from '#src/directory/publish-directory.js';
import { sweepAt, type KeepOptions } from '#src/directory/sweep-directory.js';
import { ModelStore } from '#src/store/model-store.js';
import type { ObjectName, PutOptions } from '#src/store/object-store.js';
import { deliver, deliverLate, forEveryChoice } from '../document/orders.js';

const url = 's3://bucket/site';
const timing: Timing = { now: () => 0, sleep: () => Promise.resolve(), random: () => 0 };

/** What a client does, in a process of its own. */
type Client =
  | { readonly publishes: PublishDirectoryOptions; readonly sweeps?: undefined }
  | { readonly sweeps: KeepOptions; readonly publishes?: undefined };

interface Scenario {
  readonly clients: readonly Client[];
  readonly faults: number;
  /** Whether a directory is published at the beginning. */
  readonly isThere?: boolean;
  /** For how long each step goes on; a minute by default, which never passes. */
  readonly timeoutMs?: number;
  /** Whether a publisher died before it published. */
  readonly isOneDead?: boolean;
  /** Whether an index stands in place of `current.json`. */
  readonly hasIndex?: boolean;
}

/** A text with a line for what Holdfast has to know. */
const withIndex: { readonly index: DirectoryIndex } = {
  index: {
    url: 's3://bucket/site.txt',
    factsIn: (text) => /^facts (.*)$/m.exec(text)?.[1],
    withFacts: (text, facts) => `${text.replace(/^facts .*\n/m, '')}facts ${facts}\n`,
  },
};
const withPointer: { readonly index?: undefined } = {};

const replaces = { publishes: { ifExists: 'replace' } } as const;
const resumes = { publishes: { ifExists: 'replace', resume: 'a job' } } as const;
const creates = { publishes: { ifExists: 'fail' } } as const;
/** Whatever is there is old enough. */
const sweeps = { sweeps: { keepForMs: 0 } } as const;

const scenarios: Readonly<Record<string, Scenario>> = {
  'two create': { clients: [creates, creates], faults: 1 },
  'two replace without time': {
    clients: [replaces, replaces],
    faults: 1,
    isThere: true,
    timeoutMs: 0,
  },
  'one publishes the first, one sweeps': { clients: [replaces, sweeps], faults: 1 },
  'one replaces, one sweeps': { clients: [replaces, sweeps], faults: 1, isThere: true },
  'one replaces an index, one sweeps': {
    clients: [replaces, sweeps],
    faults: 1,
    isThere: true,
    hasIndex: true,
  },
  'one goes on with what another fills, who lives': {
    clients: [resumes, resumes],
    faults: 1,
    isThere: true,
  },
  'one goes on with what one left who died, one sweeps': {
    clients: [resumes, sweeps],
    // Minutes: by night.
    faults: process.env['HOLDFAST_NIGHTLY'] ? 1 : 0,
    isThere: true,
    isOneDead: true,
  },
  'two sweep what one left who died': {
    clients: [sweeps, sweeps],
    faults: 1,
    isThere: true,
    isOneDead: true,
  },
};

interface Told {
  readonly generation: string | undefined;
  readonly outcome: 'acknowledged' | 'unchanged' | 'unknown';
}

for (const [title, scenario] of Object.entries(scenarios)) {
  test(`in no order of delivery does the pointer lead to what is not whole: ${title}`, async (t) => {
    const seen = new Set<string>();
    const runs = await forEveryChoice(async (choose) => {
      const store = new ModelStore();
      const { index } = scenario.hasIndex ? withIndex : withPointer;
      if (scenario.isThere) await run(store, replaces, index);
      if (scenario.isOneDead) await leaveDead(store);
      const told: Told[] = [];
      const failed: unknown[] = [];
      for (const client of scenario.clients) {
        // Who begins later finds the claim of the one before.
        await new Promise(setImmediate);
        run(viewOf(store, client), client, index, scenario.timeoutMs).then(
          (each) => told.push(each),
          (error: unknown) => failed.push(error),
        );
      }
      const named = new Set<string | null>();
      const look = (done: readonly string[]): void => {
        assert.deepEqual(failed, [], done.join(', '));
        const pointer = pointerIn(store, index);
        named.add(pointer?.generation ?? null);
        assertWhole(store, pointer, done);
      };
      const isOver = (): boolean => told.length === scenario.clients.length;
      const done = await deliver({ store, isOver, look }, choose, scenario.faults);
      deliverLate(store);
      look(done);
      for (const { outcome, generation = '' } of told) {
        seen.add(outcome);
        if (outcome === 'acknowledged' && generation !== '')
          assert.ok(named.has(generation), `acknowledged, and never there: ${done.join(', ')}`);
        // What one has given up another may have gone on with.
        const isShared = told.filter((each) => each.generation === generation).length > 1;
        if (outcome === 'unchanged' && !isShared)
          assert.ok(!named.has(generation), `unchanged, and there: ${done.join(', ')}`);
      }
      const creating = told.filter(({ outcome }) => outcome === 'acknowledged');
      if (title === 'two create') assert.ok(creating.length <= 1, done.join(', '));
    });
    t.diagnostic(`${runs} orders: ${[...seen].join(', ')}`);
    assert.ok(runs > 50, `${runs}`);
    assert.ok(seen.has('acknowledged'));
  });
}

/**
 * The store as one client has it: the requests by which publishers and sweepers agree are in the
 * hands of the test.
 */
function viewOf(store: ModelStore, { publishes }: Client): ModelStore {
  let pointers = 0;
  const isHeld = (
    method: string,
    { key = '' }: Partial<ObjectName>,
    body: unknown,
    { condition }: PutOptions = {},
  ): boolean => {
    // What a publisher reads at its beginning decides nothing here.
    if (key === 'site/current.json' || key === 'site.txt') return !publishes || (pointers += 1) > 1;
    if (!key.startsWith('site/claims/')) return false;
    // A claim is taken over on the condition that it is still the one that was read: so what was
    // read before decides nothing.
    const isChange = method === 'put' && condition?.ifMatch !== undefined;
    const takesOver = isChange && String(body).includes('"filling"');
    if (publishes) return takesOver || (method === 'get' && pointers > 1);
    return method === 'put' && String(body).includes('"dead"');
  };
  return new Proxy(store, {
    get(target, method) {
      const value: unknown = Reflect.get(target, method, target);
      if (typeof value !== 'function') return value;
      return (...args: readonly [Partial<ObjectName>, unknown, PutOptions?]): unknown => {
        target.holds = isHeld(String(method), ...args);
        return Reflect.apply(value, target, args);
      };
    },
  });
}

async function run(
  store: ModelStore,
  { publishes, sweeps: swept }: Client,
  index: DirectoryIndex | undefined,
  timeoutMs = 60_000,
): Promise<Told> {
  const place = ofOwnProcess(store, timeoutMs, index);
  let generation: string | undefined;
  try {
    if (swept) {
      await sweepAt(place, swept);
    } else {
      await commitDirectory(
        place,
        async (stage) => {
          generation = stage.url.split('/').at(-1);
          await stage.write('file', 'content', { sha256: sha256Of(Buffer.from('content')) });
          if (index) stage.setIndex(`read ${stage.url}\n`);
        },
        publishes,
      );
    }
    return { generation, outcome: 'acknowledged' };
  } catch (error) {
    assert.ok(isHoldfastError(error), String(error));
    return { generation, outcome: error.outcome === 'unknown' ? 'unknown' : 'unchanged' };
  }
}

/** A place whose commits share nothing with those of others. */
function ofOwnProcess(
  store: ModelStore,
  timeoutMs: number,
  index?: DirectoryIndex,
): DirectoryPlace {
  const place = placeOf('test', url, { store, timeoutMs, index });
  const queues = new Map<string, ObjectQueue>();
  return {
    ...place,
    timing,
    update: (name, updater) => {
      const queue = queues.get(name.key) ?? new ObjectQueue(store, name, timing);
      queues.set(name.key, queue);
      const request = { ...place.pointer.format, timeoutMs };
      return queue.enter(new PendingUpdate(url, updater, request, timing.now()));
    },
  };
}

/** What somebody leaves who dies while it writes. */
async function leaveDead(store: ModelStore): Promise<void> {
  const place = ofOwnProcess(store, 0);
  const generation = newGeneration();
  const job = digestOf('a job');
  await makeClaim(place, generation, { by: 'somebody who died', job });
  await writeObject(place, fileName(place, generation, 'file'), 'content');
}

function pointerIn(store: ModelStore, index: DirectoryIndex | undefined): Pointer | undefined {
  const key = index ? 'site.txt' : 'site/current.json';
  const body = store.bodyOf({ bucket: 'bucket', key });
  if (body === undefined) return undefined;
  const { content } = withoutNonce('blanks', Buffer.from(body));
  const text = content.toString();
  if (!index) return JSON.parse(text) as Pointer;
  // What it leads to, and what is known of that, are one.
  const [, generation = ''] = /generations\/(\S+)/.exec(text) ?? [];
  assert.ok(index.factsIn(text)?.split(' ')[1] === generation, text);
  return { generation, previous: [], revision: 0 };
}

function assertWhole(
  store: ModelStore,
  pointer: Pointer | undefined,
  done: readonly string[],
): void {
  const { generation = null, previous = [] } = pointer ?? {};
  if (generation === null) return;
  assert.ok(!previous.includes(generation), `published twice: ${done.join(', ')}`);
  for (const key of [`generations/${generation}/file`, `manifests/${generation}.json`]) {
    const body = store.bodyOf({ bucket: 'bucket', key: `site/${key}` });
    assert.ok(body !== undefined, `${key} is named and gone: ${done.join(', ')}`);
  }
}

/**
 * Updates of one document by many processes on real stores, through faults, and while the store is
 * killed.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'node:test';
import { runs } from '@holdfast/tools/testing';
import { readJson, updateJson } from '#src/document/json.js';
import { s3Store } from '#src/store/s3-store.js';
import { startFaultProxy, faults, type Fault } from '../fault-proxy.js';
import { bucket, credentials, serverNames, startServer } from '../servers.js';

const url = `s3://${bucket}/state.json`;
const program = fileURLToPath(new URL('increment.js', import.meta.url));
const PROCESSES = 16;
const TIMES = 20;

interface Outcomes {
  readonly acknowledged: number;
  readonly unchanged: number;
  readonly unknown: number;
}

type Counts = Readonly<Record<string, number>>;

for (const name of serverNames.flatMap((each) => Array<typeof each>(runs).fill(each))) {
  test(`${name}: 16 processes with 20 updates each lose none`, async (t) => {
    const server = await startServer(t, name);
    const proxy = await startFaultProxy(t, server.endpoint);
    const all = await race(proxy.endpoint);
    const value = await readJson<Counts>(url, access(server.endpoint));
    check(value, all);
    assert.equal(sumOf(all, 'acknowledged'), PROCESSES * TIMES, JSON.stringify(all));
    assert.equal(value['sum'], PROCESSES * TIMES);
    const puts = proxy.counts.get('PUT') ?? 0;
    // pace.test.ts has the bound, by a clock that no machine disturbs.
    t.diagnostic(`${puts / (PROCESSES * TIMES)} PUTs an update`);
  });

  test(`${name}: the same through every fault of a network`, async (t) => {
    const server = await startServer(t, name);
    const proxy = await startFaultProxy(t, server.endpoint);
    const random = randomOf(1);
    const seen = new Set<Fault>();
    proxy.choose = ({ method }) => {
      const fault = faults[Math.floor(random() * faults.length * 5)] ?? 'none';
      const fits = method === 'PUT' || fault === 'half' || fault === 'refuse' ? fault : 'none';
      seen.add(fits);
      return fits;
    };
    const all = await race(proxy.endpoint);
    proxy.choose = () => 'none';
    const value = await readJson<Counts>(url, access(server.endpoint));
    check(value, all);
    assert.equal(seen.size, faults.length + 1);
    assert.equal(sumOf(all, 'unknown'), 0, JSON.stringify(all));
    assert.equal(value['sum'], sumOf(all, 'acknowledged'));
  });

  test(`${name}: the same while the store is killed and started again`, async (t) => {
    const server = await startServer(t, name);
    const racing = race(server.endpoint);
    const store = access(server.endpoint);
    for (let kills = 0; kills < 3; kills += 1) {
      await advanced(store);
      await server.kill();
      await server.start();
    }
    const all = await racing;
    const value = await readJson<Counts>(url, store);
    check(value, all);
    assert.equal(sumOf(all, 'unknown'), 0);
  });

  test(`${name}: 50 callers of one process with 20 updates each share at most 25 requests to write`, async (t) => {
    const server = await startServer(t, name);
    const proxy = await startFaultProxy(t, server.endpoint);
    const options = access(proxy.endpoint);
    const caller = async (): Promise<void> => {
      for (let made = 0; made < 20; made += 1) {
        await updateJson<{ sum: number }>(url, ({ sum }) => ({ sum: sum + 1 }), {
          ...options,
          initial: { sum: 0 },
        });
      }
    };
    await Promise.all(Array.from({ length: 50 }, caller));
    assert.deepEqual(await readJson(url, options), { sum: 1000 });
    assert.ok((proxy.counts.get('PUT') ?? 0) <= 25, `${proxy.counts.get('PUT')} PUTs`);
  });
}

test('a writer that is killed at a request leaves the old document or the new one, and the next goes on', async (t) => {
  const server = await startServer(t, 'gofakes3');
  const proxy = await startFaultProxy(t, server.endpoint);
  const store = access(server.endpoint);
  let written = 0;
  // Reads and writes in turn, each before and after the store has done it.
  for (const fault of ['refuse', 'drop'] as const) {
    for (let last = 1; last <= 4; last += 1) {
      const args = [program, proxy.endpoint, url, 'p0', '3'];
      const child = spawn(process.execPath, [...ownArguments(), ...args], { stdio: 'ignore' });
      const ended = once(child, 'exit');
      let requests = 0;
      proxy.choose = () => {
        requests += 1;
        if (requests < last) return 'none';
        child.kill('SIGKILL');
        return fault;
      };
      const [, signal] = (await ended) as [number | null, string | null];
      assert.equal(signal, 'SIGKILL');
      written += Math.floor((fault === 'drop' ? last : last - 1) / 2);
      await proxy.settled();
      const value = await readJson<Counts>(url, { ...store, initial: { sum: 0 } });
      assert.equal(value['sum'], written, `${fault} at request ${last}`);
    }
  }
  await updateJson<Record<string, number>>(url, (value) => void (value['after'] = 1), store);
  assert.equal((await readJson<Counts>(url, store))['sum'], written);
});

function access(endpoint: string): { readonly store: ReturnType<typeof s3Store> } {
  return { store: s3Store({ endpoint, credentials, allowHttp: true, trusted: true }) };
}

async function race(endpoint: string): Promise<readonly Outcomes[]> {
  const run = promisify(execFile);
  const each = Array.from({ length: PROCESSES }, async (_, index) => {
    const args = [...ownArguments(), program, endpoint, url, `p${index}`, String(TIMES)];
    const { stdout } = await run(process.execPath, args);
    return JSON.parse(stdout) as Outcomes;
  });
  return Promise.all(each);
}

function ownArguments(): readonly string[] {
  return process.execArgv.filter((arg) => !arg.startsWith('--test'));
}

/** Until some updates more are there. */
async function advanced(options: ReturnType<typeof access>): Promise<void> {
  const read = async (): Promise<number> =>
    (await readJson<Counts>(url, { ...options, initial: { sum: 0 } }))['sum'] ?? 0;
  for (const begin = await read(); (await read()) < Math.min(begin + 5, PROCESSES * TIMES););
}

function check(value: Counts, all: readonly Outcomes[]): void {
  for (const [index, { acknowledged, unknown }] of all.entries()) {
    const counted = value[`p${index}`] ?? 0;
    assert.ok(
      counted >= acknowledged && counted <= acknowledged + unknown,
      `p${index} has ${counted} of ${acknowledged} acknowledged and ${unknown} unknown`,
    );
  }
}

function sumOf(all: readonly Outcomes[], outcome: keyof Outcomes): number {
  return all.reduce((sum, each) => sum + each[outcome], 0);
}

/** The same numbers each time (Numerical Recipes' linear congruential generator). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Directories on real stores: under readers, through faults, and while either side is killed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { isHoldfastError } from 'holdfast';
import type { ObjectStage } from '#src/directory/fill-stage.js';
import { publishDirectory } from '#src/directory/publish-directory.js';
import { sweepDirectory } from '#src/directory/sweep-directory.js';
import { verifyDirectory } from '#src/directory/verify-directory.js';
import { s3Store } from '#src/store/s3-store.js';
import type { ObjectStore } from '#src/store/object-store.js';
import { faults, startFaultProxy, type Fault } from '../fault-proxy.js';
import { bucket, credentials, serverNames, startServer } from '../servers.js';
import { contentOf, fileNames, labelOf } from './labelled.js';

const url = `s3://${bucket}/site`;
const program = fileURLToPath(new URL('publisher.js', import.meta.url));

function storeAt(endpoint: string, requestTimeoutMs = 30_000): ObjectStore {
  return s3Store({ endpoint, credentials, allowHttp: true, trusted: true, requestTimeoutMs });
}

const filled =
  (label: string) =>
  async (stage: ObjectStage): Promise<void> => {
    for (const name of fileNames)
      await stage.spawn(() => stage.write(name, contentOf(name, label)));
  };

for (const name of serverNames) {
  test(`${name}: readers of a directory that is replaced see one or the other, whole`, async (t) => {
    const { endpoint } = await startServer(t, name);
    const store = storeAt(endpoint);
    await publishDirectory(url, filled('0'), { store });
    const over = new AbortController();
    const read = async (): Promise<readonly string[]> => {
      const seen: string[] = [];
      while (!over.signal.aborted) seen.push(await labelOf(url, store));
      return seen;
    };
    const publish = async (): Promise<void> => {
      try {
        for (const label of ['1', '2', '3', '4'])
          await publishDirectory(url, filled(label), { store, ifExists: 'replace' });
      } finally {
        over.abort();
      }
    };
    const [seen] = await Promise.all([read(), publish()]);
    assert.deepEqual(seen, seen.toSorted());
    assert.equal(await labelOf(url, store), '4');
    const { problems } = await verifyDirectory(url, { store, deep: true });
    assert.deepEqual(problems, []);
    // All that was followed goes, and nothing else.
    const { removed } = await sweepDirectory(url, { store, keepForMs: 0 });
    assert.equal(removed.length, 4);
    assert.deepEqual(await generationsIn(store), [
      (await verifyDirectory(url, { store })).generation,
    ]);
  });

  test(`${name}: a publisher that is killed at a request leaves the old directory or the new one, and the next goes on`, async (t) => {
    const { endpoint } = await startServer(t, name);
    const store = storeAt(endpoint);
    await publishDirectory(url, filled('0'), { store });
    const proxy = await startFaultProxy(t, endpoint);
    const seen = new Set<string>();
    // Each request up to the commit, and of those that sweep each fourth.
    let at = 1;
    for (let last = '0', isWhole = false; !isWhole; at += at < 14 ? 1 : 4) {
      const label = `${at}`;
      isWhole = await publishAndDie(proxy, label, at);
      const now = await labelOf(url, store);
      assert.ok(now === last || now === label, `${now} after ${last} and ${label}`);
      seen.add(now === label ? 'new' : 'old');
      last = now;
      const { problems } = await verifyDirectory(url, { store });
      assert.deepEqual(problems, []);
      await sweepDirectory(url, { store, keepForMs: 0 });
      assert.equal((await generationsIn(store)).length, 1);
    }
    assert.ok(at > 14, `${at} requests`);
    assert.deepEqual(seen, new Set(['old', 'new']));
  });

  test(`${name}: through every fault of a network each publish does what it says`, async (t) => {
    const { endpoint } = await startServer(t, name);
    const proxy = await startFaultProxy(t, endpoint);
    const store = storeAt(proxy.endpoint, 2000);
    const direct = storeAt(endpoint);
    await publishDirectory(url, filled('0'), { store: direct });
    let made = 0;
    const seen = new Set<Fault>();
    proxy.choose = () => {
      made += 1;
      // One in four, of each kind in turn.
      const fault = made % 4 === 0 ? (faults[(made / 4) % faults.length] ?? 'none') : 'none';
      seen.add(fault);
      return fault;
    };
    const outcomes: string[] = [];
    for (let count = 1, last = '0'; count <= 6; count += 1) {
      const label = `${count}`;
      const outcome = await outcomeOf(
        publishDirectory(url, filled(label), { store, ifExists: 'replace', keepForMs: 0 }),
      );
      outcomes.push(outcome);
      const now = await labelOf(url, direct);
      if (outcome !== 'unknown') assert.equal(now, outcome === 'committed' ? label : last);
      last = now;
    }
    assert.equal(seen.size, faults.length + 1);
    assert.ok(outcomes.filter((each) => each === 'committed').length >= 4, outcomes.join(', '));
    proxy.choose = () => 'none';
    const { problems } = await verifyDirectory(url, { store: direct, deep: true });
    assert.deepEqual(problems, []);
  });

  test(`${name}: a directory is published through kills of the store`, async (t) => {
    const server = await startServer(t, name);
    const store = storeAt(server.endpoint);
    await publishDirectory(url, filled('0'), { store });
    let last = '0';
    for (const label of ['1', '2', '3']) {
      const killing = async (stage: ObjectStage): Promise<void> => {
        await stage.write('a.txt', contentOf('a.txt', label));
        const writing = stage.write('long.bin', contentOf('long.bin', label));
        await server.kill();
        await server.start();
        await writing;
        await stage.write('deep/b.txt', contentOf('deep/b.txt', label));
      };
      const options = { store, ifExists: 'replace', keepForMs: 0 } as const;
      const outcome = await outcomeOf(publishDirectory(url, killing, options));
      // A store that forgets its uploads in parts when it dies refuses the rest of one.
      if (outcome !== 'committed') {
        assert.equal(outcome, 'unchanged');
        assert.equal(await labelOf(url, store), last);
        await publishDirectory(url, filled(label), options);
      }
      assert.equal(await labelOf(url, store), label);
      last = label;
    }
    const { problems } = await verifyDirectory(url, { store, deep: true });
    assert.deepEqual(problems, []);
  });
}

/** Kills the publisher when it makes its n-th request; tells whether it had none so late. */
async function publishAndDie(
  proxy: Awaited<ReturnType<typeof startFaultProxy>>,
  label: string,
  at: number,
): Promise<boolean> {
  const args = process.execArgv.filter((arg) => !arg.startsWith('--test'));
  const child = spawn(process.execPath, [...args, program, proxy.endpoint, url, label], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let made = 0;
  proxy.choose = () => {
    made += 1;
    if (made !== at) return 'none';
    child.kill('SIGKILL');
    return 'refuse';
  };
  const [code] = (await once(child, 'exit')) as [number | null];
  proxy.choose = () => 'none';
  return code === 0;
}

async function outcomeOf(publishing: Promise<unknown>): Promise<string> {
  try {
    await publishing;
    return 'committed';
  } catch (error) {
    if (isHoldfastError(error)) return error.outcome;
    throw error;
  }
}

async function generationsIn(store: ObjectStore): Promise<readonly string[]> {
  const listed = await store.list(bucket, 'site/generations/');
  assert.equal(listed.outcome, 'found');
  return [...new Set(listed.objects.map(({ key }) => key.split('/')[2] ?? ''))];
}

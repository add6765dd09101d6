/** Directories made in parts on real stores: side by side, killed at requests, through faults. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { isHoldfastError, mayTryPartAgain } from 'holdfast';
import { verifyDirectory } from '#src/directory/verify-directory.js';
import { beginParts } from '#src/parts/begin-parts.js';
import { joinParts } from '#src/parts/session.js';
import { s3Store } from '#src/store/s3-store.js';
import type { ObjectStore } from '#src/store/object-store.js';
import { faults, startFaultProxy, type Fault } from '../fault-proxy.js';
import { bucket, credentials, serverNames, startServer } from '../servers.js';
import { contentOf, fileNames, labelOf } from '../directory/labelled.js';
import { makeInParts } from './labelled-parts.js';

const program = fileURLToPath(new URL('worker.js', import.meta.url));

function storeAt(endpoint: string, requestTimeoutMs = 30_000): ObjectStore {
  return s3Store({ endpoint, credentials, allowHttp: true, trusted: true, requestTimeoutMs });
}

for (const name of serverNames) {
  test(`${name}: all parts at once, each of them twice, and three commits make one directory`, async (t) => {
    const { endpoint } = await startServer(t, name);
    const store = storeAt(endpoint);
    const url = `s3://${bucket}/site`;
    const begun = await Promise.all(
      [1, 2, 3].map(() => beginParts(url, { store, partCount: fileNames.length, job: 'x' })),
    );
    assert.equal(new Set(begun.map(({ id }) => id)).size, 1);
    // Each as a process of its own would join.
    const join = () => joinParts(url, begun[0]?.id ?? '', { store: storeAt(endpoint) });
    const parts = [...fileNames.entries(), ...fileNames.entries()];
    const written = await Promise.all(
      parts.map(async ([part, file]) =>
        (await join()).writePart(part, (stage) => stage.write(file, contentOf(file, 'x'))),
      ),
    );
    assert.equal(written.filter(({ wasDone }) => !wasDone).length, fileNames.length);
    const answers = await Promise.all([1, 2, 3].map(async () => (await join()).commit()));
    assert.equal(new Set(answers.map((each) => JSON.stringify(each))).size, 1);
    assert.equal(await labelOf(url, store), 'x');
    const { problems } = await verifyDirectory(url, { store, deep: true });
    assert.deepEqual(problems, []);
  });

  test(`${name}: a process that is killed at a request leaves nothing or the directory, and the next goes on`, async (t) => {
    const { endpoint } = await startServer(t, name);
    const store = storeAt(endpoint);
    const proxy = await startFaultProxy(t, endpoint);
    const seen = new Set<string>();
    let at = 2;
    for (let isWhole = false; !isWhole; at += 9) {
      const url = `s3://${bucket}/site-${at}`;
      isWhole = await workAndDie(proxy, url, at);
      const now = await labelIfThere(url, store);
      assert.ok(now === undefined || now === 'x');
      seen.add(now ?? 'nothing');
      await makeInParts(url, 'x', store);
      assert.equal(await labelOf(url, store), 'x');
      const { problems } = await verifyDirectory(url, { store });
      assert.deepEqual(problems, []);
    }
    assert.ok(at > 27, `${at} requests`);
    assert.deepEqual(seen, new Set(['nothing', 'x']));
  });

  test(`${name}: through every fault of a network each call does what it says`, async (t) => {
    const { endpoint } = await startServer(t, name);
    const proxy = await startFaultProxy(t, endpoint);
    const store = storeAt(proxy.endpoint, 2000);
    const direct = storeAt(endpoint);
    let made = 0;
    const seen = new Set<Fault>();
    proxy.choose = () => {
      made += 1;
      // One in four, of each kind in turn.
      const fault = made % 4 === 0 ? (faults[(made / 4) % faults.length] ?? 'none') : 'none';
      seen.add(fault);
      return fault;
    };
    for (let count = 0; seen.size <= faults.length || count < 2; count += 1) {
      const url = `s3://${bucket}/site-${count}`;
      await again(() => makeInParts(url, 'x', store));
      assert.equal(await labelOf(url, direct), 'x');
      const { problems } = await verifyDirectory(url, { store: direct, deep: true });
      assert.deepEqual(problems, []);
    }
  });
}

/** As an engine does it that is told what may go well the next time. */
async function again<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!mayTryPartAgain(error) && !isHoldfastError(error, 'PARTS_MISSING')) throw error;
    }
  }
}

/** Kills the worker when it makes its n-th request; tells whether it had none so late. */
async function workAndDie(
  proxy: Awaited<ReturnType<typeof startFaultProxy>>,
  url: string,
  at: number,
): Promise<boolean> {
  const args = process.execArgv.filter((arg) => !arg.startsWith('--test'));
  const child = spawn(process.execPath, [...args, program, proxy.endpoint, url, 'x'], {
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

async function labelIfThere(url: string, store: ObjectStore): Promise<string | undefined> {
  try {
    return await labelOf(url, store);
  } catch (error) {
    if (isHoldfastError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

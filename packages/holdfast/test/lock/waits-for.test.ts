/**
 * Chains of calls that would wait for themselves by way of others, and what a call that gives up
 * says of those it waited for.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { startScript, temporaryDirectory } from '@holdfast/tools/testing';
import * as holdfast from 'holdfast';
import { acquireLock, isHoldfastError, transaction, updateJson, withLock } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';

/** Another copy of this package, as a bundle or a dependency has it. */
const copy = (await import(
  new URL('./bundled/index.js', import.meta.resolve('holdfast')).href
)) as typeof holdfast;

test('a chain is told apart by every copy of the package in the process', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  assert.notEqual(copy.withLock, withLock);
  for (const [outer, inner] of [
    [holdfast, copy],
    [copy, holdfast],
  ] as const) {
    await outer.withLock(path, async () => {
      const nested = { code: 'LOCK_NESTED' };
      await assert.rejects(inner.acquireLock(path), nested);
      await assert.rejects(
        inner.updateJson(path, () => 1),
        nested,
      );
      await inner.withLock(`${path}.other`, () => undefined);
    });
    await outer.updateJson(path, async (value) => {
      await assert.rejects(inner.acquireLock(path), { code: 'LOCK_NESTED' });
      return value;
    });
    await outer.withLock(
      path,
      () => inner.withLock(path, () => undefined, { mode: 'shared', timeoutMs: 20_000 }),
      { mode: 'shared' },
    );
  }
});

/** Two chains, each of which has one lock before it asks for the other's. */
async function crossed(
  first: (inside: () => Promise<unknown>) => Promise<unknown>,
  second: (inside: () => Promise<unknown>) => Promise<unknown>,
  askFirst: () => Promise<unknown>,
  askSecond: () => Promise<unknown>,
): Promise<unknown[]> {
  let arrived = 0;
  let open = (): void => undefined;
  const both = new Promise<void>((resolve) => (open = resolve));
  const meet = async (): Promise<void> => {
    arrived += 1;
    if (arrived === 2) open();
    await both;
  };
  const results = await Promise.allSettled([
    first(async () => {
      await meet();
      await askFirst();
    }),
    second(async () => {
      await meet();
      await askSecond();
    }),
  ]);
  return results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
}

const others = { ...nodeFileSystem };

test('of two chains that wait for each other one is refused, and the other goes on', async (t) => {
  const directory = temporaryDirectory(t);
  const [a, b] = [`${directory}/a.json`, `${directory}/b.json`];
  const lockThat = (path: string) => (inside: () => Promise<unknown>) => withLock(path, inside);
  const updateThat = (path: string) => (inside: () => Promise<unknown>) =>
    updateJson(path, async () => void (await inside()));
  const ways = {
    'withLock, withLock': [
      lockThat(a),
      lockThat(b),
      () => withLock(b, () => undefined),
      () => acquireLock(a).then((lock) => lock.release()),
    ],
    'updateJson, updateJson': [
      updateThat(a),
      updateThat(b),
      () => updateJson(b, () => undefined),
      () => updateJson(a, () => undefined),
    ],
    'withLock, transaction': [
      lockThat(b),
      lockThat(a),
      () => transaction(directory, (tx) => tx.replaceFile('a.json', '{}')),
      () => updateJson(b, () => undefined),
    ],
    'two copies': [
      lockThat(a),
      (inside: () => Promise<unknown>) => copy.withLock(b, inside),
      () => withLock(b, () => undefined),
      () => copy.withLock(a, () => undefined),
    ],
    'two filesystems': [
      lockThat(a),
      (inside: () => Promise<unknown>) => withLock(b, inside, { fs: others }),
      () => withLock(b, () => undefined),
      () => withLock(a, () => undefined, { fs: others }),
    ],
  } as const;
  for (const [name, way] of Object.entries(ways)) {
    const refused = await crossed(...(way as Parameters<typeof crossed>));
    assert.equal(refused.length, 1, `${name}: ${refused.join('; ')}`);
    assert.ok(isHoldfastError(refused[0], 'LOCK_NESTED'), `${name}: ${String(refused[0])}`);
    assert.match(refused[0].message, /same order/);
  }
});

test('a chain that waits for one that goes on is not refused, however long', async (t) => {
  const directory = temporaryDirectory(t);
  const [a, b] = [`${directory}/a`, `${directory}/b`];
  const holder = await acquireLock(b);
  const looks: (() => void)[] = [];
  const setLater = t.mock.method(globalThis, 'setInterval', (look: () => void) => {
    looks.push(look);
  });
  const waiting = withLock(a, () => withLock(b, () => undefined));
  const beside = withLock(`${a}.other`, () => withLock(a, () => undefined));
  while (looks.length < 2) await new Promise(setImmediate);
  setLater.mock.restore();
  for (const look of [...looks, ...looks]) look();
  await holder.release();
  await Promise.all([waiting, beside]);
});

test(
  'those who sleep in flock(2) are counted too, also behind others who do',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    const lock = await acquireLock(path);
    for (let count = 0; count < 3; count += 1) {
      const child = spawn('flock', [lock.lockPath, 'true'], { stdio: 'ignore' });
      t.after(() => child.kill('SIGKILL'));
    }
    const refused = (): Promise<string> =>
      acquireLock(path, { timeoutMs: 0, fs: others }).then(
        () => 'taken',
        (error: Error) => error.message,
      );
    while (!/3 wait for it/u.test(await refused())) await new Promise(setImmediate);
    await lock.release();
  },
);

const holdAndAsk = `
  import { acquireLock, withLock } from 'holdfast';
  const [held, wanted] = process.argv.slice(1);
  await withLock(held, async () => {
    console.log('held');
    if (wanted) await withLock(wanted, () => undefined);
    else await new Promise((resolve) => process.stdin.resume().on('end', resolve));
  });`;

test(
  'a call that gives up says for how long, who has the lock and how many wait',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    const holder = startScript(t, holdAndAsk, [path]);
    assert.equal(await holder.nextLine(), 'held');
    const messageOf = (options: holdfast.LockOptions): Promise<string> =>
      acquireLock(path, options).then(
        () => 'taken',
        (error: Error) => error.message,
      );
    const named = new RegExp(`process ${holder.child.pid} \\(node`, 'u');
    assert.match(await messageOf({ timeoutMs: 0 }), named);
    assert.match(await messageOf({ timeoutMs: 30 }), /for 30 ms/u);
    const waiting = acquireLock(path, { fs: { ...nodeFileSystem } });
    const looking = await nodeFileSystem.open(`${path}.lock`, { access: 'read' });
    while (looking.tickets?.lowestOfOthers() === undefined) await new Promise(setImmediate);
    await looking.close();
    assert.match(await messageOf({ timeoutMs: 50 }), /2 wait for it/u);
    await holder.kill();
    const own = await waiting;
    assert.match(await messageOf({ timeoutMs: 0 }), /held by this process/u);
    await own.release();
  },
);

test(
  'a call that gives up says when the holder waits for what its own chain holds',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const directory = temporaryDirectory(t);
    const [a, b] = [`${directory}/a`, `${directory}/b`];
    await withLock(a, async () => {
      const other = startScript(t, holdAndAsk, [b, a]);
      assert.equal(await other.nextLine(), 'held');
      const message = new RegExp(`Process ${other.child.pid} waits for ${a}.lock`, 'u');
      for (;;) {
        const error: unknown = await acquireLock(b, { timeoutMs: 50 }).catch((thrown) => thrown);
        assert.ok(isHoldfastError(error, 'LOCK_TIMEOUT'));
        if (message.test(error.message)) break;
      }
    });
  },
);

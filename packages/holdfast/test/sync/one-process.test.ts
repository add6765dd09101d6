/**
 * Synchronous calls in a process that makes asynchronous ones too: what would never end is refused.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { interceptFs } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { acquireLock, publishDirectory, transaction, updateJson, withLock } from 'holdfast';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import {
  acquireLockSync,
  appendRecordsSync,
  publishDirectorySync,
  readJsonSync,
  replaceFileSync,
  synchronousFileSystem,
  transactionSync,
  updateJsonSync,
  withLockSync,
  type SynchronousFs,
} from 'holdfast/sync';

const nested = { code: 'LOCK_NESTED', outcome: 'unchanged' };

test('a lock that an asynchronous call holds is not waited for, in any of its forms', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const lock = await acquireLock(path);
  const own = { ...nested, message: /This process holds the lock already/ };
  assert.throws(() => updateJsonSync(path, () => ({})), own);
  assert.throws(() => appendRecordsSync(path, [{}], { format: 'jsonl' }), own);
  assert.throws(() => acquireLockSync(path, { timeoutMs: 60_000 }), own);
  assert.throws(() => acquireLockSync(path, { mode: 'shared' }), own);
  assert.throws(() => acquireLockSync(path, { timeoutMs: 0 }), { code: 'LOCK_TIMEOUT' });
  await lock.release();
  assert.deepEqual(
    updateJsonSync(path, () => ({ a: 1 })),
    { a: 1 },
  );
});

test('readers of one process share a lock, whichever form they have', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const lock = await acquireLock(path, { mode: 'shared' });
  const other = acquireLockSync(path, { mode: 'shared' });
  await lock.release();
  await assert.rejects(acquireLock(path, { timeoutMs: 0 }), { code: 'LOCK_TIMEOUT' });
  other.release();
  await (await acquireLock(path, { timeoutMs: 0 })).release();
});

test('at every instant of an asynchronous update a synchronous one is made or refused', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const count = (value: Record<string, unknown>): void => {
    value['n'] = Number(value['n'] ?? 0) + 1;
  };
  let made = 0;
  let refused = 0;
  const update = (): void => {
    try {
      updateJsonSync(path, count);
      made += 1;
    } catch (error) {
      assert.equal((error as { readonly code?: unknown }).code, 'LOCK_NESTED');
      refused += 1;
    }
  };
  let rest = 20;
  for (let turns = 0; rest > 0; turns += 1) {
    const state = { isOver: false };
    const ended = updateJson(path, count).then(() => (state.isOver = true));
    for (let turn = 0; !state.isOver; turn += 1) {
      if (turn >= turns) update();
      await (turn % 2 === 0 ? Promise.resolve() : setImmediate());
    }
    await ended;
    made += 1;
    rest -= 1;
  }
  assert.ok(refused > 0 && made > 20, `${made} made, ${refused} refused`);
  assert.deepEqual(readJsonSync(path), { n: made });
});

test('chains of calls are told from each other across both forms', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  await withLock(path, () => {
    assert.throws(() => updateJsonSync(path, () => ({})), {
      ...nested,
      message: /This chain of calls/,
    });
  });
  let inside: Promise<unknown> | undefined;
  const lock = acquireLockSync(path);
  assert.throws(() => acquireLockSync(path), nested);
  lock.release();
  withLockSync(path, (held) => {
    assert.throws(() => withLockSync(path, () => 0), nested);
    held.assertHeld();
    inside = updateJson(path, () => ({ a: 1 }));
  });
  // By its turn the lock is free.
  assert.deepEqual(await inside, { a: 1 });
});

test('an asynchronous call waits for a lock that a synchronous one has taken', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const lock = acquireLockSync(path);
  const waiting = updateJson(path, () => ({ a: 1 }));
  await setImmediate();
  lock.release();
  assert.deepEqual(await waiting, { a: 1 });
});

test('functions, schemas and data that are asynchronous are refused', (t) => {
  const at = temporaryDirectory(t);
  const path = `${at}/a.json`;
  const refused = { code: 'INVALID_ARGUMENT', outcome: 'unchanged' };
  writeFileSync(path, '{"a":1}');
  const failing = async (): Promise<never> => {
    throw new Error('heard by nobody');
  };
  assert.throws(() => updateJsonSync(path, failing as never), refused);
  assert.throws(() => withLockSync(path, failing), refused);
  const schema = { '~standard': { version: 1, vendor: 'test', validate: failing } } as const;
  assert.throws(() => readJsonSync(path, { schema }), refused);
  assert.throws(() => updateJsonSync(path, () => ({}), { schema }), refused);
  const stream = (async function* bytes(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('x');
  })();
  assert.throws(() => replaceFileSync(path, stream as never), refused);
  assert.deepEqual(readJsonSync(path), { a: 1 });
  assert.deepEqual(readdirSync(at).toSorted(), ['a.json', 'a.json.lock']);
  // The lock is free again after each of them.
  acquireLockSync(path, { timeoutMs: 0 }).release();
});

test('a call works on the filesystem that it is given', (t) => {
  const at = temporaryDirectory(t);
  const renames: string[] = [];
  const fs: SynchronousFs = {
    ...synchronousFileSystem,
    rename(from, to) {
      renames.push(to);
      synchronousFileSystem.rename(from, to);
    },
  };
  replaceFileSync(`${at}/a`, 'x', { fs });
  assert.equal(renames.length, 1);
});

test('where other machines may change names, the lock file is looked up anew when it is locked', (t) => {
  const at = temporaryDirectory(t);
  writeFileSync(`${at}/before`, '');
  // Someone here looked while the lock was waited for, and what was seen is remembered until the
  // directory is opened.
  let remembers = false;
  const fs: SynchronousFs = {
    ...synchronousFileSystem,
    open(path, flags, mode) {
      remembers ||= path.endsWith('a.lock');
      return synchronousFileSystem.open(path, flags, mode);
    },
    lstat: (path) =>
      synchronousFileSystem.lstat(remembers && path === `${at}/a.lock` ? `${at}/before` : path),
    openDirectory(path, options) {
      remembers &&= path !== at;
      return synchronousFileSystem.openDirectory(path, options);
    },
    statFilesystem: (path) => ({ ...synchronousFileSystem.statFilesystem(path), type: NFS }),
  };
  acquireLockSync(`${at}/a`, { fs, lockPath: `${at}/a.lock` }).release();
});

/** <linux/magic.h> */
const NFS = 0x6969;

/** As a filesystem without it answers (renameat2(2)). */
const noExchange = (): never => {
  throw Object.assign(new Error('no exchange'), { code: 'EINVAL' });
};
const withoutExchange: Fs = {
  ...nodeFileSystem,
  hasExchange: false,
  exchange: async () => noExchange(),
};

const calls = {
  publish: (fs: Fs, at: string) =>
    publishDirectory(`${at}/out`, (stage) => stage.write('a', 'async'), {
      fs,
      ifExists: 'replace',
    }),
  'publish by two renames': (fs: Fs, at: string) =>
    publishDirectory(`${at}/out`, (stage) => stage.write('a', 'async'), {
      fs,
      ifExists: 'replace',
    }),
  transaction: (fs: Fs, at: string) =>
    transaction(
      at,
      (tx) =>
        tx.publishDirectory('out', (stage) => stage.write('a', 'async'), { ifExists: 'replace' }),
      { fs },
    ),
};

for (const [name, call] of Object.entries(calls)) {
  // Where it were waited for, the call would give up after ten seconds, with another error.
  test(`at every step of an asynchronous ${name} a synchronous publish is made or refused`, async (t) => {
    // Minutes under Wine; how Windows replaces a tree is the second of these.
    if (process.platform === 'win32') return;
    const at = temporaryDirectory(t);
    const isByRenames = name === 'publish by two renames';
    const below = isByRenames ? withoutExchange : nodeFileSystem;
    const fs = isByRenames
      ? { ...synchronousFileSystem, hasExchange: false, exchange: noExchange }
      : synchronousFileSystem;
    let refused = 0;
    const publish = (): void => {
      try {
        publishDirectorySync(`${at}/out`, (stage) => stage.write('a', 'sync'), {
          fs,
          ifExists: 'replace',
        });
      } catch (error) {
        assert.equal((error as { readonly code?: unknown }).code, 'LOCK_NESTED');
        refused += 1;
      }
    };
    publish();
    for (let step = 0, made = Infinity; step < made; step += 1) {
      made = 0;
      const before = (): undefined => {
        if (made === step) publish();
        made += 1;
      };
      await call(interceptFs(below, { before }), at).catch((error: unknown) =>
        assert.equal((error as { readonly code?: unknown }).code, 'TARGET_CHANGED'),
      );
      assert.match(readFileSync(`${at}/out/a`, 'utf8'), /^a?sync$/);
    }
    assert.ok(refused > 0);
    const staged = readdirSync(at).filter((entry) => entry.includes('.staging-'));
    assert.deepEqual(staged, []);
  });
}

test('a transaction does not wait for what this process holds', async (t) => {
  const at = temporaryDirectory(t);
  const lock = await acquireLock(`${at}/a`);
  const change = (): void => transactionSync(at, (tx) => tx.replaceFile('a', 'new'));
  assert.throws(change, nested);
  await lock.release();
  change();
  assert.equal(readFileSync(`${at}/a`, 'utf8'), 'new');
});

test('nothing asynchronous is waited for while a directory is filled or paths are named', (t) => {
  const at = temporaryDirectory(t);
  const refused = { code: 'INVALID_ARGUMENT', outcome: 'unchanged', message: /a promise/ };
  const out = `${at}/out`;
  const made = [
    () => publishDirectorySync(out, async () => undefined),
    () => publishDirectorySync(out, (stage) => stage.spawn(async () => undefined)),
    () => transactionSync(at, async () => undefined),
    () => transactionSync(at, (tx) => tx.updateJson('j.json', async () => undefined)),
    () => transactionSync(at, (tx) => tx.updateFile('f', (async () => 'x') as never)),
    () => transactionSync(at, (tx) => tx.publishDirectory('out', async () => undefined)),
  ];
  for (const call of made) assert.throws(call, refused);
  assert.deepEqual(
    readdirSync(at).filter((entry) => !entry.endsWith('.lock')),
    [],
  );
});

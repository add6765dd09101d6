/**
 * Synchronous calls of several processes: they wait for each other in the kernel, and lose nothing.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { startScript, temporaryDirectory } from '@holdfast/tools/testing';
import { readJson, updateJson } from 'holdfast';
import type { LockTickets } from 'holdfast/os';
import {
  acquireLockSync,
  synchronousFileSystem as fs,
  updateJsonSync,
  type SynchronousFs,
} from 'holdfast/sync';

type SynchronousFile = ReturnType<SynchronousFs['open']>;

/** Nobody waits for so long. */
const LONG_MS = 600_000;

const onLinux = { skip: process.platform === 'linux' ? false : 'looks into /proc' };

test('a call waits until another process frees the lock', onLinux, async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  // The holder goes on when this process, which can do nothing else meanwhile, has opened the lock
  // file.
  const holder = startScript(
    t,
    `import { readlinkSync, readdirSync, writeFileSync } from 'node:fs';
     import { setImmediate } from 'node:timers/promises';
     import { acquireLock } from 'holdfast';
     const [, path, pid] = process.argv;
     const lock = await acquireLock(path);
     console.log('held');
     const isLockFile = (fd) => {
       try { return readlinkSync(\`/proc/\${pid}/fd/\${fd}\`) === lock.lockPath } catch { return false }
     };
     while (!readdirSync(\`/proc/\${pid}/fd\`).some(isLockFile)) await setImmediate();
     writeFileSync(path, '{"other":1}');
     await lock.release();`,
    [path, String(process.pid)],
  );
  assert.equal(await holder.nextLine(), 'held');
  const made = updateJsonSync<Record<string, unknown>>(path, (value) => {
    value['own'] = 1;
  });
  assert.deepEqual(made, { other: 1, own: 1 });
});

test(
  'who sleeps with a ticket is woken by it, also when that was before it slept',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    const open = (): SynchronousFile => fs.open(path, { access: 'readWrite', create: 'ifMissing' });
    const [sleeper, waker] = [open(), open()];
    sleeper.tickets?.draw(1n, () => assert.fail('nobody is called back'));
    const sleep = sleeper.tickets?.sleepOf?.(1n);
    assert.ok(sleep);
    assert.equal(sleeper.tickets?.sleepOf?.(2n), undefined);
    waker.tickets?.wake(1n);
    await sleep(LONG_MS);
    // Not twice by one call.
    await sleep(1);
    waker.tickets?.wake(1n);
    await sleep(LONG_MS);
    sleeper.tickets?.drop(1n);
    assert.equal(sleeper.tickets?.sleepOf?.(1n), undefined);
    sleeper.close();
    waker.close();
  },
);

test('a call that waits sleeps until it is woken', (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  const holder = fs.open(`${path}.lock`, { access: 'readWrite', create: 'ifMissing' });
  assert.equal(holder.tryLock('exclusive'), true);
  const drawn: bigint[] = [];
  const sleepers: bigint[] = [];
  const tickets: LockTickets = {
    draw: (ticket) => void drawn.push(ticket),
    drop: () => undefined,
    lowestOfOthers: () => undefined,
    countBelow: () => 0,
    wake: () => undefined,
    sleepOf: (ticket) => {
      sleepers.push(ticket);
      return async () => holder.close();
    },
  };
  const withTickets: SynchronousFs = {
    ...fs,
    open: (...args) => Object.defineProperty(fs.open(...args), 'tickets', { value: tickets }),
  };
  acquireLockSync(path, { timeoutMs: LONG_MS, fs: withTickets }).release();
  assert.equal(sleepers.length, 1);
  assert.deepEqual(sleepers, drawn);
});

test('a wait ends with its time, and says who has the lock', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const holder = startScript(
    t,
    `import { acquireLockSync } from 'holdfast/sync';
     acquireLockSync(process.argv[1]);
     console.log('held');
     setInterval(() => {}, 1000);`,
    [path],
  );
  assert.equal(await holder.nextLine(), 'held');
  for (const timeoutMs of [0, 30])
    assert.throws(() => acquireLockSync(path, { timeoutMs }), {
      code: 'LOCK_TIMEOUT',
      outcome: 'unchanged',
    });
  await holder.kill();
  acquireLockSync(path, { timeoutMs: 0 }).release();
});

test(
  'what is started under a lock and waited for is not to wait for that lock',
  onLinux,
  async (t) => {
    const path = `${temporaryDirectory(t)}/a.json`;
    const starter = startScript(
      t,
      `import { lockEnvironment, withLock } from 'holdfast';
     await withLock(process.argv[1], async () => {
       console.log(JSON.stringify(await lockEnvironment()));
       await new Promise(() => setInterval(() => {}, 1000));
     });`,
      [path],
    );
    const given = JSON.parse((await starter.nextLine()) ?? '') as Record<string, string>;
    t.after(() => Object.keys(given).forEach((name) => delete process.env[name]));
    Object.assign(process.env, given);
    for (const timeoutMs of [0, LONG_MS])
      assert.throws(() => acquireLockSync(path, { timeoutMs }), {
        code: 'LOCK_NESTED',
        outcome: 'unchanged',
      });
  },
);

test('processes of both forms that count side by side lose nothing', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const count = 40;
  const adding = (call: string): string =>
    `import { updateJson } from 'holdfast';
     import { updateJsonSync } from 'holdfast/sync';
     for (let n = 0; n < ${count}; n += 1)
       await ${call}(process.argv[1], (value) => { value.n = (value.n ?? 0) + 1 });
     console.log('done');`;
  const others = ['updateJsonSync', 'updateJsonSync', 'updateJson'].map((call) =>
    startScript(t, adding(call), [path]),
  );
  const add = (value: Record<string, unknown>): void => {
    value['n'] = Number(value['n'] ?? 0) + 1;
  };
  for (let n = 0; n < count; n += 1) await updateJson(path, add);
  for (const other of others) assert.equal(await other.nextLine(), 'done');
  assert.deepEqual(await readJson(path), { n: 4 * count });
});

test('a handler of the end of the process can write', async (t) => {
  const at = temporaryDirectory(t);
  const script = startScript(
    t,
    `import { appendRecordsSync, replaceFileSync, updateJsonSync } from 'holdfast/sync';
     const [, at] = process.argv;
     process.on('exit', (status) => {
       updateJsonSync(at + '/a.json', () => ({ status }));
       replaceFileSync(at + '/b', 'ended');
       appendRecordsSync(at + '/c.jsonl', [{ status }]);
       console.log('written');
     });
     process.exit(3);`,
    [at],
  );
  assert.equal(await script.nextLine(), 'written');
  assert.equal(readFileSync(`${at}/a.json`, 'utf8'), '{\n  "status": 3\n}\n');
  assert.equal(readFileSync(`${at}/b`, 'utf8'), 'ended');
  assert.equal(readFileSync(`${at}/c.jsonl`, 'utf8'), '{"status":3}\n');
  const names = ['a.json', 'a.json.lock', 'b', 'c.jsonl', 'c.jsonl.lock'];
  assert.deepEqual(readdirSync(at).toSorted(), names);
});

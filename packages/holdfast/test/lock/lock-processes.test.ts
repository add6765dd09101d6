import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startScript, temporaryDirectory } from '@holdfast/tools/testing';
import { acquireLock } from 'holdfast';

const takeIt = `
  import { acquireLock } from 'holdfast';
  await acquireLock(process.argv[1]);
  console.log('held');
`;

test('a holder that is killed frees its lock at once', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const holder = startScript(t, `${takeIt} setInterval(() => {}, 1000);`, [path]);
  assert.equal(await holder.nextLine(), 'held');
  await assert.rejects(acquireLock(path, { timeoutMs: 0 }), { code: 'LOCK_TIMEOUT' });
  await holder.kill();
  await (await acquireLock(path, { timeoutMs: 0 })).release();
});

test('a holder whose event loop is blocked keeps its lock, and needs no heartbeat for it', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const block = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);';
  const holder = startScript(t, `${takeIt} ${block}`, [path]);
  assert.equal(await holder.nextLine(), 'held');
  await assert.rejects(acquireLock(path, { timeoutMs: 700 }), { code: 'LOCK_TIMEOUT' });
  await holder.kill();
});

test('one that waits for another process is served when that one ends, however long that takes', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const lock = await acquireLock(path);
  const waiter = startScript(t, `console.log('asks'); ${takeIt}`, [path]);
  assert.equal(await waiter.nextLine(), 'asks');
  await sleep(300);
  assert.equal(waiter.child.exitCode, null, 'the wait must keep its process alive');
  await lock.release();
  assert.equal(await waiter.nextLine(), 'held');
  if (waiter.child.exitCode === null) await once(waiter.child, 'exit');
  assert.equal(waiter.child.exitCode, 0);
});

test('a waiter looks for its turn at most 60 times a second', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const lock = await acquireLock(path);
  const waiter = startScript(
    t,
    `import { createHook } from 'node:async_hooks';
     import { setTimeout as sleep } from 'node:timers/promises';
     import { acquireLock } from 'holdfast';
     const waiting = acquireLock(process.argv[1]).catch(() => undefined);
     await sleep(500);
     const began = performance.now();
     let count = 0;
     // A busy machine makes every timer late: it can only lower the number.
     createHook({ init: (id, type) => void (type !== 'PROMISE' && (count += 1)) }).enable();
     await sleep(2000);
     console.log(count * 1000 / (performance.now() - began));
     process.exit();`,
    [path],
  );
  const aSecond = Number(await waiter.nextLine());
  await lock.release();
  assert.ok(aSecond <= 60, `${aSecond} timers and calls a second`);
});

test('a waiter whose process is stopped does not keep others from a free lock', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const lock = await acquireLock(path);
  const stopped = startScript(t, `console.log('asks'); ${takeIt}`, [path]);
  await stopped.nextLine();
  await sleep(100);
  stopped.child.kill('SIGSTOP');
  await lock.release();
  for (let count = 0; count < 3; count += 1) {
    const own = await acquireLock(path, { timeoutMs: 5000 });
    await sleep(15);
    await own.release();
  }
  stopped.child.kill('SIGCONT');
  assert.equal(await stopped.nextLine(), 'held');
});

test('importing loads no native code; where there is none, the first use is a typed error', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const script = `
    import Module from 'node:module';
    const resolve = Module._resolveFilename;
    let asked = 0;
    Module._resolveFilename = function (name, ...rest) {
      if (!name.startsWith('koffi')) return resolve.call(this, name, ...rest);
      asked += 1;
      throw new Error('no binary');
    };
    const { acquireLock, replaceFile } = await import('holdfast');
    console.log(asked);
    for (const use of [acquireLock(process.argv[1]), replaceFile(process.argv[1], '')]) {
      await use.catch((error) => console.log(error.code, error.outcome, error.cause.message));
    }
    Object.defineProperty(process, 'platform', { value: 'sunos' });
    await acquireLock(process.argv[1]).catch((error) => console.log(error.code));`;
  const user = startScript(t, script, [path]);
  assert.equal(await user.nextLine(), '0');
  assert.equal(await user.nextLine(), 'UNSUPPORTED_PLATFORM unchanged no binary');
  assert.equal(await user.nextLine(), 'UNSUPPORTED_PLATFORM unchanged no binary');
  assert.equal(await user.nextLine(), 'UNSUPPORTED_PLATFORM');
});

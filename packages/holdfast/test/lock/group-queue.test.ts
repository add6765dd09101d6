import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  acquireLock,
  appendRecords,
  isHoldfastError,
  readJson,
  replaceFile,
  updateJson,
  withLock,
  type ErrorCode,
} from 'holdfast';

const code = (name: ErrorCode) => (error: unknown) => isHoldfastError(error, name);

interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The calls that wait for the lock of a path, each with what it is to be given. */
const waitingCalls: Readonly<
  Record<string, (path: string, options: CallOptions) => Promise<unknown>>
> = {
  updateJson: (path, options) => updateJson(path, (value) => value, options),
  appendRecords: (path, options) => appendRecords(path, [{ n: 1 }], options),
  withLock: (path, options) => withLock(path, () => undefined, options),
  acquireLock: async (path, options) => (await acquireLock(path, options)).release(),
};

for (const [name, call] of Object.entries(waitingCalls)) {
  test(`${name} waits without end when its time is infinite or longer than a timer takes`, async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    const lock = await acquireLock(path);
    const patient = [Infinity, 0x80000000, 2 ** 40].map((timeoutMs) => call(path, { timeoutMs }));
    const ended = Promise.allSettled(patient);
    // Made later, with a time that is longer than that of a timer which overflows (1 ms).
    await assert.rejects(call(path, { timeoutMs: 25 }), code('LOCK_TIMEOUT'));
    await lock.release();
    assert.deepEqual(
      (await ended).map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'fulfilled'],
    );
  });

  test(`${name} with a signal that has fired already leaves no timer behind`, (t) => {
    const script = `
      import { ${name} } from 'holdfast';
      const call = ${call.toString()};
      await call(process.argv[1], { timeoutMs: 1e8, signal: AbortSignal.abort() })
        .catch((error) => console.log(error.code));
      console.log(process.getActiveResourcesInfo().includes('Timeout'));`;
    assert.equal(runScript(script, `${temporaryDirectory(t)}/a`), 'ABORTED\nfalse\n');
  });

  test(`${name} of one that tries once takes a lock that is free, and no other`, async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    await call(path, { timeoutMs: 0 });
    const lock = await acquireLock(path);
    const patient = call(path, {});
    await assert.rejects(call(path, { timeoutMs: 0 }), code('LOCK_TIMEOUT'));
    await lock.release();
    await patient;
    await call(path, { timeoutMs: 0 });
  });
}

test('one that tries once is refused alone: who waits beside it goes on waiting', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  const lock = await acquireLock(path);
  const once = updateJson(path, () => ({ once: 1 }), { timeoutMs: 0 });
  const patient = updateJson(path, () => ({ patient: 1 }));
  await assert.rejects(once, code('LOCK_TIMEOUT'));
  await lock.release();
  assert.deepEqual(await patient, { patient: 1 });
});

test('the time to wait for the lock is over when the updater runs', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  const value = await updateJson<{ waited?: boolean }>(
    path,
    async (given) => {
      // Another call whose time is as long, and ends: so the time of this one is over too.
      const other = { timeoutMs: 25 };
      const late = withLock(`${path}.other`, () => updateJson(path, () => ({}), other));
      await assert.rejects(late, code('LOCK_NESTED'));
      const holder = await acquireLock(`${path}.third`);
      await assert.rejects(acquireLock(`${path}.third`, { timeoutMs: 25 }), code('LOCK_TIMEOUT'));
      await holder.release();
      given.waited = true;
    },
    { timeoutMs: 20 },
  );
  assert.deepEqual(value, { waited: true });
  assert.deepEqual(await readJson(path), { waited: true });
});

test('a signal that many calls share has one listener, and none when they have settled', async (t) => {
  const directory = temporaryDirectory(t);
  const { signal } = new AbortController();
  const calls = {
    ...waitingCalls,
    replaceFile: (path: string, options: CallOptions) =>
      replaceFile(path, stream(), { signal: options.signal }),
  };
  const most = { count: 0 };
  async function* stream(): AsyncGenerator<Uint8Array> {
    most.count = Math.max(most.count, getEventListeners(signal, 'abort').length);
    yield Buffer.from('x');
  }
  for (const [name, call] of Object.entries(calls)) {
    const path = `${directory}/${name}`;
    const lock = name === 'replaceFile' ? undefined : await acquireLock(path);
    const pending = Array.from({ length: 50 }, (_, i) =>
      call(name === 'replaceFile' ? `${path}${i}` : path, { signal }),
    );
    most.count = Math.max(most.count, getEventListeners(signal, 'abort').length);
    await lock?.release();
    await Promise.all(pending);
    assert.equal(getEventListeners(signal, 'abort').length, 0, name);
  }
  assert.equal(most.count, 1);
});

test('a signal that many calls share ends all of them', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  const lock = await acquireLock(path);
  const controller = new AbortController();
  const { signal } = controller;
  const pending = Object.values(waitingCalls).flatMap((call) => [
    call(path, { signal }),
    call(path, { signal }),
  ]);
  const ended = Promise.allSettled(pending);
  controller.abort();
  for (const result of await ended) assert.ok('reason' in result && code('ABORTED')(result.reason));
  await lock.release();
});

function runScript(script: string, path: string): string {
  const args = ['--input-type=module', '--eval', script, path];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  return stdout;
}

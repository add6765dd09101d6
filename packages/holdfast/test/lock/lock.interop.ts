/** Locks shared with other programs: flock(1) and Python's fcntl.flock, in both directions. */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { acquireLock, withLock } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';

const python = `
import fcntl, sys
file = open(sys.argv[1], 'a')
try:
    fcntl.flock(file, getattr(fcntl, sys.argv[2]) | (fcntl.LOCK_NB if sys.argv[3] == 'try' else 0))
except BlockingIOError:
    sys.exit(1)
print('held', flush=True)
if sys.argv[3] == 'hold': sys.stdin.read()
`;

interface OtherProgram {
  /** Its exit status of one try: 0 when it got the lock, 1 when not. */
  tryOnce(lockPath: string, mode: 'exclusive' | 'shared'): number | null;
  /** Holds the lock until its input ends; prints a line when it has it. */
  hold(lockPath: string, mode: 'exclusive' | 'shared'): ChildProcess;
}

const programs: Readonly<Record<string, OtherProgram>> = {
  'flock(1)': {
    tryOnce: (lockPath, mode) => spawnSync('flock', [`--${mode}`, '-n', lockPath, 'true']).status,
    hold: (lockPath, mode) => spawn('flock', [`--${mode}`, lockPath, 'sh', '-c', 'echo held; cat']),
  },
  'fcntl.flock of Python': {
    tryOnce: (lockPath, mode) =>
      spawnSync('python3', ['-c', python, lockPath, pythonMode[mode], 'try']).status,
    hold: (lockPath, mode) => spawn('python3', ['-c', python, lockPath, pythonMode[mode], 'hold']),
  },
};
const pythonMode = { exclusive: 'LOCK_EX', shared: 'LOCK_SH' } as const;

async function startHolding(
  t: TestContext,
  program: OtherProgram,
  lockPath: string,
  mode: 'exclusive' | 'shared',
): Promise<ChildProcess> {
  const child = program.hold(lockPath, mode);
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

for (const [name, program] of Object.entries(programs)) {
  test(`${name} is excluded by a lock of ours, and let in after it`, async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    const lockPath = `${path}.lock`;
    await withLock(path, () => {
      assert.equal(program.tryOnce(lockPath, 'exclusive'), 1);
      assert.equal(program.tryOnce(lockPath, 'shared'), 1);
    });
    const read = (): void => {
      assert.equal(program.tryOnce(lockPath, 'exclusive'), 1);
      assert.equal(program.tryOnce(lockPath, 'shared'), 0);
    };
    await withLock(path, read, { mode: 'shared' });
    assert.equal(program.tryOnce(lockPath, 'exclusive'), 0);
  });

  test(`${name} excludes us, and we get the lock when it ends, also by SIGKILL`, async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    for (const end of ['input', 'kill'] as const) {
      const child = await startHolding(t, program, `${path}.lock`, 'exclusive');
      await assert.rejects(acquireLock(path, { timeoutMs: 30 }), { code: 'LOCK_TIMEOUT' });
      await assert.rejects(acquireLock(path, { timeoutMs: 0, mode: 'shared' }), {
        code: 'LOCK_TIMEOUT',
      });
      const waiting = acquireLock(path, { timeoutMs: 20_000 });
      await sleep(20);
      // flock(1) shares its descriptor with the command it runs, so that one's end counts.
      if (end === 'input' || name === 'flock(1)') child.stdin?.end();
      else child.kill('SIGKILL');
      await (await waiting).release();
    }
  });

  test(`${name} and we read side by side`, async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    await startHolding(t, program, `${path}.lock`, 'shared');
    await (await acquireLock(path, { mode: 'shared', timeoutMs: 0 })).release();
    await assert.rejects(acquireLock(path, { timeoutMs: 0 }), { code: 'LOCK_TIMEOUT' });
  });

  test(`${name} comes to its turn while a process of ours takes the lock again and again`, async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    const lock = await acquireLock(path);
    const child = program.hold(`${path}.lock`, 'exclusive');
    t.after(() => child.kill('SIGKILL'));
    const held = new AbortController();
    child.stdout?.once('data', () => {
      held.abort();
      child.stdin?.end();
    });
    await sleep(200);
    await lock.release();
    const began = performance.now();
    while (!held.signal.aborted && performance.now() - began < 10_000) {
      await withLock(path, () => sleep(1));
    }
    assert.ok(held.signal.aborted, 'it starved for ten seconds');
  });
}

const lockf = `
import fcntl, os, sys
file = os.open(sys.argv[1], os.O_RDWR)
try:
    if sys.argv[2] == 'OFD':
        import struct
        fcntl.fcntl(file, 37, struct.pack('hhqqi', fcntl.F_WRLCK, 0, 0, 0, 0) + b'\\0' * 4)
    else:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(1)
`;

for (const kind of ['lockf', 'OFD']) {
  test(`processes that wait keep nobody from a lock of the whole file by fcntl (${kind})`, async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    const lock = await acquireLock(path);
    const waiting = acquireLock(path, { fs: { ...nodeFileSystem } });
    const looking = await nodeFileSystem.open(lock.lockPath, { access: 'read' });
    while (looking.tickets?.lowestOfOthers() === undefined) await sleep(1);
    const { status, stderr } = spawnSync('python3', ['-c', lockf, lock.lockPath, kind], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    await looking.close();
    await lock.release();
    await (await waiting).release();
  });
}

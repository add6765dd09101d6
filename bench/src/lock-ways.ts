/** Ways in which a thread can wait for a lock and do nothing else meanwhile. */
import { spawnSync } from 'node:child_process';
import * as nodeFs from 'node:fs';
import { Worker } from 'node:worker_threads';
import koffi from 'koffi';
import { acquireLock } from 'holdfast';
import { acquireLockSync, synchronousFileSystem, type SynchronousFs } from 'holdfast/sync';

/** Takes the lock of a path within a minute; gives what frees it. */
export type TakeLock = (path: string) => (() => unknown) | Promise<() => unknown>;

const TIMEOUT_MS = 60_000;
// <sys/file.h>.
const LOCK_EX = 2;

const libc = koffi.load(null);
const flock = libc.func('int flock(int fd, int operation)');

/** Whom nobody can wake: it sleeps for the same times. */
const withoutWakeups: SynchronousFs = {
  ...synchronousFileSystem,
  open(...args) {
    const file = synchronousFileSystem.open(...args);
    const { tickets } = file;
    return tickets
      ? Object.defineProperty(file, 'tickets', { value: { ...tickets, sleepOf: undefined } })
      : file;
  },
};

function opened(path: string): number {
  return nodeFs.openSync(`${path}.lock`, nodeFs.constants.O_RDWR | nodeFs.constants.O_CREAT, 0o644);
}

function closing(fd: number): () => void {
  return () => nodeFs.closeSync(fd);
}

/** By what name each is chosen, and what it does. */
export const lockWays: Readonly<Record<string, TakeLock>> = {
  endless(path) {
    const fd = opened(path);
    flock(fd, LOCK_EX);
    return closing(fd);
  },
  sync(path) {
    const lock = acquireLockSync(path, { timeoutMs: TIMEOUT_MS });
    return () => lock.release();
  },
  tries(path) {
    const lock = acquireLockSync(path, { timeoutMs: TIMEOUT_MS, fs: withoutWakeups });
    return () => lock.release();
  },
  async async(path) {
    const lock = await acquireLock(path, { timeoutMs: TIMEOUT_MS });
    return () => lock.release();
  },
  signal(path) {
    const fd = opened(path);
    const end = interruptedAfter(TIMEOUT_MS);
    const isTaken = flock(fd, LOCK_EX) === 0;
    end();
    if (!isTaken) throw new Error('interrupted');
    return closing(fd);
  },
  worker(path) {
    const fd = opened(path);
    const done = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const worker = new Worker(FLOCK_IN_WORKER, { eval: true, workerData: { fd, done } });
    if (Atomics.wait(done, 0, 0, TIMEOUT_MS) === 'timed-out') throw new Error('timed out');
    void worker.terminate();
    return closing(fd);
  },
  program(path) {
    const fd = opened(path);
    const command = ['-x', '-w', String(TIMEOUT_MS / 1000), '3'];
    const { status } = spawnSync('flock', command, { stdio: ['ignore', 'ignore', 'ignore', fd] });
    if (status !== 0) throw new Error(`flock(1): ${status}`);
    return closing(fd);
  },
};

const FLOCK_IN_WORKER = `
const { workerData: { fd, done } } = require('node:worker_threads');
const koffi = require('koffi');
koffi.load(null).func('int flock(int fd, int operation)')(fd, ${LOCK_EX});
Atomics.store(done, 0, 1);
Atomics.notify(done, 0);
`;

// <time.h>, <signal.h>: a timer that sends a signal to this thread, again and again, since the
// first may come before the call that it is to interrupt.
const CLOCK_MONOTONIC = 1;
const SIGEV_THREAD_ID = 4;
const SIGNAL = 40;
const STRUCT_SIGEVENT_BYTES = 64;
const AGAIN_MS = 10;

/** Lets system calls of this thread end with EINTR from then on, until it is called off. */
function interruptedAfter(ms: number): () => void {
  const signal = libc.func('void *signal(int number, uint64_t handler)');
  const siginterrupt = libc.func('int siginterrupt(int number, int interrupts)');
  const dlsym = libc.func('uint64_t dlsym(uint64_t library, const char *name)');
  const gettid = libc.func('int gettid()');
  const create = libc.func(
    'int timer_create(int clock, const uint8_t *event, _Out_ uint64_t *timer)',
  );
  const settime = libc.func(
    'int timer_settime(uint64_t timer, int flags, const int64_t *times, void *old)',
  );
  const remove = libc.func('int timer_delete(uint64_t timer)');
  // A handler has to be a function of C that takes a number and does nothing; JavaScript is none.
  signal(SIGNAL, dlsym(0, 'abs'));
  siginterrupt(SIGNAL, 1);
  const event = new Int32Array(STRUCT_SIGEVENT_BYTES / Int32Array.BYTES_PER_ELEMENT);
  event[2] = SIGNAL;
  event[3] = SIGEV_THREAD_ID;
  event[4] = gettid() as number;
  const timer = new BigUint64Array(1);
  if (create(CLOCK_MONOTONIC, new Uint8Array(event.buffer), timer) !== 0)
    throw new Error('timer_create');
  const nanoseconds = (part: number): bigint => BigInt(part % 1000) * 1_000_000n;
  const seconds = (part: number): bigint => BigInt(Math.floor(part / 1000));
  const times = new BigInt64Array([
    seconds(AGAIN_MS),
    nanoseconds(AGAIN_MS),
    seconds(ms),
    nanoseconds(ms),
  ]);
  settime(timer[0], 0, times, null);
  return () => remove(timer[0]);
}

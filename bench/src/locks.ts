/**
 * Waiting for a lock that another process holds: how long after it is free the waiter has it, and
 * what processor time the wait takes. By Holdfast's calls of both forms; by the synchronous one
 * when nobody wakes it; and by the ways in which a thread can sleep in flock(2) with a time limit:
 * a signal that interrupts it, a worker thread, the program flock(1). The floor is flock(2) without
 * a limit. The holder is a call of Holdfast, which wakes who waits, and a program that only closes
 * its descriptor; and one that takes the lock again and again (how long until the waiter has its
 * turn). Linux only.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as nodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { acquireLock, updateJson } from 'holdfast';
import type { BenchOptions } from './bench-options.js';
import type { WaitTold } from './lock-waiter.js';
import { lockWays } from './lock-ways.js';
import { median } from './rounds.js';

const ROUNDS = 15;
/** So long that who looks less and less often looks as seldom as it ever does. */
const HELD_MS = 400;

const names: Readonly<Record<string, string>> = {
  endless: 'flock(2) without a limit',
  sync: 'holdfast/sync',
  tries: 'holdfast/sync, woken by nobody',
  async: 'holdfast',
  signal: 'flock(2) and a signal',
  worker: 'flock(2) in a worker thread',
  program: 'flock(1) -w',
};

/** Holds the lock until the function that it gives is called. */
type Hold = (path: string) => Promise<() => Promise<void>>;

/** In this one the lock is free again and again: the waiter is late from its beginning on. */
const RUN = 'updates of holdfast follow each other';

const holders: Readonly<Record<string, Hold>> = {
  'a call of holdfast holds it': async (path) => {
    const lock = await acquireLock(path);
    return () => lock.release();
  },
  'another program holds it': async (path) => {
    const free = await lockWays['endless']?.(path);
    return async () => {
      await free?.();
    };
  },
  [RUN]: async (path) => {
    const run = { isOver: false };
    const updates = (async () => {
      while (!run.isOver) await updateJson(path, (value) => ({ ...value, n: 1 }));
    })();
    return async () => {
      run.isOver = true;
      await updates;
    };
  },
};

/** Runs the benchmark and prints its tables. */
export async function benchLocks({ quick, only = '' }: BenchOptions): Promise<void> {
  const root = nodeFs.mkdtempSync(`${process.env['HOLDFAST_BENCH_DIRECTORY'] ?? tmpdir()}/locks-`);
  try {
    for (const [title, hold] of Object.entries(holders))
      if (title.includes(only))
        await benchHolder(`${root}/a.json`, title, hold, quick ? 1 : ROUNDS);
  } finally {
    nodeFs.rmSync(root, { recursive: true, force: true });
  }
}

async function benchHolder(path: string, title: string, hold: Hold, rounds: number): Promise<void> {
  nodeFs.writeFileSync(path, '{}');
  const ways = Object.keys(names);
  const waiters: ChildProcess[] = [];
  for (const way of ways) waiters.push(await startedWaiter(way, path));
  const late: number[][] = ways.map(() => []);
  const used: number[][] = ways.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, waiter] of waiters.entries()) {
      const { lateMs, processorMs } = await waitOnce(path, hold, waiter, title === RUN);
      late[index]?.push(lateMs);
      used[index]?.push(processorMs);
    }
  }
  for (const waiter of waiters) waiter.disconnect();
  console.log(`\nWaiting for a lock while ${title}: medians of ${rounds}`);
  console.log(`  ${''.padEnd(36)}${'later by'.padStart(12)}${'processor'.padStart(14)}`);
  for (const [index, way] of ways.entries()) {
    const [lateMs, usedMs] = [median(late[index] ?? []), median(used[index] ?? [])];
    console.log(
      `  ${(names[way] ?? way).padEnd(36)}${lateMs.toFixed(2).padStart(9)} ms${usedMs.toFixed(2).padStart(11)} ms`,
    );
  }
}

async function startedWaiter(way: string, path: string): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('lock-waiter.js', import.meta.url));
  const waiter = fork(program, [way, path]);
  await once(waiter, 'message');
  return waiter;
}

async function waitOnce(
  path: string,
  hold: Hold,
  waiter: ChildProcess,
  isRun: boolean,
): Promise<{ readonly lateMs: number; readonly processorMs: number }> {
  const release = await hold(path);
  const answer = once(waiter, 'message') as Promise<[WaitTold]>;
  const beganAt = process.hrtime.bigint();
  waiter.send('wait');
  await setTimeout(HELD_MS * (1 + Math.random() / 4));
  const freedAt = isRun ? beganAt : process.hrtime.bigint();
  await release();
  const [{ hadAt, processorMs }] = await answer;
  return { lateMs: Number(BigInt(hadAt) - freedAt) / 1e6, processorMs };
}

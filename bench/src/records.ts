/**
 * Record logs: appending by 16 tasks of one process and one after the other, beside one sync a
 * record and the floor of write + fdatasync on an open descriptor; and reading beside a plain loop
 * of readline and JSON.parse.
 *
 * HOLDFAST_BENCH_DIRECTORY names the directory to work in; HOLDFAST_BENCH_LOG_MB the size of the
 * log that is read.
 */
import * as nodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { appendRecords, readRecords } from 'holdfast';
import { inlineFileSystem, nodeFileSystem, type Fs } from 'holdfast/os';
import type { BenchOptions } from './bench-options.js';
import { medianTimesMs, printTimes, type Contender } from './rounds.js';

const fdatasync = promisify(nodeFs.fdatasync);
const TASKS = 16;
const ROUNDS = 5;
/**
 * The disk's own pace drifts from second to second, so what is told apart by tenths takes turns
 * often.
 */
const ALONE_ROUNDS = 25;

/** Runs the benchmark and prints its tables. */
export async function benchRecords({ quick, only = '' }: BenchOptions): Promise<void> {
  const parent = process.env['HOLDFAST_BENCH_DIRECTORY'] ?? tmpdir();
  const root = nodeFs.mkdtempSync(`${parent}/holdfast-bench-`);
  const rounds = quick ? 1 : ROUNDS;
  const count = quick ? 50 : 1000;
  const logMb = Number(process.env['HOLDFAST_BENCH_LOG_MB'] ?? (quick ? 5 : 1000));
  const tables: Readonly<Record<string, () => Promise<void>>> = {
    alone: () => benchAlone(root, quick ? 50 : 250, quick ? 1 : ALONE_ROUNDS),
    together: () => benchTogether(root, count, rounds),
    read: () => benchRead(`${root}/read.jsonl`, logMb, quick ? 1 : 3),
  };
  try {
    for (const [title, table] of Object.entries(tables)) if (title.includes(only)) await table();
  } finally {
    nodeFs.rmSync(root, { recursive: true, force: true });
  }
}

const recordOf = (n: number): object => ({ n, at: '2026-01-01T00:00:00Z', text: 'x'.repeat(60) });

const lineOf = (n: number): Buffer => Buffer.from(`${JSON.stringify(recordOf(n))}\n`);

/** One call after the other. */
async function benchAlone(root: string, count: number, rounds: number): Promise<void> {
  const alone: readonly Contender[] = [
    onDescriptor('floor: write + fdatasync, bare calls', root, count, writeAndSync),
    onDescriptor('write + fdatasync, sync on the pool', root, count, writeAndSyncOnPool),
    {
      name: 'the system calls of an append, and no more',
      run: () => callInTurn(nodeFileSystem, `${root}/calls.jsonl`, count),
    },
    {
      name: 'appendRecords, awaited one by one',
      run: () => appendInTurn(nodeFileSystem, `${root}/alone.jsonl`, 0, count),
    },
    {
      name: 'its system calls, on inlineFileSystem',
      run: () => callInTurn(inlineFileSystem, `${root}/inline-calls.jsonl`, count),
    },
    {
      name: 'appendRecords, on inlineFileSystem',
      run: () => appendInTurn(inlineFileSystem, `${root}/inline.jsonl`, 0, count),
    },
  ];
  printTimes(`${count} records, one after the other`, alone, await medianTimesMs(alone, rounds));
}

/**
 * Tasks that each await their own calls, so that at most one call of each shares a sync; and calls
 * that nobody awaits in between.
 */
async function benchTogether(root: string, perTask: number, rounds: number): Promise<void> {
  const total = perTask * TASKS;
  const together: readonly Contender[] = [
    {
      name: `appendRecords, ${TASKS} tasks`,
      async run() {
        const tasks = Array.from({ length: TASKS }, (_, task) =>
          appendInTurn(nodeFileSystem, `${root}/together.jsonl`, task * perTask, perTask),
        );
        await Promise.all(tasks);
      },
    },
    {
      name: 'appendRecords, all calls at once',
      async run() {
        const calls = Array.from({ length: total }, (_, n) =>
          appendRecords(`${root}/at-once.jsonl`, [recordOf(n)]),
        );
        await Promise.all(calls);
      },
    },
    onDescriptor('one write + fdatasync a record', root, total, writeAndSync),
  ];
  printTimes(`${total} records`, together, await medianTimesMs(together, rounds));
}

async function appendInTurn(fs: Fs, path: string, first: number, count: number): Promise<void> {
  for (let n = first; n < first + count; n += 1) await appendRecords(path, [recordOf(n)], { fs });
}

async function callInTurn(fs: Fs, path: string, count: number): Promise<void> {
  nodeFs.closeSync(nodeFs.openSync(path, 'a'));
  for (let n = 0; n < count; n += 1) await callOnly(fs, path, lineOf(n));
}

/** What an append asks of the kernel to keep its promises beside other processes. */
async function callOnly(fs: Fs, path: string, line: Buffer): Promise<void> {
  await fs.realpath(dirname(path));
  await fs.lstat(path);
  const lock = await fs.open(`${path}.lock`, { access: 'readWrite', create: 'ifMissing' });
  lock.tryLock('exclusive');
  await lock.stat();
  await fs.stat(lock.path);
  for (let above = dirname(path); ; above = dirname(above)) {
    await fs.exists(`${above}/.holdfast-journal`);
    if (above === dirname(above)) break;
  }
  const log = await fs.open(path, { access: 'readWrite' });
  const { sizeBytes } = await log.stat();
  await log.write(line, sizeBytes);
  await log.dataSync();
  await log.close();
  lock.unlock();
  await lock.close();
}

/** Makes lines on a descriptor that stays open. */
function onDescriptor(
  name: string,
  root: string,
  count: number,
  append: (fd: number, line: Buffer) => void | Promise<void>,
): Contender {
  return {
    name,
    async run() {
      const fd = nodeFs.openSync(`${root}/${name.replaceAll(/\W/g, '')}`, 'a');
      for (let n = 0; n < count; n += 1) {
        await append(fd, lineOf(n));
      }
      nodeFs.closeSync(fd);
    },
  };
}

function writeAndSync(fd: number, line: Buffer): void {
  nodeFs.writeSync(fd, line);
  nodeFs.fdatasyncSync(fd);
}

async function writeAndSyncOnPool(fd: number, line: Buffer): Promise<void> {
  nodeFs.writeSync(fd, line);
  await fdatasync(fd);
}

async function benchRead(path: string, sizeMb: number, rounds: number): Promise<void> {
  makeLog(path, sizeMb * 1e6);
  const contenders: readonly Contender[] = [
    { name: 'readline + JSON.parse', run: () => readByReadline(path) },
    {
      name: 'readRecords',
      async run() {
        for await (const record of readRecords(path)) keep(record);
      },
    },
  ];
  const timesMs = await medianTimesMs(contenders, rounds);
  printTimes(`reading ${sizeMb} MB of JSON Lines`, contenders, timesMs);
}

async function readByReadline(path: string): Promise<void> {
  const lines = createInterface({ input: nodeFs.createReadStream(path), crlfDelay: Infinity });
  for await (const line of lines) keep(JSON.parse(line));
}

/** So that no engine takes the loop for useless. */
let kept: unknown;
function keep(record: unknown): void {
  kept = record;
  if (kept === undefined) throw new Error('no record');
}

function makeLog(path: string, sizeBytes: number): void {
  const fd = nodeFs.openSync(path, 'w');
  let written = 0;
  for (let n = 0; written < sizeBytes;) {
    const lines: string[] = [];
    for (const end = n + 5000; n < end; n += 1) {
      const nested = { ok: n % 3 === 0, tags: ['a', 'b'] };
      lines.push(`${JSON.stringify({ n, value: n / 7, nested, text: 'record "quoted" é' })}\n`);
    }
    written += nodeFs.writeSync(fd, lines.join(''));
  }
  nodeFs.closeSync(fd);
}

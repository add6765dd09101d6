/**
 * Record logs: appending by 16 tasks of one process and one after the other, beside one sync a record and the floor of
 * write + fdatasync on an open descriptor; and reading beside a plain loop of readline and JSON.parse.
 *
 * HOLDFAST_BENCH_DIRECTORY names the directory to work in; HOLDFAST_BENCH_LOG_MB the size of the log that is read.
 */
import * as nodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { appendRecords, readRecords } from 'holdfast';
import { inlineFileSystem, nodeFileSystem, type Fs } from 'holdfast/os';
import type { BenchOptions } from './bench-options.js';
import { medianTimesMs, printTimes, type Contender } from './rounds.js';

const fdatasync = promisify(nodeFs.fdatasync);
const TASKS = 16;
const ROUNDS = 5;

/** Runs the benchmark and prints its tables. */
export async function benchRecords({ quick, only = '' }: BenchOptions): Promise<void> {
  const parent = process.env['HOLDFAST_BENCH_DIRECTORY'] ?? tmpdir();
  const root = nodeFs.mkdtempSync(`${parent}/holdfast-bench-`);
  const rounds = quick ? 1 : ROUNDS;
  const count = quick ? 50 : 1000;
  const logMb = Number(process.env['HOLDFAST_BENCH_LOG_MB'] ?? (quick ? 5 : 1000));
  const tables: Readonly<Record<string, () => Promise<void>>> = {
    alone: () => benchAlone(root, count, rounds),
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

/** One call after the other. */
async function benchAlone(root: string, count: number, rounds: number): Promise<void> {
  const alone: readonly Contender[] = [
    onDescriptor('floor: write + fdatasync, bare calls', root, count, writeAndSync),
    onDescriptor('write + fdatasync, sync on the pool', root, count, writeAndSyncOnPool),
    {
      name: 'appendRecords, awaited one by one',
      run: () => appendInTurn(nodeFileSystem, `${root}/alone.jsonl`, 0, count),
    },
    {
      name: 'the same on inlineFileSystem',
      run: () => appendInTurn(inlineFileSystem, `${root}/inline.jsonl`, 0, count),
    },
  ];
  printTimes(`${count} records, one after the other`, alone, await medianTimesMs(alone, rounds));
}

/** Tasks that each await their own calls, so that at most one call of each shares a sync; and calls that nobody awaits in between. */
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
        await append(fd, Buffer.from(`${JSON.stringify(recordOf(n))}\n`));
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

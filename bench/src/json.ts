/**
 * Updating a JSON document: one call after the other, a burst in one process, 8 processes at once, and a large document;
 * by Holdfast, by the pair proper-lockfile and write-file-atomic, and by bare synchronous system calls that write the
 * same bytes (the floor: open, write, fsync, rename, fsync of the directory; no lock, no read, no parse).
 *
 * HOLDFAST_BENCH_DIRECTORY names the directory to work in, and with it the filesystem; the default is a temporary one.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as nodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { updateJson } from 'holdfast';
import { inlineFileSystem, nodeFileSystem, type Fs } from 'holdfast/os';
import { callForUpdate } from './json-calls.js';
import { ways, type SetMember } from './json-ways.js';
import type { BenchOptions } from './bench-options.js';
import { median, medianTimesMs, printTimes, type Contender } from './rounds.js';

const ROUNDS = 7;
const UPDATES = 1000;
const WRITERS = 50;
const PROCESSES = 8;
const LARGE_UPDATES = 50;
const LARGE_BYTES = 5_000_000;

const names: Readonly<Record<string, string>> = {
  holdfast: 'holdfast',
  inline: 'holdfast on inlineFileSystem',
  pair: 'proper-lockfile + write-file-atomic',
};

/** Runs the benchmark and prints its tables. */
export async function benchJson({ quick, only = '' }: BenchOptions): Promise<void> {
  const parent = process.env['HOLDFAST_BENCH_DIRECTORY'] ?? tmpdir();
  const root = nodeFs.mkdtempSync(`${parent}/holdfast-bench-`);
  const path = `${root}/document.json`;
  const updates = quick ? 40 : UPDATES;
  const rounds = quick ? 1 : ROUNDS;
  const tables: Readonly<Record<string, () => Promise<void>>> = {
    sequential: () => benchSequential(path, updates, rounds),
    burst: () => benchBurst(path, updates, rounds),
    contention: () => benchContention(path, updates, rounds),
    'large texts': () => benchLarge(path, 'texts', quick ? 3 : LARGE_UPDATES, rounds),
    'large records': () => benchLarge(path, 'records', quick ? 3 : LARGE_UPDATES, rounds),
  };
  try {
    for (const [title, table] of Object.entries(tables)) if (title.includes(only)) await table();
  } finally {
    nodeFs.rmSync(root, { recursive: true, force: true });
  }
}

/** One call after the other, one new key each. */
async function benchSequential(path: string, updates: number, rounds: number): Promise<void> {
  const keys = Array.from({ length: updates }, (_, i) => `k-${i}`);
  const byCalls = (set: SetMember) => async (): Promise<void> => {
    for (const key of keys) await set(path, key);
  };
  const texts = textsAfter(keys);
  const bySystemCalls = (fs: Fs) => async (): Promise<void> => {
    for (const text of texts) await callForUpdate(fs, path, text);
  };
  const contenders = [
    floor(path, keys),
    ...Object.entries(ways).map(([way, set]) => contender(path, names[way] ?? way, byCalls(set))),
    contender(path, "holdfast's system calls alone", bySystemCalls(nodeFileSystem)),
    contender(path, 'the same on inlineFileSystem', bySystemCalls(inlineFileSystem)),
  ];
  const timesMs = await medianTimesMs(contenders, rounds);
  printTimes(
    `sequential: ${updates} awaited updates, one key each, one process`,
    contenders,
    timesMs,
  );
}

/** 50 writers side by side in one process. Calls that arrive while a commit is under way share the next one. */
async function benchBurst(path: string, updates: number, rounds: number): Promise<void> {
  const each = Math.ceil(updates / WRITERS);
  const keyOf = {
    'a key per update': (writer: number, i: number) => `w${writer}-${i}`,
    'a counter per writer': (writer: number) => `w${writer}`,
  };
  for (const [what, key] of Object.entries(keyOf)) {
    const keys = Array.from({ length: each }, (_, i) => i).flatMap((i) =>
      Array.from({ length: WRITERS }, (__, writer) => key(writer, i)),
    );
    const commits: number[] = [];
    const contenders = [
      floor(path, keys),
      contender(path, 'holdfast', async () => {
        const fs = countingFs();
        await Promise.all(
          Array.from({ length: WRITERS }, async (_, writer) => {
            for (let i = 0; i < each; i += 1) await count(path, key(writer, i), fs);
          }),
        );
        commits.push(fs.renames);
      }),
    ];
    const timesMs = await medianTimesMs(contenders, rounds);
    printTimes(`burst: ${WRITERS} writers x ${each}, ${what}, one process`, contenders, timesMs);
    console.log(
      `  ${((timesMs[0] ?? 0) / (timesMs[1] ?? 0)).toFixed(1)} x faster than ${keys.length} floor writes, ` +
        `${Math.max(...commits)} commits at most`,
    );
  }
}

async function count(path: string, key: string, fs: Fs): Promise<void> {
  await updateJson<Record<string, number>>(
    path,
    (counts) => void (counts[key] = (counts[key] ?? 0) + 1),
    { fs, indent: 0 },
  );
}

/** 8 processes at once, started and ready before the clock runs. */
async function benchContention(path: string, updates: number, rounds: number): Promise<void> {
  const each = Math.ceil(updates / PROCESSES);
  const keys = Array.from({ length: each * PROCESSES }, (_, i) => `p${i % PROCESSES}-${i}`);
  const spreads: Record<string, number[]> = {};
  const contenders: Contender[] = [floor(path, keys)];
  for (const way of Object.keys(ways)) {
    const processes: BenchProcess[] = [];
    spreads[way] = [];
    contenders.push({
      name: names[way] ?? way,
      async prepare() {
        writeEmpty(path);
        for (let i = 0; i < PROCESSES; i += 1) {
          processes[i] = await startProcess([way, path, `p${i}`, String(each)]);
        }
      },
      async run() {
        const timesMs = await Promise.all(processes.map((started) => started.run()));
        spreads[way]?.push(Math.max(...timesMs) / Math.min(...timesMs));
      },
    });
  }
  const timesMs = await medianTimesMs(contenders, rounds);
  printTimes(`contention: ${PROCESSES} processes x ${each} updates`, contenders, timesMs);
  for (const [way, ratios] of Object.entries(spreads)) {
    console.log(`  ${names[way]}: slowest process ${median(ratios).toFixed(2)} x the fastest`);
  }
}

interface BenchProcess {
  /** Lets it go, and resolves to the milliseconds that it took. */
  run(): Promise<number>;
}

async function startProcess(operands: readonly string[]): Promise<BenchProcess> {
  const program = fileURLToPath(new URL('json-writer.js', import.meta.url));
  const child = spawn(process.execPath, [program, ...operands], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    async run() {
      const exited = once(child, 'exit');
      child.stdin.write('go\n');
      const { value } = await lines.next();
      await exited;
      return Number(value);
    },
  };
}

/** One key of a document of 5 MB, which is long texts, or many small records. */
async function benchLarge(
  path: string,
  shape: 'texts' | 'records',
  updates: number,
  rounds: number,
): Promise<void> {
  const document = largeDocument(shape);
  const text = JSON.stringify(document);
  const keys = Array.from({ length: updates }, () => 'counter');
  const prepare = (): void => nodeFs.writeFileSync(path, text);
  const bytes = Buffer.from(text);
  const contenders: Contender[] = [
    {
      name: 'floor: bare calls, the same bytes',
      prepare,
      run: () => keys.forEach(() => replaceByBareCalls(path, bytes)),
    },
    ...Object.entries(ways).map(([way, set]) => ({
      name: names[way] ?? way,
      prepare,
      run: async () => {
        for (const key of keys) await set(path, key);
      },
    })),
  ];
  const timesMs = await medianTimesMs(contenders, rounds);
  printTimes(
    `large ${shape}: ${updates} updates of one key in ${text.length} bytes`,
    contenders,
    timesMs,
  );
}

function largeDocument(shape: 'texts' | 'records'): Record<string, unknown> {
  const document: Record<string, unknown> = { counter: 0 };
  const entryBytes = shape === 'texts' ? 1000 : 300;
  for (let i = 0; i < LARGE_BYTES / entryBytes; i += 1) {
    document[`entry-${i}`] =
      shape === 'texts'
        ? `${i} `.padEnd(entryBytes, 'lorem ipsum dolor sit amet ')
        : {
            id: i,
            url: `https://example.org/pool/main/p/package-${i}_1.2_amd64.deb`,
            hash: (i * 7919).toString(16).padStart(64, '0'),
            score: i / 7,
            tags: ['stable', 'amd64', 'signed'],
            nested: { isValid: true, note: null, size: i * 1000 },
          };
  }
  return document;
}

/** What the document is after each update. */
function textsAfter(keys: readonly string[]): readonly Buffer[] {
  const document: Record<string, number> = {};
  return keys.map((key) => {
    document[key] = 1;
    return Buffer.from(JSON.stringify(document));
  });
}

function floor(path: string, keys: readonly string[]): Contender {
  const texts = textsAfter(keys);
  return contender(path, 'floor: bare calls, the same bytes', () => {
    for (const text of texts) replaceByBareCalls(path, text);
  });
}

function contender(path: string, name: string, run: Contender['run']): Contender {
  return { name, prepare: () => writeEmpty(path), run };
}

function writeEmpty(path: string): void {
  nodeFs.writeFileSync(path, '{}');
}

function replaceByBareCalls(path: string, data: Uint8Array): void {
  const temporary = `${path}.tmp`;
  const fd = nodeFs.openSync(temporary, 'wx');
  nodeFs.writeSync(fd, data);
  nodeFs.fsyncSync(fd);
  nodeFs.closeSync(fd);
  nodeFs.renameSync(temporary, path);
  const directory = nodeFs.openSync(path.slice(0, path.lastIndexOf('/')), 'r');
  nodeFs.fsyncSync(directory);
  nodeFs.closeSync(directory);
}

function countingFs(): Fs & { renames: number } {
  const fs = {
    ...nodeFileSystem,
    renames: 0,
    rename(from: string, to: string) {
      fs.renames += 1;
      return nodeFileSystem.rename(from, to);
    },
  };
  return fs;
}

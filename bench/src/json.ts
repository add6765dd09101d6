/**
 * Updating a JSON document: one call after the other, a burst in one process, 8 processes at once,
 * 50 of which all but one wait, a large document, and the memory that a very large one takes; by
 * Holdfast, by the pair proper-lockfile and write-file-atomic, and by bare synchronous system calls
 * that write the same bytes (the floor: open, write, fsync, rename, fsync of the directory; no
 * lock, no read, no parse).
 *
 * HOLDFAST_BENCH_DIRECTORY names the directory to work in, and with it the filesystem; the default
 * is a temporary one. HOLDFAST_BENCH_AGAINST names another checkout, built, to be measured in the
 * same rounds.
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
import { setSync, ways, type SetMember } from './json-ways.js';
import type { BenchOptions } from './bench-options.js';
import { median, medianTimesMs, mediansMs, printTimes, type Contender } from './rounds.js';

const ROUNDS = 7;
const UPDATES = 1000;
/** The pair takes 15 times the floor for each, so that 1,000 of them would take two minutes. */
const SEQUENTIAL_UPDATES = 250;
const SEQUENTIAL_MS = 60_000;
const WRITERS = 50;
const PROCESSES = 8;
const FEW_WAITING = 4;
const MANY_WAITING = 50;
const UPDATES_WAITED_FOR = 20;
const LARGE_UPDATES = 50;
const LARGE_BYTES = 5_000_000;
const VERY_LARGE_BYTES = 100_000_000;

const names: Readonly<Record<string, string>> = {
  holdfast: 'holdfast',
  before: 'holdfast of HOLDFAST_BENCH_AGAINST',
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
    sequential: () => benchSequential(path, quick ? updates : SEQUENTIAL_UPDATES, rounds),
    burst: () => benchBurst(path, updates, rounds),
    contention: () => benchContention(path, updates, rounds),
    waiting: () => benchWaiting(path, quick ? 1 : ROUNDS),
    'large texts': () => benchLarge(path, 'texts', quick ? 3 : LARGE_UPDATES, rounds),
    'large records': () => benchLarge(path, 'records', quick ? 3 : LARGE_UPDATES, rounds),
    memory: () => benchMemory(path, quick ? LARGE_BYTES : VERY_LARGE_BYTES),
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
    contender(path, 'holdfast/sync', async () => {
      for (const key of keys) setSync(path, key);
    }),
    contender(path, "holdfast's system calls alone", bySystemCalls(nodeFileSystem)),
    contender(path, 'the same on inlineFileSystem', bySystemCalls(inlineFileSystem)),
  ];
  const { timesMs, processorMs } = await mediansMs(contenders, rounds, SEQUENTIAL_MS);
  printTimes(
    `sequential: ${updates} awaited updates, one key each, one process`,
    contenders,
    timesMs,
    processorMs,
  );
}

/**
 * 50 writers side by side in one process. Calls that arrive while a commit is under way share the
 * next one.
 */
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
    const burst = async (set: SetMember): Promise<void> => {
      await Promise.all(
        Array.from({ length: WRITERS }, async (_, writer) => {
          for (let i = 0; i < each; i += 1) await set(path, key(writer, i));
        }),
      );
    };
    const contenders = [
      floor(path, keys),
      contender(path, 'holdfast', async () => {
        const fs = countingFs();
        await burst((_, member) => count(path, member, fs));
        commits.push(fs.renames);
      }),
      ...Object.entries(ways)
        .filter(([way]) => way === 'before')
        .map(([way, set]) => contender(path, names[way] ?? way, () => burst(set))),
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
          processes[i] = await startProcess([...nodeWriter(way), path, `p${i}`, String(each)]);
        }
      },
      async run() {
        const runs = await Promise.all(processes.map((started) => started.run()));
        const timesMs = runs.map((run) => run.timeMs);
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

/**
 * What it costs an update that other processes wait for the same lock: a few of them, and many, of
 * one counter, so that the document is no longer with many. The floor is the same work in Python,
 * each update under a flock(2) that sleeps in the kernel.
 */
async function benchWaiting(path: string, rounds: number): Promise<void> {
  const writers: readonly (readonly [name: string, command: readonly string[]])[] = [
    ['flock(2) of Python', flockWriter],
    ...['holdfast', 'before']
      .filter((way) => way in ways)
      .map((way) => [names[way] ?? way, nodeWriter(way)] as const),
  ];
  const cases = writers.flatMap(([name, command]) =>
    [FEW_WAITING, MANY_WAITING].map((processCount) => ({
      name,
      command,
      processCount,
      runs: [] as Omit<Run, 'memoryBytes'>[],
    })),
  );
  for (let round = 0; round < rounds; round += 1) {
    for (const { command, processCount, runs } of cases)
      runs.push(await runWaiting(path, command, processCount));
  }
  console.log(
    `\nwaiting: processes x ${UPDATES_WAITED_FOR} updates; clock and processor time of one`,
  );
  for (const { name, processCount, runs } of cases) {
    const [clock, processor] = (['timeMs', 'processorMs'] as const).map((key) =>
      median(runs.map((run) => run[key]))
        .toFixed(2)
        .padStart(8),
    );
    console.log(`  ${`${name}, ${processCount} processes`.padEnd(44)}${clock} ms${processor} ms`);
  }
}

async function runWaiting(
  path: string,
  command: readonly string[],
  processCount: number,
): Promise<Omit<Run, 'memoryBytes'>> {
  writeEmpty(path);
  const processes: BenchProcess[] = [];
  for (let i = 0; i < processCount; i += 1) {
    processes.push(
      await startProcess([...command, path, `p${i}`, String(UPDATES_WAITED_FOR), 'count']),
    );
  }
  const began = performance.now();
  const runs = await Promise.all(processes.map((started) => started.run()));
  const updates = processCount * UPDATES_WAITED_FOR;
  const processorMs = runs.reduce((sum, run) => sum + run.processorMs, 0);
  return { timeMs: (performance.now() - began) / updates, processorMs: processorMs / updates };
}

interface Run {
  readonly timeMs: number;
  readonly processorMs: number;
  /** Resident, at most. */
  readonly memoryBytes: number;
}

interface BenchProcess {
  /** Lets it go, and resolves to what it took. */
  run(): Promise<Run>;
}

function nodeWriter(way: string): readonly string[] {
  return [process.execPath, fileURLToPath(new URL('json-writer.js', import.meta.url)), way];
}

/** What json-writer.ts does, in Python. */
const flockWriter = [
  'python3',
  '-c',
  `
import fcntl, json, os, sys, time
path, name, count, key = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
def update(path, key):
    lock = os.open(path + '.lock', os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with open(path) as file: document = json.load(file)
    document[key] = document.get(key, 0) + 1
    with open(path + '.tmp', 'w') as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + '.tmp', path)
    directory = os.open(os.path.dirname(path), os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)
    os.close(lock)
own = path + '.' + name
with open(own, 'w') as file: file.write('{}')
for i in range(20): update(own, name)
print('ready', flush=True)
sys.stdin.readline()
began, used = time.monotonic(), time.process_time()
for i in range(count): update(path, key)
print((time.monotonic() - began) * 1000, (time.process_time() - used) * 1000, flush=True)
`,
];

async function startProcess([program = '', ...operands]: readonly string[]): Promise<BenchProcess> {
  const child = spawn(program, operands, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    async run() {
      const exited = once(child, 'exit');
      child.stdin.write('go\n');
      const { value } = await lines.next();
      await exited;
      const [timeMs = Number.NaN, processorMs = Number.NaN, memoryBytes = Number.NaN] = String(
        value,
      )
        .split(' ')
        .map(Number);
      return { timeMs, processorMs, memoryBytes };
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
  const document = largeDocument(shape, LARGE_BYTES);
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

/** The resident memory that a process takes for one update of one key. */
async function benchMemory(path: string, bytes: number): Promise<void> {
  for (const shape of ['texts', 'records'] as const) {
    const text = JSON.stringify(largeDocument(shape, bytes));
    console.log(`\nmemory: an update of one key in ${text.length} bytes of ${shape}`);
    for (const way of Object.keys(ways)) {
      nodeFs.writeFileSync(path, text);
      const { memoryBytes } = await (
        await startProcess([...nodeWriter(way), path, 'counter', '1'])
      ).run();
      console.log(
        `  ${(names[way] ?? way).padEnd(44)}${(memoryBytes / 1e6).toFixed(0).padStart(10)} MB`,
      );
    }
  }
}

function largeDocument(shape: 'texts' | 'records', bytes: number): Record<string, unknown> {
  const document: Record<string, unknown> = { counter: 0 };
  const entryBytes = shape === 'texts' ? 1000 : 300;
  for (let i = 0; i < bytes / entryBytes; i += 1) {
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

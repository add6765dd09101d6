/**
 * Replacing files: one after the other, and 16 in flight, by Holdfast, by write-file-atomic (which
 * does not sync the directory), by the two together, and by bare synchronous system calls (the
 * floor). Then the same by synchronous calls, and what whole programs take (cold-start.ts).
 *
 * HOLDFAST_BENCH_DIRECTORY names the directory to work in, and with it the filesystem; the default
 * is a temporary one.
 */
import * as nodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { replaceFile } from 'holdfast';
import { replaceFileSync } from 'holdfast/sync';
import type { BenchOptions } from './bench-options.js';
import { printColdStart } from './cold-start.js';
import { callForReplacement } from './file-calls.js';
import { writeFileAtomic } from './peer-packages.js';
import { medianTimesMs, mediansMs, printTimes, type Contender } from './rounds.js';

const FILE_BYTES = 4096;
const ROUNDS = 7;
const ONE_BY_ONE = 250;
const ONE_BY_ONE_MS = 40_000;

type Write = (path: string, data: Uint8Array) => void | Promise<void>;

const ways: Readonly<Record<string, Write>> = {
  'floor: bare calls, one at a time': replaceByBareCalls,
  holdfast: (path, data) => replaceFile(path, data),
  'write-file-atomic (no directory sync)': (path, data) => writeFileAtomic(path, data),
  'write-file-atomic and a directory sync': async (path, data) => {
    await writeFileAtomic(path, data);
    await syncDirectoryOf(path);
  },
};

const synchronousWays: Readonly<Record<string, Write>> = {
  'floor: bare calls': replaceByBareCalls,
  'holdfast/sync': (path, data) => replaceFileSync(path, data),
  'its system calls alone': callForReplacement,
  'write-file-atomic (no directory sync)': (path, data) => writeFileAtomic.sync(path, data),
};

/** Runs the benchmark and prints its tables. */
export async function benchFiles({ quick, only = '' }: BenchOptions): Promise<void> {
  const parent = process.env['HOLDFAST_BENCH_DIRECTORY'] ?? tmpdir();
  const root = nodeFs.mkdtempSync(`${parent}/holdfast-bench-`);
  const count = quick ? 50 : 1000;
  const rounds = quick ? 1 : ROUNDS;
  try {
    for (const inFlight of [16, 1]) {
      for (const fresh of [true, false]) {
        const what = fresh ? 'new files' : 'existing files';
        const title = `${count} ${what} of ${FILE_BYTES} bytes, ${inFlight} in flight`;
        if (!title.includes(only)) continue;
        const contenders = contendersOf(ways, root, count, inFlight, fresh);
        const timesMs = await medianTimesMs(contenders, rounds);
        printTimes(title, contenders, timesMs);
      }
    }
    for (const fresh of [true, false]) {
      const files = quick ? count : ONE_BY_ONE;
      const title = `${files} ${fresh ? 'new' : 'existing'} files of ${FILE_BYTES} bytes, synchronous`;
      if (!title.includes(only)) continue;
      const contenders = contendersOf(synchronousWays, root, files, 1, fresh);
      const { timesMs, processorMs } = await mediansMs(contenders, rounds, ONE_BY_ONE_MS);
      printTimes(title, contenders, timesMs, processorMs);
    }
    if ('cold start'.includes(only)) printColdStart(root, quick ? 3 : 11);
  } finally {
    nodeFs.rmSync(root, { recursive: true, force: true });
  }
}

function contendersOf(
  by: typeof ways,
  root: string,
  count: number,
  inFlight: number,
  fresh: boolean,
): readonly Contender[] {
  const directory = `${root}/files`;
  const data = new Uint8Array(FILE_BYTES).fill(7);
  return Object.entries(by).map(([name, write]) => ({
    name,
    prepare() {
      nodeFs.rmSync(directory, { recursive: true, force: true });
      nodeFs.mkdirSync(directory);
      if (!fresh) fillDirectory(directory, count);
      syncDirectory(root);
    },
    run: () => writeAll(directory, count, inFlight, (path) => write(path, data)),
  }));
}

async function writeAll(
  directory: string,
  count: number,
  inFlight: number,
  write: (path: string) => void | Promise<void>,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await write(`${directory}/file-${next}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
}

function fillDirectory(directory: string, count: number): void {
  for (let file = 1; file <= count; file += 1)
    nodeFs.writeFileSync(`${directory}/file-${file}`, '');
}

/**
 * What a durable replacement cannot do without: create, write, fsync, rename, fsync of the
 * directory.
 */
function replaceByBareCalls(path: string, data: Uint8Array): void {
  const fd = nodeFs.openSync(`${path}.tmp`, 'wx');
  nodeFs.writeSync(fd, data, 0, data.length, 0);
  nodeFs.fsyncSync(fd);
  nodeFs.closeSync(fd);
  nodeFs.renameSync(`${path}.tmp`, path);
  syncDirectory(directoryOf(path));
}

function syncDirectory(directory: string): void {
  const fd = nodeFs.openSync(directory, 'r');
  nodeFs.fsyncSync(fd);
  nodeFs.closeSync(fd);
}

async function syncDirectoryOf(path: string): Promise<void> {
  const fd = await promisify(nodeFs.open)(directoryOf(path), 'r');
  await promisify(nodeFs.fsync)(fd);
  await promisify(nodeFs.close)(fd);
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

/**
 * Transactions that replace 2, 10 and 100 files of one directory: by Holdfast, by as many single
 * calls of replaceFile (which are no transaction), and by bare synchronous system calls in the
 * order that a journal needs (the floor).
 *
 * HOLDFAST_BENCH_DIRECTORY names the directory to work in, and with it the filesystem; the default
 * is a temporary one.
 */
import * as nodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { replaceFile, transaction } from 'holdfast';
import type { BenchOptions } from './bench-options.js';
import { medianTimesMs, printTimes, type Contender } from './rounds.js';

const FILE_BYTES = 4096;
const PATH_COUNTS = [2, 10, 100];
const ROUNDS = 7;

/** Runs the benchmark and prints its tables. */
export async function benchTransaction({ quick }: BenchOptions): Promise<void> {
  const parent = process.env['HOLDFAST_BENCH_DIRECTORY'] ?? tmpdir();
  const root = nodeFs.mkdtempSync(`${parent}/holdfast-bench-`);
  try {
    for (const count of PATH_COUNTS) {
      const repeats = quick ? 1 : Math.ceil(200 / count);
      const contenders = contendersOf(root, count, repeats);
      const timesMs = await medianTimesMs(contenders, quick ? 1 : ROUNDS);
      printTimes(`${repeats} transactions of ${count} paths`, contenders, timesMs);
    }
  } finally {
    nodeFs.rmSync(root, { recursive: true, force: true });
  }
}

function contendersOf(root: string, count: number, repeats: number): readonly Contender[] {
  const data = new Uint8Array(FILE_BYTES).fill(7);
  const paths = Array.from({ length: count }, (_, index) => `${root}/file-${index}`);
  const ways: Readonly<Record<string, () => void | Promise<void>>> = {
    'floor: bare calls, one at a time': () => commitByBareCalls(root, paths, data),
    'holdfast transaction': () =>
      transaction(root, async (tx) => {
        await Promise.all(paths.map((path) => tx.replaceFile(path, data)));
      }),
    'replaceFile for each, all at once': async () => {
      await Promise.all(paths.map((path) => replaceFile(path, data)));
    },
  };
  return Object.entries(ways).map(([name, once]) => ({
    name,
    prepare() {
      for (const path of paths) nodeFs.writeFileSync(path, 'old');
    },
    async run() {
      for (let done = 0; done < repeats; done += 1) await once();
    },
  }));
}

/**
 * The least that a journalled commit takes: stage, sync, publish a journal, rename, sync, remove
 * the journal.
 */
function commitByBareCalls(root: string, paths: readonly string[], data: Uint8Array): void {
  for (const path of paths) writeAndSync(`${path}.tmp`, data);
  syncDirectory(root);
  writeAndSync(`${root}/journal.tmp`, Buffer.from(JSON.stringify(paths)));
  nodeFs.renameSync(`${root}/journal.tmp`, `${root}/journal`);
  syncDirectory(root);
  for (const path of paths) nodeFs.renameSync(`${path}.tmp`, path);
  syncDirectory(root);
  nodeFs.unlinkSync(`${root}/journal`);
  syncDirectory(root);
}

function writeAndSync(path: string, data: Uint8Array): void {
  const fd = nodeFs.openSync(path, 'wx');
  nodeFs.writeSync(fd, data);
  nodeFs.fsyncSync(fd);
  nodeFs.closeSync(fd);
}

function syncDirectory(path: string): void {
  const fd = nodeFs.openSync(path, 'r');
  nodeFs.fsyncSync(fd);
  nodeFs.closeSync(fd);
}

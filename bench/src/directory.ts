/**
 * Publishing whole directories: 1,000 files of 64 KB and 20,000 of 1 KB, by Holdfast, by the same
 * writes and syncs as bare calls (the floor), with one fsync a file in sequence, and as a shell
 * script would do it. Then the memory that publishing 100,000 files takes over a bare Node.
 *
 * HOLDFAST_BENCH_DIRECTORY names the directory to work in, and with it the filesystem; the default
 * is a temporary one.
 */
import { execFileSync } from 'node:child_process';
import * as nodeFs from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { publishDirectory, type SyncStrategy } from 'holdfast';
import type { BenchOptions } from './bench-options.js';
import { medianTimesMs, printTimes, type Contender } from './rounds.js';

interface Case {
  readonly fileCount: number;
  readonly fileBytes: number;
  /** One fsync a file takes its time, so the many files have few rounds. */
  readonly rounds: number;
}

type TreeSize = Pick<Case, 'fileCount' | 'fileBytes'>;

const cases: readonly Case[] = [
  { fileCount: 1_000, fileBytes: 64 * 1024, rounds: 7 },
  { fileCount: 20_000, fileBytes: 1024, rounds: 3 },
];
const MEMORY_FILE_COUNT = 100_000;
const QUICK_DIVISOR = 20;

const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
const syncfs = koffi.load(null).func('int syncfs(int fd)');

/** Runs the benchmark and prints its tables. */
export async function benchDirectory({ quick, only = '' }: BenchOptions): Promise<void> {
  const parent = process.env['HOLDFAST_BENCH_DIRECTORY'] ?? tmpdir();
  const root = nodeFs.mkdtempSync(`${parent}/holdfast-bench-`);
  const divisor = quick ? QUICK_DIVISOR : 1;
  try {
    for (const { fileCount, fileBytes, rounds } of cases) {
      const scaled = { fileCount: fileCount / divisor, fileBytes };
      const title = `publish ${scaled.fileCount} files of ${fileBytes} bytes`;
      if (!title.includes(only)) continue;
      const contenders = contendersOf(root, scaled);
      const timesMs = await medianTimesMs(contenders, quick ? 1 : rounds);
      printTimes(title, contenders, timesMs);
    }
    if ('memory'.includes(only)) printMemory(root, MEMORY_FILE_COUNT / divisor);
  } finally {
    nodeFs.rmSync(root, { recursive: true, force: true });
  }
}

function contendersOf(root: string, size: TreeSize): readonly Contender[] {
  const source = `${root}/source-${size.fileCount}`;
  const target = `${root}/target`;
  nodeFs.mkdirSync(source);
  writeFiles(source, size, () => undefined);
  const prepare = (): void => {
    nodeFs.rmSync(target, { recursive: true, force: true });
    withDirectory(root, (fd) => syncfs(fd));
  };
  const bare = (name: string, publish: () => void | Promise<void>): Contender => ({
    name,
    prepare,
    run: publish,
  });
  return [
    bare('floor: bare writes, one syncfs, rename', () => floor(root, target, size)),
    bare('holdfast', () => publishByHoldfast(target, size, 'auto')),
    bare('holdfast, sync: each', () => publishByHoldfast(target, size, 'each')),
    bare('bare, one fsync a file in sequence', () => fsyncInSequence(root, target, size)),
    bare('cp -r, sync, mv', () => {
      execFileSync('cp', ['-r', source, `${root}/copy`]);
      execFileSync('sync');
      execFileSync('mv', [`${root}/copy`, target]);
    }),
  ];
}

async function publishByHoldfast(
  target: string,
  size: TreeSize,
  sync: SyncStrategy,
): Promise<void> {
  const data = new Uint8Array(size.fileBytes).fill(7);
  await publishDirectory(
    target,
    async (stage) => {
      for (let file = 0; file < size.fileCount; file += 1) await stage.write(`file-${file}`, data);
    },
    { sync },
  );
}

function floor(root: string, target: string, size: TreeSize): void {
  const stage = `${root}/stage`;
  nodeFs.mkdirSync(stage);
  withDirectory(stage, (fd) => {
    writeFiles(stage, size, () => undefined);
    syncfs(fd);
  });
  nodeFs.renameSync(stage, target);
  withDirectory(root, (fd) => nodeFs.fsyncSync(fd));
}

function fsyncInSequence(root: string, target: string, size: TreeSize): void {
  const stage = `${root}/stage`;
  nodeFs.mkdirSync(stage);
  writeFiles(stage, size, (fd) => nodeFs.fsyncSync(fd));
  withDirectory(stage, (fd) => nodeFs.fsyncSync(fd));
  nodeFs.renameSync(stage, target);
  withDirectory(root, (fd) => nodeFs.fsyncSync(fd));
}

function writeFiles(directory: string, size: TreeSize, sync: (fd: number) => void): void {
  const data = new Uint8Array(size.fileBytes).fill(7);
  for (let file = 0; file < size.fileCount; file += 1) {
    const fd = nodeFs.openSync(`${directory}/file-${file}`, 'wx');
    nodeFs.writeSync(fd, data, 0, data.length, 0);
    sync(fd);
    nodeFs.closeSync(fd);
  }
}

function withDirectory(path: string, use: (fd: number) => void): void {
  const fd = nodeFs.openSync(path, 'r');
  use(fd);
  nodeFs.closeSync(fd);
}

/**
 * The highest resident memory of a process that publishes many files, and of one that does nothing.
 */
function printMemory(root: string, fileCount: number): void {
  const bareMb = peakMemoryMb('');
  const publishMb = peakMemoryMb(`
    import { publishDirectory } from 'holdfast';
    await publishDirectory(${JSON.stringify(`${root}/many`)}, async (stage) => {
      for (let file = 0; file < ${fileCount}; file += 1) {
        await stage.write(\`\${file % 100}/\${file}\`, 'x');
      }
    });`);
  console.log(`\nmemory for ${fileCount} files (peak resident)`);
  console.log(`  bare Node ${bareMb.toFixed(0)} MB, publishing ${publishMb.toFixed(0)} MB`);
}

function peakMemoryMb(script: string): number {
  const told = 'process.stdout.write(String(process.resourceUsage().maxRSS));';
  const output = execFileSync(
    process.execPath,
    ['--input-type=module', '--eval', `${script}\n${told}`],
    { cwd: import.meta.dirname, encoding: 'utf8' },
  );
  return Number(output) / 1024;
}

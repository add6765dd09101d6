/**
 * Replacing files: one after the other, and 16 in flight, by Holdfast, by write-file-atomic (which
 * does not sync the directory), by the two together, and by bare synchronous system calls (the
 * floor). Then what whole programs take.
 *
 * HOLDFAST_BENCH_DIRECTORY names the directory to work in, and with it the filesystem; the default
 * is a temporary one.
 */
import { execFileSync } from 'node:child_process';
import * as nodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { replaceFile } from 'holdfast';
import type { BenchOptions } from './bench-options.js';
import { writeFileAtomic } from './peer-packages.js';
import { medianTimesMs, printTimes, type Contender } from './rounds.js';

const FILE_BYTES = 4096;
const ROUNDS = 7;

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
        const contenders = contendersOf(root, count, inFlight, fresh);
        const timesMs = await medianTimesMs(contenders, rounds);
        printTimes(title, contenders, timesMs);
      }
    }
    if ('cold start'.includes(only)) await printColdStart(root, quick ? 3 : 21);
  } finally {
    nodeFs.rmSync(root, { recursive: true, force: true });
  }
}

function contendersOf(
  root: string,
  count: number,
  inFlight: number,
  fresh: boolean,
): readonly Contender[] {
  const directory = `${root}/files`;
  const data = new Uint8Array(FILE_BYTES).fill(7);
  return Object.entries(ways).map(([name, write]) => ({
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

/**
 * What programs take that start, do one thing and end: from the bundles that users get, and from
 * their modules.
 */
const programs: Readonly<Record<string, string>> = {
  "import('holdfast')": "await import('holdfast');",
  'one updateJson': `
    const { updateJson } = await import('holdfast');
    await updateJson('count.json', ({ count }) => ({ count: count + 1 }), { initial: { count: 0 } });`,
  'one updateJsonSync': `
    const { updateJsonSync } = await import('holdfast/sync');
    updateJsonSync('count.json', ({ count }) => ({ count: count + 1 }), { initial: { count: 0 } });`,
  'a mosaic of four tiles': `
    const { fromArray, writeTiledVrt } = await import('@holdfast/raster');
    const source = fromArray({ data: new Float32Array(1024 * 1024), width: 1024, height: 1024 });
    await writeTiledVrt('mosaic.vrt', source, { compression: 'none', ifExists: 'replace' });`,
};

async function printColdStart(root: string, rounds: number): Promise<void> {
  const contenders: Contender[] = [{ name: 'bare Node', run: () => runProgram(root, '', {}) }];
  const modules = { NODE_OPTIONS: '--conditions=holdfast-modules' };
  for (const [name, script] of Object.entries(programs)) {
    contenders.push({ name, run: () => runProgram(root, script, {}) });
    contenders.push({
      name: `${name}, not bundled`,
      run: () => runProgram(root, script, modules),
    });
  }
  const commandLine = fileURLToPath(new URL('../../packages/cli/bin/holdfast.js', import.meta.url));
  contenders.push({
    name: 'holdfast json set',
    run: () => runNode([commandLine, 'json', 'set', `${root}/count.json`, '/count', '1'], {}),
  });
  printTimes('cold start', contenders, await medianTimesMs(contenders, rounds));
}

function runProgram(directory: string, script: string, environment: NodeJS.ProcessEnv): void {
  const text = `process.chdir(${JSON.stringify(directory)});${script}`;
  runNode(['--input-type=module', '--eval', text], environment);
}

function runNode(parameters: readonly string[], environment: NodeJS.ProcessEnv): void {
  // Packages are found from here; certificates of the machine's own, which Node would parse at
  // every start, are no part of it.
  execFileSync(process.execPath, parameters, {
    cwd: import.meta.dirname,
    env: { ...process.env, NODE_EXTRA_CA_CERTS: undefined, ...environment },
  });
}

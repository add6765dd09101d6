/**
 * Documents and directories in a store: requests to write, bytes, time and memory. A counter of 16
 * writers who share nothing, a burst of 50 callers who share a process, and the publishing of a
 * directory of the size of a mosaic (64 files of 4 MiB, 8192 x 8192 in float32) and of such a mosaic
 * (HOLDFAST_BENCH_SIZE for another size) beside the local publishing of the same and bare PUTs of
 * the same bytes.
 *
 * The store is gofakes3 on the loopback, which `.ci/run stores` builds; HOLDFAST_BENCH_STORE names
 * another one, with a bucket `bucket`, and the credentials as the environment has them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { s3Store, updateJson, type ObjectStore } from '@holdfast/objectstore';
import { repository } from '@holdfast/tools/testing';
import type { BenchOptions } from './bench-options.js';
import { printUse, type ProgramContender } from './process-use.js';
import { terrainOf } from './raster.js';

const job = fileURLToPath(new URL('stores-job.js', import.meta.url));
const mosaicJob = fileURLToPath(new URL('stores-mosaic-job.js', import.meta.url));

/** Runs the benchmark and prints its tables. */
export async function benchStores({ quick, only = '' }: BenchOptions): Promise<void> {
  const root = mkdtempSync(`${tmpdir()}/holdfast-bench-`);
  const given = process.env['HOLDFAST_BENCH_STORE'];
  const server = given === undefined ? await startStore(root) : undefined;
  const endpoint = given ?? server?.endpoint ?? '';
  try {
    if ('counter'.includes(only)) {
      await printUpdates(endpoint, { writers: 16, callers: 1, times: quick ? 2 : 20 });
      await printUpdates(endpoint, { writers: 1, callers: 50, times: quick ? 2 : 20 });
    }
    if ('directory'.includes(only)) printDirectory(root, endpoint, quick);
    for (const compression of ['none', 'deflate'])
      if (`mosaic, ${compression}`.includes(only))
        printMosaic(root, endpoint, { compression, quick });
  } finally {
    await server?.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

interface Writers {
  /** Who share no queue, as processes and machines do not. */
  readonly writers: number;
  /** Of each writer, at once. */
  readonly callers: number;
  /** Updates of each caller, one after another. */
  readonly times: number;
}

async function printUpdates(endpoint: string, { writers, callers, times }: Writers): Promise<void> {
  const url = `s3://bucket/counter-${writers}-${callers}-${process.pid}.json`;
  const use = { puts: 0, bytes: 0 };
  const began = performance.now();
  const each = Array.from({ length: writers }, () => counting(storeAt(endpoint), use));
  const call = async (store: ObjectStore): Promise<void> => {
    for (let made = 0; made < times; made += 1)
      await updateJson<{ n?: number }>(url, ({ n = 0 }) => ({ n: n + 1 }), { store });
  };
  await Promise.all(
    each.flatMap((store) => Array.from({ length: callers }, async () => call(store))),
  );
  const seconds = (performance.now() - began) / 1000;
  const updates = writers * callers * times;
  const { n } = await updateJson<{ n?: number }>(url, (value) => value, {
    store: storeAt(endpoint),
  });
  if (n !== updates) throw new Error(`${updates - (n ?? 0)} of ${updates} updates were lost`);
  console.log(`\n${writers} writers, ${callers} callers each, ${times} updates a caller`);
  console.log(
    `  ${use.puts} PUTs, ${(use.puts / updates).toFixed(2)} an update, ${(use.bytes / 1000).toFixed(0)} kB, ${seconds.toFixed(2)} s, ` +
      `${(updates / seconds).toFixed(0)} updates a second`,
  );
}

function storeAt(endpoint: string): ObjectStore {
  return s3Store({ endpoint, allowHttp: true, trusted: true });
}

/** The store, whose requests to write are counted. */
function counting(store: ObjectStore, use: { puts: number; bytes: number }): ObjectStore {
  const put: ObjectStore['put'] = async (name, body, options) => {
    use.puts += 1;
    use.bytes += body.length;
    return store.put(name, body, options);
  };
  return {
    endpoint: store.endpoint,
    isTrusted: true,
    put,
    get: store.get.bind(store),
    head: store.head.bind(store),
    delete: store.delete.bind(store),
    list: store.list.bind(store),
    createUpload: store.createUpload.bind(store),
    putPart: store.putPart.bind(store),
    completeUpload: store.completeUpload.bind(store),
    abortUpload: store.abortUpload.bind(store),
  };
}

function printDirectory(root: string, endpoint: string, quick: boolean): void {
  const fileCount = quick ? 4 : 64;
  const program = [job, endpoint, `${root}/local`, `${fileCount}`];
  printWays(`a directory of ${fileCount} files of 4 MiB`, { root, program, quick });
}

function printMosaic(
  root: string,
  endpoint: string,
  { compression, quick }: { readonly compression: string; readonly quick: boolean },
): void {
  const sizePx = quick ? 1024 : Number(process.env['HOLDFAST_BENCH_SIZE'] ?? 8192);
  const inputs = process.env['HOLDFAST_BENCH_DIRECTORY'] ?? root;
  const { input } = terrainOf(inputs, 'float32', sizePx);
  const program = [mosaicJob, endpoint, `${root}/local`, input, compression];
  const title = `a mosaic of ${sizePx} x ${sizePx} float32, 512 px, ${compression}`;
  printWays(title, { root, program, quick });
}

/** What is asked of a program: its words say in which ways it is done. */
interface Asked {
  readonly root: string;
  readonly program: readonly string[];
  readonly quick: boolean;
}

function printWays(title: string, { root, program, quick }: Asked): void {
  const way = (name: string, words: readonly string[]): ProgramContender => ({
    name,
    prepare: () => {
      rmSync(`${root}/local`, { recursive: true, force: true });
    },
    command: () => [process.execPath, ...program, ...words],
  });
  const contenders = [
    way('floor: published locally, and bare PUTs', ['local', 'puts']),
    way('published locally', ['local']),
    way('published to the store', ['publish']),
  ];
  printUse(title, contenders, quick ? 1 : 3);
}

async function startStore(
  root: string,
): Promise<{ readonly endpoint: string; stop(): Promise<void> }> {
  const program = `${repository}.cache/stores/gofakes3`;
  if (!existsSync(program)) throw new Error(`there is no ${program}: run .ci/run stores`);
  process.env['AWS_ACCESS_KEY_ID'] ??= 'key';
  process.env['AWS_SECRET_ACCESS_KEY'] ??= 'secret';
  const port = await freePort();
  const file = ['-backend', 'bolt', '-bolt.db', `${root}/bolt.db`, '-initialbucket', 'bucket'];
  const child = spawn(program, ['-host', `127.0.0.1:${port}`, ...file], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const endpoint = `http://127.0.0.1:${port}/`;
  while (!(await fetch(endpoint).catch(() => undefined))) await sleep(20);
  return {
    endpoint,
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

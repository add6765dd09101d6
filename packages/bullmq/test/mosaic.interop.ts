/** Mosaics made by workers in processes of their own, on a real Redis. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { type EventEmitter, once } from 'node:events';
import {
  createReadStream,
  existsSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  addMosaicFlow,
  type MosaicFlowOptions,
  type MosaicOfFlow,
  mosaicWorker,
  retryMosaic,
} from '@holdfast/bullmq';
import {
  abandonMosaic,
  beginMosaic,
  fromGeoTiff,
  verifyVrt,
  type WrittenMosaic,
  writeTiledVrt,
} from '@holdfast/raster';
import { type RedisServer, startRedis, temporaryDirectory } from '@holdfast/tools/testing';
import { Queue, QueueEvents } from 'bullmq';
import { isHoldfastError } from 'holdfast';
import { Redis } from 'ioredis';
import { readCount, type Trouble, troubledSource, wholeSource } from './troubled-processor.js';

const troubled = new URL('./troubled-processor.js', import.meta.url).href;
const PART_COUNT = 4;

/** A session of four parts, a tile each, of which the last is in trouble; and its queue. */
async function begun(
  t: TestContext,
  trouble: Omit<Trouble, 'folder'>,
): Promise<{
  readonly redis: RedisServer;
  readonly mosaic: MosaicOfFlow;
  readonly trouble: Trouble;
  readonly options: MosaicFlowOptions;
  readonly queue: Queue;
  readonly events: QueueEvents;
}> {
  const redis = await startRedis(t);
  const { connection } = redis;
  const folder = temporaryDirectory(t);
  const path = join(folder, 'dem.vrt');
  const note = { ...trouble, folder };
  const session = await beginMosaic(path, troubledSource(note), {
    partCount: PART_COUNT,
    tileSizePx: 32,
    overviews: 'auto',
    note,
  });
  const { queue, events } = await queueOf(redis);
  const options = { connection, attempts: 3, backoffMs: 1 };
  return { redis, mosaic: { ...session, path }, trouble: note, options, queue, events };
}

async function queueOf({ connection, beforeEnd }: RedisServer): Promise<{
  readonly queue: Queue;
  readonly events: QueueEvents;
}> {
  const queue = new Queue('holdfast', { connection });
  const events = new QueueEvents('holdfast', { connection });
  for (const each of [queue, events] as (EventEmitter & { close(): Promise<void> })[]) {
    // What it says while Redis is away.
    each.on('error', () => undefined);
    beforeEnd(() => each.close());
  }
  await events.waitUntilReady();
  return { queue, events };
}

interface WorkerSetup {
  readonly processor?: string;
  readonly lockDuration?: number;
}

/** A worker in a process of its own, once it works. */
async function startWorker(
  { connection, beforeEnd }: RedisServer,
  { processor = troubled, lockDuration = 30_000 }: WorkerSetup = {},
): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('./worker.js', import.meta.url));
  const worker = fork(program, [JSON.stringify(connection), processor, `${lockDuration}`]);
  beforeEnd(() => killed(worker));
  assert.deepEqual(await once(worker, 'message'), ['works', undefined]);
  return worker;
}

async function killed(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const exit = once(worker, 'exit');
  worker.kill('SIGKILL');
  await exit;
}

function redisClient({ connection, beforeEnd }: RedisServer): Redis {
  const client = new Redis(connection);
  beforeEnd(() => client.disconnect());
  return client;
}

async function committed(queue: Queue, events: QueueEvents, jobId: string): Promise<WrittenMosaic> {
  const job = await queue.getJob(jobId);
  assert.ok(job, `there is no job ${jobId}`);
  return (await job.waitUntilFinished(events)) as WrittenMosaic;
}

async function attemptsOf(queue: Queue, jobId: string): Promise<number | undefined> {
  return (await queue.getJob(jobId))?.attemptsMade;
}

function bytesBelow(directory: string): Record<string, string> {
  const entries = readdirSync(directory, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile() && /\.(tif|vrt|json)$/u.test(entry.name));
  return Object.fromEntries(
    files
      .filter(({ name }) => !name.endsWith('.session.json'))
      .map((file) => join(file.parentPath, file.name))
      .map((path) => [path.slice(directory.length), readFileSync(path, 'base64')]),
  );
}

/** The mosaic is the one that one process writes. */
async function assertWhole(t: TestContext, { folder }: Trouble): Promise<void> {
  const other = temporaryDirectory(t);
  const path = join(other, 'dem.vrt');
  await writeTiledVrt(path, wholeSource(), { tileSizePx: 32, overviews: 'auto' });
  assert.deepEqual(bytesBelow(folder), bytesBelow(other));
}

test('two workers make a mosaic whose flow was added twice, and it is the one of one process', async (t) => {
  const { redis, mosaic, trouble, options, queue, events } = await begun(t, {});
  const commit = await addMosaicFlow(mosaic, options);
  assert.equal(await addMosaicFlow(mosaic, options), commit);
  await Promise.all([startWorker(redis), startWorker(redis)]);
  const written = await committed(queue, events, commit);
  assert.equal(written.tileCount, 4);
  assert.equal(readCount(trouble), 1);
  assert.equal(await queue.getJobCountByTypes('completed'), PART_COUNT + 1);
  await assertWhole(t, trouble);
  assert.deepEqual(await retryMosaic(mosaic, options), []);
});

test('without a processor the note is the path of a GeoTIFF', async (t) => {
  const redis = await startRedis(t);
  const folder = temporaryDirectory(t);
  await writeTiledVrt(join(folder, 'input.vrt'), wholeSource(), { tileSizePx: 256 });
  const note = join(folder, 'input_tiles', 'tile_00_00.tif');
  const source = await fromGeoTiff(note);
  const path = join(folder, 'dem.vrt');
  const session = await beginMosaic(path, source, { partCount: 2, tileSizePx: 32, note });
  await source.close?.();
  const { connection } = redis;
  const commit = await addMosaicFlow({ ...session, path }, { connection });
  await startWorker(redis, { processor: '' });
  const { queue, events } = await queueOf(redis);
  await committed(queue, events, commit);
  assert.deepEqual((await verifyVrt(path, { deep: true })).problems, []);
});

test('a part that loses its worker three times is made by the fourth, and none of them was an attempt', async (t) => {
  const { redis, mosaic, trouble, options, queue, events } = await begun(t, { kills: 3 });
  const commit = await addMosaicFlow(mosaic, options);
  const end = committed(queue, events, commit);
  const lockDuration = 1000;
  for (let lives = 0; lives < 3; lives += 1) {
    const worker = await startWorker(redis, { lockDuration });
    // Or the commit fails.
    if (worker.signalCode === null) await Promise.race([once(worker, 'exit'), end]);
    assert.equal(worker.signalCode, 'SIGKILL');
  }
  await startWorker(redis, { lockDuration });
  await end;
  assert.equal(readCount(trouble), 4);
  await assertWhole(t, trouble);
});

test('a part that failed for good fails the commit, and a retry of the mosaic brings both to their end', async (t) => {
  const { redis, mosaic, trouble, options, queue, events } = await begun(t, {
    failsUntilMended: true,
  });
  const commit = await addMosaicFlow(mosaic, options);
  const worker = await startWorker(redis);
  await assert.rejects(committed(queue, events, commit), /part-3/u);
  assert.equal(readCount(trouble), 3);
  assert.equal(existsSync(mosaic.path), false);
  writeFileSync(join(trouble.folder, 'mended'), '');
  assert.deepEqual(await retryMosaic(mosaic, options), [3]);
  await committed(queue, events, commit);
  await killed(worker);
  await assertWhole(t, trouble);
});

test('a part that keeps its thread busy for longer than a lock lasts is given to nobody else', async (t) => {
  const { redis, mosaic, trouble, options, queue, events } = await begun(t, {
    isBusyUntilReleased: true,
  });
  const commit = await addMosaicFlow(mosaic, options);
  const lockDuration = 3000;
  await Promise.all([1, 2].map(() => startWorker(redis, { lockDuration })));
  const client = redisClient(redis);
  // Until the lock has been renewed more often than it lasts without.
  const key = `bull:holdfast:${mosaic.id}-part-3:lock`;
  for (let renewed = 0, before = -2; renewed < 3;) {
    const now = await client.pttl(key);
    if (before >= 0 && now > before) renewed += 1;
    before = now;
  }
  writeFileSync(join(trouble.folder, 'released'), '');
  await committed(queue, events, commit);
  assert.equal(readCount(trouble), 1);
  await assertWhole(t, trouble);
});

for (const [what, troubles] of Object.entries({
  'that waits': { waitsForSignal: true },
  'that keeps its thread busy': { isBusyUntilReleased: true },
})) {
  test(`a part ${what} ends, with its process, when its worker was killed, and another one makes it`, async (t) => {
    const { redis, mosaic, trouble, options, queue, events } = await begun(t, {
      showsLife: true,
      ...troubles,
    });
    const fifo = join(trouble.folder, 'alive');
    execFileSync('mkfifo', [fifo]);
    const commit = await addMosaicFlow(mosaic, options);
    const lockDuration = 1000;
    const worker = await startWorker(redis, { lockDuration });
    const alive = createReadStream(fifo);
    await once(alive, 'open');
    await killed(worker);
    writeFileSync(join(trouble.folder, 'released'), '');
    alive.resume();
    await once(alive, 'end');
    const attempts = join(trouble.folder, `.dem.vrt.session-${mosaic.id}`, 'attempts');
    if ('waitsForSignal' in troubles)
      assert.ok(readdirSync(attempts).every((name) => !name.startsWith('3-')));
    await startWorker(redis, { lockDuration });
    await committed(queue, events, commit);
    await assertWhole(t, trouble);
  });
}

test('parts of a session that was abandoned fail at their first attempt', async (t) => {
  const { redis, mosaic, options, queue, events } = await begun(t, {});
  const commit = await addMosaicFlow(mosaic, options);
  await abandonMosaic(mosaic.path, mosaic.id);
  await startWorker(redis);
  await assert.rejects(committed(queue, events, commit));
  const job = await queue.getJob(`${mosaic.id}-part-0`);
  await assert.rejects(job!.waitUntilFinished(events), /SESSION_GONE/u);
  assert.equal(await attemptsOf(queue, job!.id!), 1);
  await assert.rejects(retryMosaic(mosaic, options), (error) =>
    isHoldfastError(error, 'SESSION_GONE'),
  );
});

test('a Redis that lost everything is given the flow again, and what was done is not made again', async (t) => {
  const { redis, mosaic, trouble, options, queue, events } = await begun(t, {
    failsUntilMended: true,
  });
  const commit = await addMosaicFlow(mosaic, options);
  const worker = await startWorker(redis);
  await assert.rejects(committed(queue, events, commit));
  await killed(worker);
  const parts = join(trouble.folder, `.dem.vrt.session-${mosaic.id}`, 'parts');
  const records = readdirSync(parts);
  assert.equal(records.length, 3);
  await redis.kill();
  await redis.start();
  writeFileSync(join(trouble.folder, 'mended'), '');
  assert.equal(await queue.getJob(commit), undefined);
  await addMosaicFlow(mosaic, options);
  await startWorker(redis);
  await committed(queue, events, commit);
  for (const part of [0, 1, 2]) {
    const { returnvalue } = (await queue.getJob(`${mosaic.id}-part-${part}`))!;
    assert.deepEqual(returnvalue, { part, wasDone: true });
  }
  await assertWhole(t, trouble);
});

test('a tile that is damaged before the commit is named by it, and made again by a retry', async (t) => {
  const { redis, mosaic, trouble, options, queue, events } = await begun(t, {
    isBusyUntilReleased: true,
  });
  const commit = await addMosaicFlow(mosaic, options);
  await startWorker(redis);
  const jobs = await Promise.all(
    [0, 1, 2].map((part) => queue.getJob(`${mosaic.id}-part-${part}`)),
  );
  await Promise.all(jobs.map((job) => job!.waitUntilFinished(events)));
  const attempts = join(trouble.folder, `.dem.vrt.session-${mosaic.id}`, 'attempts');
  const [attempt = ''] = readdirSync(attempts).filter((name) => name.startsWith('1-'));
  const [tile = ''] = readdirSync(join(attempts, attempt)).filter((name) => name.endsWith('.tif'));
  truncateSync(join(attempts, attempt, tile), 100);
  writeFileSync(join(trouble.folder, 'released'), '');
  await assert.rejects(committed(queue, events, commit), /PARTS_MISSING.*retryMosaic/u);
  assert.equal(await attemptsOf(queue, commit), 1);
  assert.deepEqual(await retryMosaic(mosaic, options), [1]);
  await committed(queue, events, commit);
  await assertWhole(t, trouble);
});

test('10,000 parts take less than 20 MB of Redis, and go through two workers', async (t) => {
  const redis = await startRedis(t);
  const { connection } = redis;
  const { queue, events } = await queueOf(redis);
  const client = redisClient(redis);
  const used = async (): Promise<number> =>
    Number(/used_memory_dataset:(\d+)/u.exec(await client.info('memory'))?.[1]);
  const before = await used();
  const mosaic = { id: '0123456789abcdef0123', partCount: 10_000, path: '/srv/data/dem.vrt' };
  const start = performance.now();
  const told = (what: string): void =>
    t.diagnostic(`${what} after ${Math.round(performance.now() - start)} ms`);
  const commit = await addMosaicFlow(mosaic, { connection });
  told('added');
  assert.equal(await queue.getJobCountByTypes('wait'), 10_000);
  const bytes = (await used()) - before;
  t.diagnostic(`${(bytes / 1e6).toFixed(1)} MB`);
  assert.ok(bytes < 20e6, `${bytes}`);
  const processor = new URL('./idle-processor.js', import.meta.url).href;
  await Promise.all([startWorker(redis, { processor }), startWorker(redis, { processor })]);
  await committed(queue, events, commit);
  told('all jobs done');
  assert.equal(await queue.getJobCountByTypes('wait', 'active', 'failed'), 0);
});

test('a function is no processor, and an option that does not exist is refused', async () => {
  const connection = { host: '127.0.0.1', port: 1 };
  assert.throws(
    () => mosaicWorker({ connection, processor: (() => undefined) as never }),
    (error) => isHoldfastError(error, 'INVALID_ARGUMENT'),
  );
  const mosaic = { id: '0123456789abcdef0123', partCount: 1, path: 'dem.vrt' };
  for (const wrong of [{ attempts: 0 }, { backoffMs: -1 }, { atempts: 3 }] as object[]) {
    await assert.rejects(addMosaicFlow(mosaic, { connection, ...wrong }), (error) =>
      isHoldfastError(error, 'INVALID_ARGUMENT'),
    );
  }
});

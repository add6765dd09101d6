/**
 * Encodes and writes tiles side by side, and decodes blocks: on worker threads, or for a small
 * raster on the calling thread, where starting a thread would take longer than the work. Whoever
 * reads has blocks decoded by the threads of a write that is under way, or by some that are kept
 * for reading.
 */
import { types } from 'node:util';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { invalidArgument } from 'holdfast/options';
import { isMachines, nodeFileSystem, type Fs } from 'holdfast/os';
import {
  type Pixels,
  type RasterArray,
  sampleBytes,
  type Transform,
  type Window,
} from '../model.js';
import { arrivedError } from './carried-error.js';
import type { BlockMaker } from './block-maker.js';
import type { BlockTask, MadeBlock } from './block-task.js';
import type { EncodedBlocks } from '../source/geotiff/decode-block.js';
import type {
  BlockOrder,
  BlocksOrder,
  Done,
  Order,
  PoolSetup,
  Reply,
  TileOrder,
} from './messages.js';
import { SpareBuffers } from './spare-buffers.js';
import { areGiven, type TileTask, type WrittenTile } from './tile-task.js';
import type { TileWriter } from './tile-writer.js';

/** Writes tiles of one format. */
export interface EncoderPool {
  /**
   * How many tiles are worth having under way at once, once it is prepared; more only wait, and
   * cost memory.
   */
  readonly capacity: number;
  /** Whether the threads read raw samples by themselves: then a tile is given as its window. */
  readonly readsRaw: boolean;
  /**
   * Starts the threads that so many tiles will need, so that they are there when the first tile is.
   */
  start(tileCount: number): void;
  /**
   * Says what the tiles have in common, before the first; or the blocks, also once all tiles are
   * written.
   */
  prepare(setup: PoolSetup): Promise<void>;
  /**
   * Encodes a tile and writes it to a new file. Samples are the pool's from then on: their buffer
   * may move to another thread and must not be used again.
   *
   * @param samples - the tile's own; or its window, where the pool reads raw samples
   * @returns what was written, or `undefined` for an empty tile that was left out
   * @throws the error of the tile, with the stack of the thread where it was thrown; after one the
   *   pool goes on
   */
  writeTile(
    path: string,
    samples: Pixels | Window,
    transform?: Transform,
  ): Promise<WrittenTile | undefined>;
  /**
   * Makes a block of an image that is written block by block. The samples are the pool's from then
   * on.
   *
   * @throws the error of the block
   */
  makeBlock(task: BlockTask): Promise<MadeBlock>;
  /**
   * Decodes blocks. Their memory is the pool's from then on.
   *
   * @returns the samples of all of them
   * @throws what `decodeBlocks` throws
   */
  decode(blocks: EncodedBlocks): Promise<ArrayBuffer>;
  /**
   * A buffer for samples: one that a written tile has given back, or a new one. What is in it is
   * left over.
   */
  readonly takeBuffer: (sizeBytes: number) => ArrayBuffer;
  /** Gives the memory of samples back that nobody looks at any more. */
  giveBuffer(buffer: ArrayBufferLike): void;
  /**
   * Waits for the tiles under way, then ends all threads. Nothing keeps the process alive after.
   * May be called again.
   */
  close(): Promise<void>;
}

export interface EncoderPoolOptions {
  /** Worker threads, one a core by default; 0 encodes on the calling thread. */
  readonly threads?: number | undefined;
  /**
   * The filesystem to work on; the machine's own by default. Any other lives in the calling thread,
   * and so tiles are encoded there.
   */
  readonly fs?: Fs | undefined;
}

const MOST_THREADS = 1024;

/**
 * Opens a pool. It starts threads when it is told to, or with the first tiles; what encodes is
 * loaded by the threads alone.
 *
 * @throws HoldfastError INVALID_ARGUMENT for a number of threads that is none
 */
export function openEncoderPool(options: EncoderPoolOptions = {}): EncoderPool {
  const { fs = nodeFileSystem } = options;
  const threads = checkThreads(options.threads ?? availableParallelism());
  const pool = threads === 0 || !isMachines(fs) ? new InlinePool(fs) : new WorkerPool(threads);
  writing.push(pool);
  return pool;
}

/** The pools of writes that are under way. */
const writing: EncoderPool[] = [];

function withdraw(pool: EncoderPool): void {
  const index = writing.indexOf(pool);
  if (index >= 0) writing.splice(index, 1);
}

/**
 * As much is decoded on the calling thread before others are started: about what it takes to start
 * them.
 */
const WORTH_STARTING_BYTES = 16 * 1024 * 1024;
/** Then they end. */
const LONGEST_IDLE_MS = 10_000;

/** The threads that are kept for reading. */
const reading: { pool?: WorkerPool | undefined; idle?: NodeJS.Timeout; decodedBytes: number } = {
  decodedBytes: 0,
};

/**
 * Decodes blocks on the threads that there are. Their memory must not be used again.
 *
 * @returns the samples of all of them
 * @throws what `decodeBlocks` throws
 */
export async function decodeOnThreads(blocks: EncodedBlocks): Promise<ArrayBuffer> {
  const pool = writing.at(-1) ?? readingPool(blocks.sizeBytes);
  return pool ? pool.decode(blocks) : decodeInline(blocks, new ArrayBuffer(blocks.sizeBytes));
}

function readingPool(sizeBytes: number): EncoderPool | undefined {
  reading.decodedBytes += sizeBytes;
  if (reading.decodedBytes < WORTH_STARTING_BYTES) return undefined;
  if (!reading.pool) {
    const threads = availableParallelism();
    if (threads === 1) return undefined;
    reading.pool = new WorkerPool(threads);
    reading.pool.start(threads);
  }
  reading.idle ??= setTimeout(endReading, LONGEST_IDLE_MS).unref();
  reading.idle.refresh();
  return reading.pool.isRunning ? reading.pool : undefined;
}

/**
 * Gives the memory of samples back that nobody looks at any more, for blocks still to be decoded.
 */
export function giveSamples({ buffer, byteLength }: RasterArray): void {
  if (buffer.byteLength === byteLength) reading.pool?.giveBuffer(buffer);
}

function endReading(): void {
  void reading.pool?.close();
  reading.pool = undefined;
}

async function decodeInline(blocks: EncodedBlocks, room: ArrayBuffer): Promise<ArrayBuffer> {
  const { decodeBlocks } = await import('../source/geotiff/decode-block.js');
  decodeBlocks(blocks, room);
  return room;
}

function checkThreads(threads: number): number {
  if (Number.isInteger(threads) && threads >= 0 && threads <= MOST_THREADS) return threads;
  throw invalidArgument(
    'threads',
    `threads is a whole number from 0 to ${MOST_THREADS}, not ${threads}.`,
  );
}

/** Encodes on the calling thread. */
class InlinePool implements EncoderPool {
  readonly capacity = 2;
  readonly readsRaw = false;
  readonly #fs: Fs;
  readonly #buffers = new SpareBuffers(this.capacity + 1);
  readonly #underWay = new Set<Promise<unknown>>();
  #writer: TileWriter | undefined;
  #maker: BlockMaker | undefined;

  constructor(fs: Fs) {
    this.#fs = fs;
  }

  start(): void {}

  async prepare({ format, options, blocks }: PoolSetup): Promise<void> {
    if (blocks) {
      const { BlockMaker: Maker } = await import('./block-maker.js');
      this.#maker = new Maker(format, options, blocks);
      return;
    }
    const { TileWriter: Writer } = await import('./tile-writer.js');
    this.#writer = new Writer(format, options, this.#fs);
  }

  async writeTile(
    path: string,
    samples: Pixels | Window,
    transform?: Transform,
  ): Promise<WrittenTile | undefined> {
    if (!areGiven(samples)) throw new Error('the calling thread has a source to read from');
    return this.#write({ path, transform }, samples);
  }

  async #write(task: Omit<TileTask, 'samples'>, samples: Pixels): Promise<WrittenTile | undefined> {
    if (!this.#writer) throw new Error('the encoder pool is not prepared');
    const written = this.#writer.write(task, samples);
    this.#underWay.add(written);
    return written.finally(() => {
      this.#underWay.delete(written);
      if (isAlone(samples)) this.#buffers.give(samples.data.buffer);
    });
  }

  async makeBlock(task: BlockTask): Promise<MadeBlock> {
    if (!this.#maker) throw new Error('the encoder pool is not prepared for blocks');
    const made = this.#maker.make({ ...task, samples: movable(task.samples) });
    if (isAlone(task.samples) && made.samples?.data.buffer !== task.samples.data.buffer)
      this.#buffers.give(task.samples.data.buffer);
    return made;
  }

  async decode(blocks: EncodedBlocks): Promise<ArrayBuffer> {
    return decodeInline(blocks, this.takeBuffer(blocks.sizeBytes));
  }

  readonly takeBuffer = (sizeBytes: number): ArrayBuffer => this.#buffers.take(sizeBytes);

  giveBuffer(buffer: ArrayBufferLike): void {
    this.#buffers.give(buffer);
  }

  async close(): Promise<void> {
    withdraw(this);
    await Promise.allSettled(this.#underWay);
    this.#writer?.close();
    this.#maker?.close();
  }
}

/** A tile to write, a block to make, or blocks to decode. */
type Work = Omit<TileOrder, 'id'> | Omit<BlockOrder, 'id'> | Omit<BlocksOrder, 'id'>;

/** Work that waits or is under way, and its promise. */
interface PendingTask {
  readonly id: number;
  readonly work: Work;
  readonly resolve: (done: Done) => void;
  readonly reject: (error: unknown) => void;
}

const YOUNG_MB = 6;
/** One tile is encoded while another is written. */
const JOBS_PER_WORKER = 2;
/**
 * Tiles side by side whose raw samples a worker reads together: a call takes as long as it takes to
 * copy 4 KB.
 */
const MOST_READ_TOGETHER = 8;
const MOST_BYTES_READ_TOGETHER = 4 * 1024 * 1024;

class WorkerPool implements EncoderPool {
  readonly #threads: number;
  readonly #workers = new Set<PoolWorker>();
  /**
   * A list, as are the jobs of a worker: a set or map that much passes through keeps it from the
   * collector for long.
   */
  readonly #underWay: Promise<unknown>[] = [];
  readonly #waiting: PendingTask[] = [];
  readonly #buffers: SpareBuffers;
  #setup: PoolSetup | undefined;
  #nextId = 0;
  #closing: Promise<void> | undefined;
  #isRunning = false;

  constructor(threads: number) {
    this.#threads = threads;
    this.#buffers = new SpareBuffers(this.capacity + 1);
  }

  get capacity(): number {
    return this.#threads * (JOBS_PER_WORKER + (this.readsRaw ? MOST_READ_TOGETHER : 0));
  }

  get readsRaw(): boolean {
    return this.#setup?.raw !== undefined;
  }

  start(tileCount: number): void {
    while (this.#workers.size < Math.min(this.#threads, tileCount)) this.#hire();
  }

  async prepare(setup: PoolSetup): Promise<void> {
    this.#setup = setup;
    for (const worker of this.#workers) worker.prepare(setup);
  }

  async writeTile(
    path: string,
    samples: Pixels | Window,
    transform?: Transform,
  ): Promise<WrittenTile | undefined> {
    return this.#write({ path, samples, transform });
  }

  async #write(given: TileTask): Promise<WrittenTile | undefined> {
    const { samples } = given;
    const task = { ...given, samples: areGiven(samples) ? movable(samples) : samples };
    return (await this.#add({ task })) as WrittenTile | undefined;
  }

  async makeBlock(task: BlockTask): Promise<MadeBlock> {
    const block = { ...task, samples: movable(task.samples) };
    return (await this.#add({ block })) as MadeBlock;
  }

  async decode(blocks: EncodedBlocks): Promise<ArrayBuffer> {
    return (await this.#add({ blocks, room: this.takeBuffer(blocks.sizeBytes) })) as ArrayBuffer;
  }

  async #add(work: Work): Promise<Done> {
    if (this.#closing) throw new Error('the encoder pool is closed');
    const done = new Promise<Done>((resolve, reject) => {
      this.#waiting.push({ id: this.#nextId, work, resolve, reject });
      this.#nextId += 1;
      this.#dispatch();
    });
    this.#underWay.push(done);
    return done.finally(() => {
      void this.#underWay.splice(this.#underWay.indexOf(done), 1);
    });
  }

  readonly takeBuffer = (sizeBytes: number): ArrayBuffer => this.#buffers.take(sizeBytes);

  giveBuffer(buffer: ArrayBufferLike): void {
    this.#buffers.give(buffer);
  }

  /** Whether a thread has started. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  async close(): Promise<void> {
    withdraw(this);
    this.#closing ??= this.#end();
    await this.#closing;
  }

  async #end(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    await Promise.all(Array.from(this.#workers, async (worker) => worker.close()));
  }

  /**
   * Hands waiting jobs out, to the worker with the fewest; starts workers while there is work for
   * them.
   */
  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const worker = this.#freeWorker();
      if (!worker) return;
      worker.start(this.#waiting.splice(0, this.#countTogether()));
    }
  }

  /**
   * How many of the jobs that wait go to one worker: tiles to be read together, fewer towards the
   * end.
   */
  #countTogether(): number {
    const [first] = this.#waiting;
    const raw = this.#setup?.raw;
    const samples = first && samplesOf(first);
    if (!samples || !raw || areGiven(samples)) return 1;
    const most = Math.min(
      MOST_READ_TOGETHER,
      MOST_BYTES_READ_TOGETHER / sampleBytes(samples, raw),
      Math.ceil(this.#waiting.length / this.#threads),
    );
    let count = 1;
    while (count < most && isBeside(this.#waiting[count - 1], this.#waiting[count])) count += 1;
    return count;
  }

  #freeWorker(): PoolWorker | undefined {
    let least: PoolWorker | undefined;
    for (const worker of this.#workers) if (!least || worker.load < least.load) least = worker;
    if (this.#workers.size < this.#threads && (!least || least.load > 0)) return this.#hire();
    return least && least.load < JOBS_PER_WORKER ? least : undefined;
  }

  #hire(): PoolWorker {
    const worker: PoolWorker = new PoolWorker({
      started: () => (this.#isRunning = true),
      free: (buffer) => {
        if (buffer) this.#buffers.give(buffer);
        this.#dispatch();
      },
      died: () => {
        // Its own jobs have failed with its error; others go on with a new worker.
        this.#workers.delete(worker);
        this.#dispatch();
      },
    });
    if (this.#setup) worker.prepare(this.#setup);
    this.#workers.add(worker);
    return worker;
  }
}

/** What a worker tells its pool. */
interface PoolEvents {
  readonly started: () => void;
  readonly free: (buffer: ArrayBuffer | undefined) => void;
  readonly died: () => void;
}

/** One worker thread and the jobs it has. It keeps the process alive only while it has some. */
class PoolWorker {
  readonly #thread: Worker;
  readonly #jobs: PendingTask[] = [];
  readonly #events: PoolEvents;
  readonly #ended: Promise<void>;

  constructor(events: PoolEvents) {
    this.#events = events;
    this.#thread = new Worker(new URL('./start-worker.cjs', import.meta.url), {
      // Options of the program's own start, such as --input-type, are not for this file.
      execArgv: [],
      // The samples lie outside of the heap; with room for more, what is dead already would stay
      // for long.
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    this.#thread.unref();
    this.#thread.once('online', events.started);
    this.#thread.on('message', (replies: readonly Reply[]) => {
      for (const reply of replies) this.#finish(reply);
    });
    this.#thread.on('error', (error) => this.#fail(error));
    this.#ended = new Promise((resolve) => {
      this.#thread.once('exit', () => {
        this.#fail(new Error('an encoder thread ended before its work was done'));
        resolve();
      });
    });
  }

  get load(): number {
    return this.#jobs.length;
  }

  prepare(setup: PoolSetup): void {
    this.#thread.postMessage(setup, []);
  }

  start(jobs: readonly PendingTask[]): void {
    this.#jobs.push(...jobs);
    this.#thread.ref();
    try {
      this.#thread.postMessage(orderOf(jobs), jobs.flatMap(movedBuffers));
    } catch (error) {
      // A buffer that cannot be moved, such as one of WebAssembly's.
      for (const { id } of jobs) this.#settle(id)?.reject(error);
    }
  }

  /**
   * Ends the thread, which has no jobs any more. One that is still starting is told, and not
   * terminated: koffi 3.3 aborts the process when it is loaded by a thread that is to end.
   */
  async close(): Promise<void> {
    this.#thread.ref();
    this.#thread.postMessage('close' satisfies Order, []);
    await this.#ended;
  }

  #finish({ id, done, error, buffer }: Reply): void {
    const job = this.#settle(id);
    if (error) job?.reject(arrivedError(error));
    else job?.resolve(done);
    this.#events.free(buffer);
  }

  #settle(id: number): PendingTask | undefined {
    const index = this.#jobs.findIndex((each) => each.id === id);
    const [job] = index < 0 ? [] : this.#jobs.splice(index, 1);
    if (this.load === 0) this.#thread.unref();
    return job;
  }

  #fail(error: unknown): void {
    const jobs = [...this.#jobs].map(({ id }) => this.#settle(id));
    this.#events.died();
    for (const job of jobs) job?.reject(error);
  }
}

/** One order: blocks go alone, each or some to be decoded. */
function orderOf(jobs: readonly PendingTask[]): Order {
  const tiles: TileOrder[] = [];
  for (const { id, work } of jobs) {
    if (!('task' in work)) return { id, ...work };
    tiles.push({ id, ...work });
  }
  return tiles;
}

/** The memory that moves to the worker with a job. */
function movedBuffers({ work }: PendingTask): readonly ArrayBuffer[] {
  if ('blocks' in work) return [work.blocks.encoded.buffer, work.room];
  const { samples } = 'block' in work ? work.block : work.task;
  const buffer = areGiven(samples) ? samples.data.buffer : undefined;
  return types.isArrayBuffer(buffer) ? [buffer] : [];
}

function samplesOf({ work }: PendingTask): Pixels | Window | undefined {
  return 'task' in work ? work.task.samples : undefined;
}

/** Whether a tile that is to be read begins where another one ends, in the same rows. */
function isBeside(left: PendingTask | undefined, right: PendingTask | undefined): boolean {
  const [a, b] = [left && samplesOf(left), right && samplesOf(right)];
  if (!a || !b || areGiven(a) || areGiven(b)) return false;
  return b.xPx === a.xPx + a.widthPx && b.yPx === a.yPx && b.heightPx === a.heightPx;
}

/**
 * Samples that can be moved to another thread without moving anything else: alone in their buffer,
 * or shared.
 */
function movable(pixels: Pixels): Pixels {
  const shared = !types.isArrayBuffer(pixels.data.buffer);
  return shared || isAlone(pixels) ? pixels : { ...pixels, data: pixels.data.slice() };
}

function isAlone({ data }: Pixels): boolean {
  return data.buffer.byteLength === data.byteLength;
}

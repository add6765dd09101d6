/**
 * Encodes and writes tiles side by side: on worker threads, or for a small raster on the calling thread, where
 * starting a thread would take longer than the work.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { invalidArgument } from 'holdfast/options';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import { type Pixels, sampleBytes, type Transform, type Window } from '../model.js';
import { arrivedError } from './carried-error.js';
import type { Order, PoolSetup, Reply } from './messages.js';
import { areGiven, type TileTask, type WrittenTile } from './tile-task.js';
import type { TileWriter } from './tile-writer.js';

/** Writes tiles of one format. */
export interface EncoderPool {
  /** How many tiles are worth having under way at once, once it is prepared; more only wait, and cost memory. */
  readonly capacity: number;
  /** Whether the threads read raw samples by themselves: then a tile is given as its window. */
  readonly readsRaw: boolean;
  /** Starts the threads that so many tiles will need, so that they are there when the first tile is. */
  start(tileCount: number): void;
  /** Says what the tiles have in common: once, before the first. */
  prepare(setup: PoolSetup): Promise<void>;
  /**
   * Encodes a tile and writes it to a new file. Samples are the pool's from then on: their buffer may move to another
   * thread and must not be used again.
   *
   * @param samples - the tile's own; or its window, where the pool reads raw samples
   * @returns what was written, or `undefined` for an empty tile that was left out
   * @throws the error of the tile, with the stack of the thread where it was thrown; after one the pool goes on
   */
  writeTile(
    path: string,
    samples: Pixels | Window,
    transform?: Transform,
  ): Promise<WrittenTile | undefined>;
  /** The same for a file of samples alone: without statistics and overviews, and also if all of them are nodata. */
  writeSamples(path: string, pixels: Pixels, transform?: Transform): Promise<WrittenTile>;
  /** A buffer for samples: one that a written tile has given back, or a new one. What is in it is left over. */
  readonly takeBuffer: (sizeBytes: number) => ArrayBuffer;
  /** Waits for the tiles under way, then ends all threads. Nothing keeps the process alive after. May be called again. */
  close(): Promise<void>;
}

export interface EncoderPoolOptions {
  /** Worker threads, one a core by default; 0 encodes on the calling thread. */
  readonly threads?: number | undefined;
  /**
   * The filesystem to work on; the machine's own by default. Any other lives in the calling thread, and so tiles are
   * encoded there.
   */
  readonly fs?: Fs | undefined;
}

const MOST_THREADS = 1024;

/**
 * Opens a pool. It starts threads when it is told to, or with the first tiles; what encodes is loaded by the threads alone.
 *
 * @throws HoldfastError INVALID_ARGUMENT for a number of threads that is none
 */
export function openEncoderPool(options: EncoderPoolOptions = {}): EncoderPool {
  const { fs = nodeFileSystem } = options;
  const threads = checkThreads(options.threads ?? availableParallelism());
  return threads === 0 || fs !== nodeFileSystem ? new InlinePool(fs) : new WorkerPool(threads);
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

  constructor(fs: Fs) {
    this.#fs = fs;
  }

  start(): void {}

  async prepare({ format, options }: PoolSetup): Promise<void> {
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

  async writeSamples(path: string, pixels: Pixels, transform?: Transform): Promise<WrittenTile> {
    return (await this.#write({ path, transform, samplesOnly: true }, pixels)) as WrittenTile;
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

  readonly takeBuffer = (sizeBytes: number): ArrayBuffer => this.#buffers.take(sizeBytes);

  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    this.#writer?.close();
  }
}

/** A task that waits or is under way, and its promise. */
interface Job {
  readonly id: number;
  readonly task: TileTask;
  readonly resolve: (written: WrittenTile | undefined) => void;
  readonly reject: (error: unknown) => void;
}

const YOUNG_MB = 6;
/** One tile is encoded while another is written. */
const JOBS_PER_WORKER = 2;
/** Tiles side by side whose raw samples a worker reads together: a call takes as long as it takes to copy 4 KB. */
const MOST_READ_TOGETHER = 8;
const MOST_BYTES_READ_TOGETHER = 4 * 1024 * 1024;

class WorkerPool implements EncoderPool {
  readonly #threads: number;
  readonly #workers = new Set<PoolWorker>();
  /** A list, as are the jobs of a worker: a set or map that much passes through keeps it from the collector for long. */
  readonly #underWay: Promise<unknown>[] = [];
  readonly #waiting: Job[] = [];
  readonly #buffers: SpareBuffers;
  #setup: PoolSetup | undefined;
  #nextId = 0;
  #closing: Promise<void> | undefined;

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

  async writeSamples(path: string, pixels: Pixels, transform?: Transform): Promise<WrittenTile> {
    return (await this.#write({
      path,
      samples: pixels,
      transform,
      samplesOnly: true,
    })) as WrittenTile;
  }

  async #write(given: TileTask): Promise<WrittenTile | undefined> {
    if (this.#closing) throw new Error('the encoder pool is closed');
    const { samples } = given;
    const task = { ...given, samples: areGiven(samples) ? movable(samples) : samples };
    const written = new Promise<WrittenTile | undefined>((resolve, reject) => {
      this.#waiting.push({ id: this.#nextId, task, resolve, reject });
      this.#nextId += 1;
      this.#dispatch();
    });
    this.#underWay.push(written);
    return written.finally(() => {
      void this.#underWay.splice(this.#underWay.indexOf(written), 1);
    });
  }

  readonly takeBuffer = (sizeBytes: number): ArrayBuffer => this.#buffers.take(sizeBytes);

  async close(): Promise<void> {
    this.#closing ??= this.#end();
    await this.#closing;
  }

  async #end(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    await Promise.all(Array.from(this.#workers, async (worker) => worker.close()));
  }

  /** Hands waiting jobs out, to the worker with the fewest; starts workers while there is work for them. */
  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const worker = this.#freeWorker();
      if (!worker) return;
      worker.start(this.#waiting.splice(0, this.#countTogether()));
    }
  }

  /** How many of the jobs that wait go to one worker: tiles to be read together, fewer towards the end. */
  #countTogether(): number {
    const [first] = this.#waiting;
    const raw = this.#setup?.raw;
    if (!first || !raw || areGiven(first.task.samples)) return 1;
    const most = Math.min(
      MOST_READ_TOGETHER,
      MOST_BYTES_READ_TOGETHER / sampleBytes(first.task.samples, raw),
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

/** Buffers to be used again: to make new ones and to collect them costs more than to fill them. */
class SpareBuffers {
  readonly #most: number;
  readonly #buffers: ArrayBuffer[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  give(buffer: ArrayBufferLike): void {
    if (!(buffer instanceof ArrayBuffer)) return;
    this.#buffers.push(buffer);
    if (this.#buffers.length > this.#most) this.#buffers.shift();
  }

  take(sizeBytes: number): ArrayBuffer {
    const index = this.#buffers.findIndex((buffer) => buffer.byteLength === sizeBytes);
    return this.#buffers.splice(index, index < 0 ? 0 : 1)[0] ?? new ArrayBuffer(sizeBytes);
  }
}

/** What a worker tells its pool. */
interface PoolEvents {
  readonly free: (buffer: ArrayBuffer | undefined) => void;
  readonly died: () => void;
}

/** One worker thread and the jobs it has. It keeps the process alive only while it has some. */
class PoolWorker {
  readonly #thread: Worker;
  readonly #jobs: Job[] = [];
  readonly #events: PoolEvents;
  readonly #ended: Promise<void>;
  #hadJobs = false;

  constructor(events: PoolEvents) {
    this.#events = events;
    this.#thread = new Worker(new URL('./start-worker.cjs', import.meta.url), {
      // Options of the program's own start, such as --input-type, are not for this file.
      execArgv: [],
      // The samples lie outside of the heap; with room for more, what is dead already would stay for long.
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    this.#thread.unref();
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

  start(jobs: readonly Job[]): void {
    this.#hadJobs = true;
    this.#jobs.push(...jobs);
    this.#thread.ref();
    const order: Order = jobs.map(({ id, task }) => ({ id, task }));
    try {
      this.#thread.postMessage(order, jobs.flatMap(movedBuffer));
    } catch (error) {
      // A buffer that cannot be moved, such as one of WebAssembly's.
      for (const { id } of jobs) this.#settle(id)?.reject(error);
    }
  }

  /** Ends the thread, which has no jobs any more. One that never had any may still be starting. */
  async close(): Promise<void> {
    this.#thread.ref();
    if (this.#hadJobs) this.#thread.postMessage('close' satisfies Order, []);
    else void this.#thread.terminate();
    await this.#ended;
  }

  #finish({ id, written, error, buffer }: Reply): void {
    const job = this.#settle(id);
    if (error) job?.reject(arrivedError(error));
    else job?.resolve(written);
    this.#events.free(buffer);
  }

  #settle(id: number): Job | undefined {
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

/** The buffer that moves to the worker with a job, if there is one. */
function movedBuffer({ task: { samples } }: Job): readonly ArrayBuffer[] {
  const buffer = areGiven(samples) ? samples.data.buffer : undefined;
  return buffer instanceof ArrayBuffer ? [buffer] : [];
}

/** Whether a tile that is to be read begins where another one ends, in the same rows. */
function isBeside(left: Job | undefined, right: Job | undefined): boolean {
  const [a, b] = [left?.task.samples, right?.task.samples];
  if (!a || !b || areGiven(a) || areGiven(b)) return false;
  return b.xPx === a.xPx + a.widthPx && b.yPx === a.yPx && b.heightPx === a.heightPx;
}

/** Samples that can be moved to another thread without moving anything else: alone in their buffer, or shared. */
function movable(pixels: Pixels): Pixels {
  const shared = !(pixels.data.buffer instanceof ArrayBuffer);
  return shared || isAlone(pixels) ? pixels : { ...pixels, data: pixels.data.slice() };
}

function isAlone({ data }: Pixels): boolean {
  return data.buffer.byteLength === data.byteLength;
}

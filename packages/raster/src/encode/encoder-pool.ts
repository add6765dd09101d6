/**
 * Encodes and writes tiles side by side: on worker threads, or for a small raster on the calling thread, where
 * starting a thread would take longer than the work.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { invalidArgument } from 'holdfast/options';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import type { Pixels, Transform } from '../model.js';
import { TileEncoder } from '../tiff/tile-encoder.js';
import type { TileFormat } from '../tiff/tile-format.js';
import { arrivedError } from './carried-error.js';
import type { Order, Reply, WorkerSetup } from './messages.js';
import { runTileTask, type TileTask, type TileTaskOptions, type WrittenTile } from './tile-task.js';

/** Writes tiles of one format. */
export interface EncoderPool {
  /** How many tiles are worth having under way at once; more only wait, and cost memory. */
  readonly capacity: number;
  /**
   * Encodes a tile and writes it to a new file. The samples are the pool's from then on: their buffer may move to another
   * thread and must not be used again.
   *
   * @returns what was written, or `undefined` for an empty tile that was left out
   * @throws the error of the tile, with the stack of the thread where it was thrown; after one the pool goes on
   */
  writeTile(path: string, pixels: Pixels, transform?: Transform): Promise<WrittenTile | undefined>;
  /** The same for a file of samples alone: without statistics and overviews, and also if all of them are nodata. */
  writePlain(path: string, pixels: Pixels, transform?: Transform): Promise<WrittenTile>;
  /** A buffer for samples: one that a written tile has given back, or a new one. What is in it is left over. */
  takeBuffer(sizeBytes: number): ArrayBuffer;
  /** Waits for the tiles under way, then ends all threads. Nothing keeps the process alive after. */
  close(): Promise<void>;
}

export interface EncoderPoolOptions extends Partial<TileTaskOptions> {
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
 * Opens a pool. Threads are started by the first tiles.
 *
 * @throws HoldfastError INVALID_ARGUMENT for a number of threads that is none
 */
export function openEncoderPool(format: TileFormat, options: EncoderPoolOptions = {}): EncoderPool {
  const { sync = false, skipEmpty = false, statistics = false, pyramid } = options;
  const { fs = nodeFileSystem } = options;
  const threads = checkThreads(options.threads ?? availableParallelism());
  const taskOptions = { sync, skipEmpty, statistics, pyramid };
  if (threads === 0 || fs !== nodeFileSystem) return new InlinePool(format, fs, taskOptions);
  return new WorkerPool({ format, options: taskOptions }, threads);
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
  readonly #format: TileFormat;
  readonly #fs: Fs;
  readonly #options: TileTaskOptions;
  readonly #underWay = new Set<Promise<unknown>>();
  #encoder: TileEncoder | undefined;

  constructor(format: TileFormat, fs: Fs, options: TileTaskOptions) {
    this.#format = format;
    this.#fs = fs;
    this.#options = options;
  }

  async writeTile(
    path: string,
    pixels: Pixels,
    transform?: Transform,
  ): Promise<WrittenTile | undefined> {
    return this.#write({ path, pixels, transform });
  }

  async writePlain(path: string, pixels: Pixels, transform?: Transform): Promise<WrittenTile> {
    return (await this.#write({ path, pixels, transform, isPlain: true })) as WrittenTile;
  }

  async #write(task: TileTask): Promise<WrittenTile | undefined> {
    this.#encoder ??= new TileEncoder(this.#format);
    const written = runTileTask(this.#encoder, this.#format, this.#fs, task, this.#options);
    this.#underWay.add(written);
    return written.finally(() => this.#underWay.delete(written));
  }

  takeBuffer(sizeBytes: number): ArrayBuffer {
    return new ArrayBuffer(sizeBytes);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    this.#encoder?.close();
    this.#encoder = undefined;
  }
}

/** A task that waits or is under way, and its promise. */
interface Job {
  readonly id: number;
  readonly task: TileTask;
  readonly resolve: (written: WrittenTile | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** One tile is encoded while another is written. */
const JOBS_PER_WORKER = 2;

class WorkerPool implements EncoderPool {
  readonly capacity: number;
  readonly #setup: WorkerSetup;
  readonly #threads: number;
  readonly #workers = new Set<PoolWorker>();
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #waiting: Job[] = [];
  readonly #buffers: ArrayBuffer[] = [];
  #nextId = 0;
  #closed = false;

  constructor(setup: WorkerSetup, threads: number) {
    this.#setup = setup;
    this.#threads = threads;
    this.capacity = threads * JOBS_PER_WORKER;
  }

  async writeTile(
    path: string,
    pixels: Pixels,
    transform?: Transform,
  ): Promise<WrittenTile | undefined> {
    return this.#write({ path, pixels, transform });
  }

  async writePlain(path: string, pixels: Pixels, transform?: Transform): Promise<WrittenTile> {
    return (await this.#write({ path, pixels, transform, isPlain: true })) as WrittenTile;
  }

  async #write(given: TileTask): Promise<WrittenTile | undefined> {
    if (this.#closed) throw new Error('the encoder pool is closed');
    const task = { ...given, pixels: movable(given.pixels) };
    const written = new Promise<WrittenTile | undefined>((resolve, reject) => {
      this.#waiting.push({ id: this.#nextId, task, resolve, reject });
      this.#nextId += 1;
      this.#dispatch();
    });
    this.#underWay.add(written);
    return written.finally(() => this.#underWay.delete(written));
  }

  takeBuffer(sizeBytes: number): ArrayBuffer {
    const index = this.#buffers.findIndex((buffer) => buffer.byteLength === sizeBytes);
    return this.#buffers.splice(index, index < 0 ? 0 : 1)[0] ?? new ArrayBuffer(sizeBytes);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#underWay);
    await Promise.all(Array.from(this.#workers, async (worker) => worker.close()));
    this.#buffers.length = 0;
  }

  /** Hands waiting jobs out, to the worker with the fewest; starts workers while there is work for them. */
  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const worker = this.#freeWorker();
      const job = worker && this.#waiting.shift();
      if (!job) return;
      worker.start(job);
    }
  }

  #freeWorker(): PoolWorker | undefined {
    const least = [...this.#workers].toSorted((a, b) => a.load - b.load)[0];
    if (this.#workers.size < this.#threads && (!least || least.load > 0)) return this.#hire();
    return least && least.load < JOBS_PER_WORKER ? least : undefined;
  }

  #hire(): PoolWorker {
    const worker: PoolWorker = new PoolWorker(this.#setup, {
      free: (buffer) => {
        if (buffer && this.#buffers.length <= this.capacity) this.#buffers.push(buffer);
        this.#dispatch();
      },
      died: () => {
        // Its own jobs have failed with its error; others go on with a new worker.
        this.#workers.delete(worker);
        this.#dispatch();
      },
    });
    this.#workers.add(worker);
    return worker;
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
  readonly #jobs = new Map<number, Job>();
  readonly #events: PoolEvents;
  readonly #ended: Promise<void>;

  constructor(setup: WorkerSetup, events: PoolEvents) {
    this.#events = events;
    // Options of the program's own start, such as --input-type, are not for this file.
    this.#thread = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: setup,
      execArgv: [],
    });
    this.#thread.unref();
    this.#thread.on('message', (reply: Reply) => this.#finish(reply));
    this.#thread.on('error', (error) => this.#fail(error));
    this.#ended = new Promise((resolve) => {
      this.#thread.once('exit', () => {
        this.#fail(new Error('an encoder thread ended before its work was done'));
        resolve();
      });
    });
  }

  get load(): number {
    return this.#jobs.size;
  }

  start(job: Job): void {
    this.#jobs.set(job.id, job);
    this.#thread.ref();
    const { id, task } = job;
    const { buffer } = task.pixels.data;
    const moved = buffer instanceof ArrayBuffer ? [buffer] : [];
    try {
      this.#thread.postMessage({ id, task } satisfies Order, moved);
    } catch (error) {
      // A buffer that cannot be moved, such as one of WebAssembly's.
      this.#settle(id)?.reject(error);
    }
  }

  /** Ends the thread, which has no jobs any more. */
  async close(): Promise<void> {
    this.#thread.ref();
    this.#thread.postMessage('close' satisfies Order, []);
    await this.#ended;
  }

  #finish({ id, written, error, buffer }: Reply): void {
    const job = this.#settle(id);
    if (error) job?.reject(arrivedError(error));
    else job?.resolve(written);
    this.#events.free(buffer);
  }

  #settle(id: number): Job | undefined {
    const job = this.#jobs.get(id);
    this.#jobs.delete(id);
    if (this.load === 0) this.#thread.unref();
    return job;
  }

  #fail(error: unknown): void {
    const jobs = [...this.#jobs.keys()].map((id) => this.#settle(id));
    this.#events.died();
    for (const job of jobs) job?.reject(error);
  }
}

/** Samples that can be moved to another thread without moving anything else: alone in their buffer, or shared. */
function movable(pixels: Pixels): Pixels {
  const { data } = pixels;
  const { buffer } = data;
  const alone = !(buffer instanceof ArrayBuffer) || buffer.byteLength === data.byteLength;
  return alone ? pixels : { ...pixels, data: data.slice() };
}

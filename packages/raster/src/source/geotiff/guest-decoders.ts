/**
 * Decoders of other packages, which are asked where there is none of ours: geotiff.js's of JPEG,
 * and of LERC and Zstandard where the system lacks their libraries; one of WebP. Each block is
 * decoded on a thread of bounded memory and time: one that exhausts either ends its thread, which
 * is an error of that block, and the next block gets another thread.
 */
import { withDefaults } from 'holdfast/options';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { GuestReply, GuestTask } from './decoder-thread.js';

interface GuestOptions extends Omit<GuestTask, 'encoded' | 'isPixelwise'> {
  readonly planes: number;
  readonly maxOutputLength: number;
}

/** What a thread may take. */
interface GuestLimits {
  /** What the thread runs. */
  readonly script: URL;
  /**
   * Enough for the objects of the largest JPEG that is let through; its samples lie outside of the
   * heap.
   */
  readonly heapMb: number;
  /** No block takes nearly so long. */
  readonly longestMs: number;
}

const defaults: GuestLimits = {
  script: new URL('./start-decoder.cjs', import.meta.url),
  heapMb: 512,
  longestMs: 60_000,
};
const MOST_THREADS = 4;
const YOUNG_MB = 32;

/** A block that waits, and its promise. */
interface DecodingTask {
  readonly task: GuestTask;
  readonly resolve: (bytes: ArrayBuffer) => void;
  readonly reject: (error: Error) => void;
}

/** Threads that decode, started when they are needed. */
export class GuestDecoders {
  readonly #limits: GuestLimits;
  readonly #waiting: DecodingTask[] = [];
  readonly #idle: DecoderThread[] = [];
  #started = 0;

  constructor(limits: Partial<GuestLimits> = {}) {
    this.#limits = withDefaults(limits, defaults);
  }

  /**
   * Decodes a block.
   *
   * @returns its samples as the decoder gives them, at most `maxOutputLength` bytes
   * @throws Error for what the decoder cannot decode, and when it ran out of memory or time
   */
  async decode(
    encoded: Uint8Array<ArrayBuffer>,
    { maxOutputLength, planes, ...options }: GuestOptions,
  ): Promise<Uint8Array> {
    const { compression, jpegTables, lercParameters, samplesPerPixel } = options;
    const isPixelwise = planes === 1;
    const task = {
      encoded,
      compression,
      jpegTables,
      lercParameters,
      isPixelwise,
      samplesPerPixel,
    };
    const bytes = await new Promise<ArrayBuffer>((resolve, reject) => {
      this.#waiting.push({ task, resolve, reject });
      this.#dispatch();
    });
    if (bytes.byteLength <= maxOutputLength) return new Uint8Array(bytes);
    throw new Error(`its decoder made ${bytes.byteLength} bytes of it, over ${maxOutputLength}`);
  }

  #dispatch(): void {
    const most = Math.min(MOST_THREADS, availableParallelism());
    while (this.#waiting.length > 0 && (this.#idle.length > 0 || this.#started < most)) {
      const thread = this.#idle.pop() ?? this.#start();
      thread.begin(this.#waiting.shift() as DecodingTask);
    }
  }

  #start(): DecoderThread {
    this.#started += 1;
    const thread: DecoderThread = new DecoderThread(this.#limits, {
      free: () => {
        this.#idle.push(thread);
        this.#dispatch();
      },
      ended: () => {
        this.#started -= 1;
        const at = this.#idle.indexOf(thread);
        if (at >= 0) this.#idle.splice(at, 1);
        this.#dispatch();
      },
    });
    return thread;
  }
}

/** Those of this program. */
export const guestDecoders: GuestDecoders = new GuestDecoders();

/** What a thread tells whoever started it. */
interface ThreadEvents {
  readonly free: () => void;
  readonly ended: () => void;
}

/** One thread. It keeps the process alive only while it decodes. */
class DecoderThread {
  readonly #thread: Worker;
  readonly #longestMs: number;
  readonly #events: ThreadEvents;
  #job: DecodingTask | undefined;
  #deadline: NodeJS.Timeout | undefined;

  constructor({ script, heapMb, longestMs }: GuestLimits, events: ThreadEvents) {
    this.#events = events;
    this.#longestMs = longestMs;
    this.#thread = new Worker(script, {
      // Options of the program's own start, such as --input-type, are not for this file.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: YOUNG_MB },
      // geotiff.js's web-worker takes every thread for one of its own, and looks into what it was
      // given.
      workerData: {},
    });
    this.#thread.on('message', (reply: GuestReply) => this.#finish(reply));
    this.#thread.on('error', (error) => this.#settle()?.reject(error));
    this.#thread.once('exit', () => {
      this.#settle()?.reject(new Error('its decoder ended'));
      events.ended();
    });
  }

  begin(job: DecodingTask): void {
    this.#job = job;
    this.#thread.ref();
    this.#deadline = setTimeout(() => this.#giveUp(), this.#longestMs);
    this.#thread.postMessage(job.task, [job.task.encoded.buffer]);
  }

  #giveUp(): void {
    this.#settle()?.reject(new Error(`its decoder took over ${this.#longestMs / 1000} s`));
    void this.#thread.terminate();
  }

  #finish(reply: GuestReply): void {
    const job = this.#settle();
    if ('bytes' in reply) job?.resolve(reply.bytes);
    else job?.reject(new Error(reply.message));
    this.#thread.unref();
    if (job) this.#events.free();
  }

  #settle(): DecodingTask | undefined {
    clearTimeout(this.#deadline);
    const job = this.#job;
    this.#job = undefined;
    return job;
  }
}

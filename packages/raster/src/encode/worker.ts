/**
 * A worker thread that encodes and writes tiles and decodes blocks, one after another: it has its
 * own codecs and buffers, and its own door to the disk, where it reads raw samples too. It is given
 * the next work while it is busy, and so need not wait for it.
 */
import { types } from 'node:util';
import { parentPort } from 'node:worker_threads';
import { inlineFileSystem } from 'holdfast/os';
import { type Pixels, sampleBytes, type Window } from '../model.js';
import { decodeBlocks } from '../source/geotiff/decode-block.js';
import { RawReader } from '../source/raw-samples.js';
import type { TileFormat } from '../tiff/tile-format.js';
import { BlockMaker } from './block-maker.js';
import type { BlockTask, MadeBlock } from './block-task.js';
import { carryError } from './carried-error.js';
import type {
  BlockOrder,
  BlocksOrder,
  Done,
  Order,
  PoolSetup,
  Reply,
  TileOrder,
} from './messages.js';
import { areGiven, type TileTask, type WrittenTile } from './tile-task.js';
import { TileWriter } from './tile-writer.js';

/** Progress is told this often. */
const LONGEST_WAIT_MS = 20;

const port = parentPort;
if (!port) throw new Error('encode/worker.js is the body of a worker thread');

let prepared: ThreadWriter | undefined;
let work = Promise.resolve();

port.on('message', (message: PoolSetup | Order) => {
  if (message === 'close') {
    // One that was never given any work may still be about to warm up.
    void work.finally(() => {
      prepared?.close();
      port.close();
    });
  } else if ('format' in message) {
    const [before, next] = [prepared, new ThreadWriter(message)];
    prepared = next;
    before?.close();
    work = work.then(async () => next.warmUp());
  } else if ('block' in message) work = work.then(() => make(prepared, message));
  else if ('blocks' in message) work = work.then(() => decode(message));
  else work = work.then(async () => obey(prepared, message));
});

/** Decodes blocks and replies. */
function decode({ id, blocks, room }: BlocksOrder): void {
  const { buffer } = blocks.encoded;
  try {
    decodeBlocks(blocks, room);
    post([{ id, done: room, error: undefined, buffer }]);
  } catch (error) {
    post([{ id, done: undefined, error: carryError(error), buffer }]);
  }
}

/** Makes a block and replies. */
function make(writer: ThreadWriter | undefined, { id, block }: BlockOrder): void {
  const given = ownBuffer(block.samples);
  try {
    if (!writer) throw new Error('the encoder thread is not prepared');
    const done = writer.make(block);
    // Samples that are given back are not memory that is to be used again.
    const buffer = done.samples?.data.buffer === given ? undefined : given;
    post([{ id, done, error: undefined, buffer }]);
  } catch (error) {
    post([{ id, done: undefined, error: carryError(error), buffer: given }]);
  }
}

function post(replies: readonly Reply[]): void {
  const moved = replies.flatMap(({ done, buffer }) => [
    ...movedWith(done),
    ...(buffer ? [buffer] : []),
  ]);
  port?.postMessage(replies, moved);
}

function movedWith(done: Done): readonly ArrayBuffer[] {
  if (types.isArrayBuffer(done)) return [done];
  if (!done || !('encoded' in done)) return [];
  const { encoded, samples } = done;
  const own = samples && ownBuffer(samples);
  return [...(encoded ? [encoded.bytes.buffer] : []), ...(own ? [own] : [])];
}

/**
 * Writes tiles and replies. To wake the calling thread takes it as long as the reply itself, so
 * replies wait for each other while tiles take little time; but not the last one but one, which
 * brings new orders before the last tile is done.
 */
async function obey(writer: ThreadWriter | undefined, orders: readonly TileOrder[]): Promise<void> {
  if (!writer) throw new Error('the encoder thread is not prepared');
  const reading = writer.read(orders.map(({ task }) => task));
  let replies: Reply[] = [];
  let repliedMs = performance.now();
  for (const [index, { id, task }] of orders.entries()) {
    const buffer = givenBuffer(task);
    const writing = reading.then(async (pixels) => writer.write(task, pixels[index] as Pixels));
    replies.push({ id, ...(await outcomeOf(writing)), buffer });
    const isNearEnd = index >= orders.length - 2;
    if (!isNearEnd && performance.now() - repliedMs < LONGEST_WAIT_MS) continue;
    post(replies);
    replies = [];
    repliedMs = performance.now();
  }
}

async function outcomeOf(
  writing: Promise<WrittenTile | undefined>,
): Promise<Pick<Reply, 'done' | 'error'>> {
  try {
    return { done: await writing, error: undefined };
  } catch (error) {
    return { done: undefined, error: carryError(error) };
  }
}

/** The buffer of samples that were moved here; shared ones stay where they are. */
function givenBuffer({ samples }: TileTask): ArrayBuffer | undefined {
  return areGiven(samples) ? ownBuffer(samples) : undefined;
}

function ownBuffer({ data: { buffer } }: Pixels): ArrayBuffer | undefined {
  return types.isArrayBuffer(buffer) ? buffer : undefined;
}

/** Writes tiles whose samples are given, or lie raw in a file. */
class ThreadWriter {
  readonly #format: TileFormat;
  readonly #writer: TileWriter;
  readonly #maker: BlockMaker | undefined;
  readonly #reader: RawReader | undefined;
  /** Where the samples of the tiles before were. */
  readonly #rooms: ArrayBuffer[] = [];

  constructor({ format, options, raw, blocks }: PoolSetup) {
    this.#format = format;
    this.#maker = blocks && new BlockMaker(format, options, blocks);
    this.#writer = new TileWriter(format, options, inlineFileSystem);
    this.#reader = raw && new RawReader(inlineFileSystem, raw);
  }

  /**
   * Loads what a tile needs while the stage for the first one is still being made. What fails now
   * fails again then.
   */
  async warmUp(): Promise<void> {
    try {
      if (this.#reader) await this.#readRaw([{ xPx: 0, yPx: 0, widthPx: 1, heightPx: 1 }]);
      this.#writer.open();
    } catch {
      // Told by the first tile.
    }
  }

  /**
   * The samples of tiles: those that are given, or those that lie side by side in the file. Good
   * until the next call.
   */
  async read(tasks: readonly TileTask[]): Promise<readonly Pixels[]> {
    const given: Pixels[] = [];
    const windows: Window[] = [];
    for (const { samples } of tasks) {
      if (areGiven(samples)) given.push(samples);
      else windows.push(samples);
    }
    return windows.length > 0 ? this.#readRaw(windows) : given;
  }

  async write(task: TileTask, pixels: Pixels): Promise<WrittenTile | undefined> {
    return this.#writer.write(task, pixels);
  }

  make(task: BlockTask): MadeBlock {
    if (!this.#maker) throw new Error('the encoder thread is to write tiles, and no blocks');
    return this.#maker.make(task);
  }

  close(): void {
    this.#writer.close();
    this.#maker?.close();
    void this.#reader?.close();
  }

  async #readRaw(windows: readonly Window[]): Promise<Pixels[]> {
    if (!this.#reader) throw new Error('a worker was given no samples and not told where they lie');
    return this.#reader.read(
      windows,
      windows.map((window, index) => this.#room(window, index)),
    );
  }

  /** Room for the samples of a window: that of a tile before, which is written by now. */
  #room(window: Window, index: number): ArrayBuffer {
    const sizeBytes = sampleBytes(window, this.#format);
    const room = this.#rooms[index];
    if (room?.byteLength === sizeBytes) return room;
    return (this.#rooms[index] = new ArrayBuffer(sizeBytes));
  }
}

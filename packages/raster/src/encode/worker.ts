/**
 * A worker thread that encodes and writes tiles, one after another: it has its own codec and buffers, and its own door to
 * the disk, where it reads raw samples too. It is given the next tile while it is at work, and so need not wait for it.
 */
import { parentPort } from 'node:worker_threads';
import { inlineFileSystem } from 'holdfast/os';
import { dataTypes, type Pixels, type Window } from '../model.js';
import { RawReader } from '../source/raw-samples.js';
import type { TileFormat } from '../tiff/tile-format.js';
import { carryError } from './carried-error.js';
import type { Order, PoolSetup, Reply } from './messages.js';
import { areGiven, type TileTask, type WrittenTile } from './tile-task.js';
import { TileWriter } from './tile-writer.js';

const port = parentPort;
if (!port) throw new Error('encode/worker.js is the body of a worker thread');

port.once('message', (setup: PoolSetup) => {
  const writer = new ThreadWriter(setup);
  port.on('message', (order: Order) => {
    if (order === 'close') {
      writer.close();
      port.close();
    } else void obey(writer, order.id, order.task);
  });
});

async function obey(writer: ThreadWriter, id: number, task: TileTask): Promise<void> {
  const buffer = givenBuffer(task);
  const reply = await attempt(writer, id, task);
  port?.postMessage({ ...reply, buffer } satisfies Reply, buffer ? [buffer] : []);
}

async function attempt(
  writer: ThreadWriter,
  id: number,
  task: TileTask,
): Promise<Omit<Reply, 'buffer'>> {
  try {
    return { id, written: await writer.write(task), error: undefined };
  } catch (error) {
    return { id, written: undefined, error: carryError(error) };
  }
}

/** The buffer of samples that were moved here; shared ones stay where they are. */
function givenBuffer({ samples }: TileTask): ArrayBuffer | undefined {
  if (!areGiven(samples)) return undefined;
  const { buffer } = samples.data;
  return buffer instanceof ArrayBuffer ? buffer : undefined;
}

/** Writes tiles whose samples are given, or lie raw in a file. */
class ThreadWriter {
  readonly #format: TileFormat;
  readonly #writer: TileWriter;
  readonly #reader: RawReader | undefined;
  /** Where the samples of the tile before were. */
  #room: ArrayBuffer | undefined;

  constructor({ format, options, raw }: PoolSetup) {
    this.#format = format;
    this.#writer = new TileWriter(format, options, inlineFileSystem);
    this.#reader = raw && new RawReader(inlineFileSystem, raw);
  }

  async write(task: TileTask): Promise<WrittenTile | undefined> {
    if (areGiven(task.samples)) return this.#writer.write(task, task.samples);
    const buffer = this.#takeRoom(task.samples);
    const written = await this.#writer.write(task, await this.#read(task.samples, buffer));
    this.#room = buffer;
    return written;
  }

  close(): void {
    this.#writer.close();
    void this.#reader?.close();
  }

  async #read(window: Window, buffer: ArrayBuffer): Promise<Pixels> {
    if (!this.#reader) throw new Error('a worker was given no samples and not told where they lie');
    return this.#reader.read(window, buffer);
  }

  /** Room for the samples of a window: the room of the tile before, which is written by now. */
  #takeRoom({ widthPx, heightPx }: Window): ArrayBuffer {
    const { bandCount, dataType } = this.#format;
    const sizeBytes = widthPx * heightPx * bandCount * dataTypes[dataType].bytes;
    const taken = this.#room?.byteLength === sizeBytes ? this.#room : new ArrayBuffer(sizeBytes);
    this.#room = undefined;
    return taken;
  }
}

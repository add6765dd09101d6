/**
 * A worker thread that encodes and writes tiles, one after another: it has its own codec and buffers, and its own door to
 * the disk, where it reads raw samples too. It is given the next tile while it is at work, and so need not wait for it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { inlineFileSystem } from 'holdfast/os';
import { dataTypes, type Pixels, type Window } from '../model.js';
import { RawReader } from '../source/raw-samples.js';
import { TileEncoder } from '../tiff/tile-encoder.js';
import { carryError } from './carried-error.js';
import type { Order, Reply, WorkerSetup } from './messages.js';
import { areGiven, runTileTask, type TileTask, type WrittenTile } from './tile-task.js';

const port = parentPort;
if (!port) throw new Error('encode/worker.js is the body of a worker thread');

const { format, options, raw } = workerData as WorkerSetup;
const setup = { format, options, fs: inlineFileSystem };
const reader = raw && new RawReader(inlineFileSystem, raw);
let encoder: TileEncoder | undefined;
/** Where the samples of the tile before were. */
let room: ArrayBuffer | undefined;

port.on('message', (order: Order) => {
  if (order === 'close') {
    encoder?.close();
    void reader?.close();
    port.close();
  } else void obey(order.id, order.task);
});

async function obey(id: number, task: TileTask): Promise<void> {
  const buffer = givenBuffer(task);
  const reply = await attempt(id, task);
  port?.postMessage({ ...reply, buffer } satisfies Reply, buffer ? [buffer] : []);
}

async function attempt(id: number, task: TileTask): Promise<Omit<Reply, 'buffer'>> {
  try {
    // Opened here, so that a missing library is the first task's error and not the thread's death.
    encoder ??= new TileEncoder(format);
    return { id, written: await writeTile(encoder, task), error: undefined };
  } catch (error) {
    return { id, written: undefined, error: carryError(error) };
  }
}

async function writeTile(
  tileEncoder: TileEncoder,
  task: TileTask,
): Promise<WrittenTile | undefined> {
  if (areGiven(task.samples)) return runTileTask(tileEncoder, task, task.samples, setup);
  const buffer = takeRoom(task.samples);
  const pixels = await readRaw(task.samples, buffer);
  const written = await runTileTask(tileEncoder, task, pixels, setup);
  room = buffer;
  return written;
}

async function readRaw(window: Window, buffer: ArrayBuffer): Promise<Pixels> {
  if (!reader) throw new Error('a worker was given no samples and not told where they lie');
  return reader.read(window, buffer);
}

/** Room for the samples of a window: the room of the tile before, which is written by now. */
function takeRoom({ widthPx, heightPx }: Window): ArrayBuffer {
  const sizeBytes = widthPx * heightPx * format.bandCount * dataTypes[format.dataType].bytes;
  const taken = room?.byteLength === sizeBytes ? room : new ArrayBuffer(sizeBytes);
  room = undefined;
  return taken;
}

/** The buffer of samples that were moved here; shared ones stay where they are. */
function givenBuffer({ samples }: TileTask): ArrayBuffer | undefined {
  if (!areGiven(samples)) return undefined;
  const { buffer } = samples.data;
  return buffer instanceof ArrayBuffer ? buffer : undefined;
}

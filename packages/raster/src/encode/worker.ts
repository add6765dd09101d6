/**
 * A worker thread that encodes and writes tiles. While one tile is on its way to the disk the next is being encoded, so a
 * worker is given two at a time; it has its own codec and buffers, and writes through its own door to the disk.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { nodeFileSystem } from 'holdfast/os';
import type { RasterArray } from '../model.js';
import { TileEncoder } from '../tiff/tile-encoder.js';
import { carryError } from './carried-error.js';
import type { Order, Reply, WorkerSetup } from './messages.js';
import { runTileTask, type TileTask } from './tile-task.js';

const port = parentPort;
if (!port) throw new Error('encode/worker.js is the body of a worker thread');

const { format, options } = workerData as WorkerSetup;
let encoder: TileEncoder | undefined;

port.on('message', (order: Order) => {
  if (order === 'close') {
    encoder?.close();
    port.close();
  } else void obey(order.id, order.task);
});

async function obey(id: number, task: TileTask): Promise<void> {
  const buffer = ownBuffer(task.pixels.data);
  const reply = await attempt(id, task);
  port?.postMessage({ ...reply, buffer } satisfies Reply, buffer ? [buffer] : []);
}

async function attempt(id: number, task: TileTask): Promise<Omit<Reply, 'buffer'>> {
  try {
    // Opened here, so that a missing library is the first task's error and not the thread's death.
    encoder ??= new TileEncoder(format);
    const written = await runTileTask(encoder, format, nodeFileSystem, task, options);
    return { id, written, error: undefined };
  } catch (error) {
    return { id, written: undefined, error: carryError(error) };
  }
}

/** The buffer of samples that were moved here; shared ones stay where they are. */
function ownBuffer({ buffer }: RasterArray): ArrayBuffer | undefined {
  return buffer instanceof ArrayBuffer ? buffer : undefined;
}

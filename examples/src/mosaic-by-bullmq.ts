/**
 * A GeoTIFF tiled by any number of workers, on machines that share a directory and a Redis (at
 * REDIS_HOST and REDIS_PORT):
 *
 *   node mosaic-by-bullmq.js work                               on every machine, as often as it has room
 *   node mosaic-by-bullmq.js make INPUT.tif OUTPUT.vrt PARTS    once; again, if it was interrupted
 *
 * Both may be killed at any time, and started again.
 */
import { resolve } from 'node:path';
import { addMosaicFlow, mosaicWorker, retryMosaic } from '@holdfast/bullmq';
import { beginMosaic, fromGeoTiff, type WrittenMosaic } from '@holdfast/raster';
import { Queue, QueueEvents } from 'bullmq';

const connection = {
  host: process.env['REDIS_HOST'] ?? '127.0.0.1',
  port: Number(process.env['REDIS_PORT'] ?? 6379),
};
const TILING = { tileSizePx: 256, overviews: 'auto', ifExists: 'replace' } as const;

async function work(): Promise<void> {
  const worker = mosaicWorker({ connection });
  worker.on('completed', ({ id }) => console.log(`${id}: done`));
  worker.on('failed', (job, { message }) => console.error(`${job?.id}: ${message}`));
  await worker.waitUntilReady();
  console.log('waits for work');
}

async function make(input: string, output: string, partCount: number): Promise<void> {
  const path = resolve(output);
  // What the workers open: their processor takes the note for the path of a GeoTIFF.
  const note = resolve(input);
  const source = await fromGeoTiff(note);
  const session = await beginMosaic(path, source, { ...TILING, partCount, note });
  await source.close();
  const mosaic = { ...session, path };
  // Of a run before this one: what failed for good is tried again, and the rest is there or added.
  if (session.state === 'open') await retryMosaic(mosaic, { connection });
  const { tileCount } = await result(await addMosaicFlow(mosaic, { connection }));
  console.log(`${path}: ${tileCount} tiles`);
}

/** What the commit gives, once all parts are done. */
async function result(jobId: string): Promise<WrittenMosaic> {
  const queue = new Queue('holdfast', { connection });
  const events = new QueueEvents('holdfast', { connection });
  try {
    await events.waitUntilReady();
    const job = await queue.getJob(jobId);
    return (await job?.waitUntilFinished(events)) as WrittenMosaic;
  } finally {
    await events.close();
    await queue.close();
  }
}

const [verb, input = '', output = '', parts = '4'] = process.argv.slice(2);
if (verb === 'work') await work();
else if (verb === 'make') await make(input, output, Number(parts));
else throw new Error('usage: mosaic-by-bullmq work | make INPUT.tif OUTPUT.vrt PARTS');

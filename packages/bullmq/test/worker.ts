/** A worker as a program: `worker.js CONNECTION PROCESSOR LOCK_DURATION`. Says when it works. */
import { mosaicWorker } from '@holdfast/bullmq';

const [, , connection = '', processor = '', lockDuration = ''] = process.argv;
const worker = mosaicWorker({
  connection: JSON.parse(connection) as { host: string; port: number },
  ...(processor && { processor: new URL(processor) }),
  lockDuration: Number(lockDuration),
  stalledInterval: 200,
  drainDelay: 1,
});
// What it says while Redis is away.
worker.on('error', () => undefined);
await worker.waitUntilReady();
process.send?.('works');

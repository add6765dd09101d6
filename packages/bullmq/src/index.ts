/**
 * `@holdfast/bullmq`: one mosaic that many machines make, with BullMQ as the engine.
 * docs/many-machines.md says what is promised, and of what an engine is trusted with.
 */
export { addMosaicFlow, retryMosaic, type MosaicFlowOptions } from './mosaic-flow.js';
export type { MosaicJobData, MosaicOfFlow, MosaicQueue } from './mosaic-jobs.js';
export { mosaicProcessor, type MosaicProcessorOptions } from './mosaic-processor.js';
export { mosaicWorker, type MosaicWorkerOptions } from './mosaic-worker.js';

/**
 * What a command makes in a directory, sent to a store: `holdfast publish s3://…`, and `holdfast parts
 * write s3://…`.
 */
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ObjectStage, PublishDirectoryOptions } from '@holdfast/objectstore';
import { HoldfastError } from 'holdfast';
import { openStore, type StoreFlags } from './store-flags.js';

/** What was published. */
export interface PublishedToStore {
  readonly url: string;
  readonly generation: string;
  readonly fileCount: number;
}

/**
 * Lets `fill` make files in a directory of this machine, which is removed in the end, and publishes
 * them.
 *
 * @throws HoldfastError UNSUPPORTED_TARGET for what no object can be: symlinks, FIFOs, sockets,
 *   devices; those of `publishDirectory` of `@holdfast/objectstore`
 */
export async function publishToStore(
  url: string,
  fill: (directory: string) => Promise<void>,
  flags: StoreFlags,
  options: Pick<PublishDirectoryOptions, 'ifExists' | 'ifChanged' | 'keepPrevious'>,
): Promise<PublishedToStore> {
  const { stores, store } = await openStore('publish', url, flags);
  const { generation, files } = await madeHere(fill, (fillStage) =>
    stores.publishDirectory(url, fillStage, { ...options, store }),
  );
  return { url, generation, fileCount: files.size };
}

/**
 * Lets `fill` make files in a directory of this machine, when `work` has a stage for them, and sends
 * them to that. The directory is removed when the work has ended.
 *
 * @throws HoldfastError UNSUPPORTED_TARGET as {@link publishToStore} does; what `work` throws
 */
export async function madeHere<T>(
  fill: (directory: string) => Promise<void>,
  work: (fillStage: (stage: ObjectStage) => Promise<void>) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-publish-'));
  try {
    return await work(async (stage) => {
      await fill(directory);
      await send(stage, directory, '');
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Writes what lies in a directory, file by file, below a path that ends in a slash or is empty. */
async function send(stage: ObjectStage, directory: string, path: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const source = join(directory, entry.name);
    if (entry.isDirectory()) await send(stage, source, `${path}${entry.name}/`);
    else if (entry.isFile())
      await stage.spawn(() => stage.write(`${path}${entry.name}`, createReadStream(source)));
    else throw noFile(source);
  }
}

function noFile(path: string): HoldfastError {
  return new HoldfastError('UNSUPPORTED_TARGET', {
    message:
      'A store keeps files alone, and this is none. Put a file in its place, or leave it out.',
    step: 'publish',
    path,
  });
}

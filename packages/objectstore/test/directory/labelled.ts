/** Directories of which each file says with which label it was published. */
import { isHoldfastError } from 'holdfast';
import { openDirectory, type OpenedObjects } from '#src/directory/open-directory.js';
import type { ObjectStore } from '#src/store/object-store.js';

export const fileNames = ['a.txt', 'deep/b.txt', 'long.bin'] as const;

/** More than a part. */
const LONG_BYTES = 9 * 2 ** 20;

export function contentOf(name: string, label: string): Buffer {
  const begin = Buffer.from(`${label} ${name}\n`);
  return name === 'long.bin' ? Buffer.concat([begin, Buffer.alloc(LONG_BYTES, label)]) : begin;
}

/** The label that all files of a published directory have. */
export async function labelOf(url: string, store: ObjectStore): Promise<string> {
  const opened = await openDirectory(url, { store });
  const labels = new Set<string>();
  const { files } = opened;
  for (const name of files.keys()) {
    const text = (await readWhole(opened, name)).toString();
    labels.add(text.slice(0, text.indexOf(' ')));
  }
  const [label] = labels;
  if (labels.size === 1 && files.size === fileNames.length && label !== undefined) return label;
  throw new Error(`files of ${[...labels].join(' and ')} in one directory`);
}

/**
 * gofakes3 hands out the memory of its database after it has let go of it, so a read that meets a
 * write may give other bytes. The checksum tells; what is there is asked for again.
 */
async function readWhole(opened: OpenedObjects, name: string): Promise<Buffer> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await opened.read(name);
    } catch (error) {
      if (attempts === 5 || !isHoldfastError(error, 'CORRUPT_DOCUMENT')) throw error;
    }
  }
}

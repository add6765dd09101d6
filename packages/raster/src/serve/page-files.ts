/** The files of the page, which the build puts beside the modules. Each is read once. */
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeFileSystem, openGiven, readFully } from 'holdfast/os';
import type { PageFile } from './request.js';

/** A file, and a word that is the same for the same content. */
export interface ReadFile {
  readonly bytes: Uint8Array;
  readonly id: string;
}

const known = new Map<string, Promise<ReadFile>>();

export async function readPageFile({ name }: PageFile): Promise<ReadFile> {
  const reading = known.get(name) ?? read(name);
  known.set(name, reading);
  reading.catch(() => known.delete(name));
  return reading;
}

async function read(name: string): Promise<ReadFile> {
  // Beside the modules, and beside the bundles of them.
  const path = join(dirname(fileURLToPath(import.meta.url)), '..', 'page', name);
  const { handle } = await openGiven(nodeFileSystem, path);
  try {
    const bytes = new Uint8Array((await handle.stat()).sizeBytes);
    await readFully(handle, bytes, 0);
    return { bytes, id: createHash('sha256').update(bytes).digest('hex').slice(0, 16) };
  } finally {
    await handle.close();
  }
}

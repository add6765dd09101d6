/** A mosaic made on this machine, and put into a bucket object by object, as any program might. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { ObjectStore } from '#src/store/object-store.js';
import { bucket } from '../servers.js';

export async function putFolder(store: ObjectStore, folder: string, prefix: string): Promise<void> {
  for (const entry of readdirSync(folder, { recursive: true }) as string[]) {
    const path = join(folder, entry);
    if (!statSync(path).isFile()) continue;
    const key = `${prefix}/${relative(folder, path)}`;
    const written = await store.put({ bucket, key }, readFileSync(path));
    if (written.outcome !== 'committed') throw new Error(`${key}: ${written.outcome}`);
  }
}

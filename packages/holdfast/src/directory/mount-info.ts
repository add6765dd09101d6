/** The mounts that this process sees. */
import { HoldfastError } from '../errors.js';
import type { Fs } from '../os/fs.js';
import { readAll } from '../os/handles.js';
import { findMount, parseMountInfo, type Mount } from '../os/mount-table.js';

/** The mount that holds a canonical path; `undefined` where the kernel does not tell. */
export async function mountOf(fs: Fs, path: string): Promise<Mount | undefined> {
  return findMount(await allMounts(fs), path);
}

/** Every mount point; none where the kernel does not tell. */
export async function mountPoints(fs: Fs): Promise<ReadonlySet<string>> {
  return new Set((await allMounts(fs)).map(({ mountPoint }) => mountPoint));
}

/**
 * Refuses what no rename can move or replace, a bind mount too, which has the device number of what
 * it shows.
 *
 * @throws HoldfastError TARGET_IS_MOUNT
 */
export function refuseMountPoint(mounts: ReadonlySet<string>, path: string): void {
  if (!mounts.has(path)) return;
  throw new HoldfastError('TARGET_IS_MOUNT', {
    message:
      'The path is a mount point, which no rename can move or replace. Name something below it.',
    step: 'check',
    path,
  });
}

/** The whole table; empty where the kernel does not tell. */
export async function allMounts(fs: Fs): Promise<readonly Mount[]> {
  try {
    return parseMountInfo(await readText(fs, '/proc/self/mountinfo'));
  } catch {
    return [];
  }
}

async function readText(fs: Fs, path: string): Promise<string> {
  const file = await fs.open(path, { access: 'read' });
  try {
    return (await readAll(file, PROBABLE_BYTES)).toString('utf8');
  } finally {
    await file.close();
  }
}

/** Of the table, whose size the kernel does not tell. */
const PROBABLE_BYTES = 64 * 1024;

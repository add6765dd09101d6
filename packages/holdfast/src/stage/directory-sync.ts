/**
 * Makes the names of a directory durable, and lets calls that run side by side share one fsync:
 * those whose rename is done while a sync of their directory is under way wait for the next one,
 * which they all share. A sync that began before a rename says nothing about it.
 *
 * When a sync fails, those who wait for the next one fail with it: their renames were done before
 * it ended, so they may be among what the kernel lost, and the kernel tells of a loss only once.
 */
import type { Fs, FsDirectory } from '../os/fs.js';

interface DirectorySync {
  readonly running: Promise<void>;
  next: Promise<void> | undefined;
}

const syncs = new WeakMap<Fs, Map<string, DirectorySync>>();

/** Resolves when every name that the directory had at the time of the call is on disk. */
export async function syncDirectory(fs: Fs, directory: FsDirectory): Promise<void> {
  const { dev, ino } = await directory.stat();
  const ofFs = syncs.get(fs) ?? new Map<string, DirectorySync>();
  syncs.set(fs, ofFs);
  await joinSync(ofFs, `${dev}:${ino}`, directory);
}

function joinSync(
  ofFs: Map<string, DirectorySync>,
  key: string,
  directory: FsDirectory,
): Promise<void> {
  const current = ofFs.get(key);
  if (current === undefined) return startSync(ofFs, key, directory);
  current.next ??= current.running.then(() => startSync(ofFs, key, directory));
  return current.next;
}

function startSync(
  ofFs: Map<string, DirectorySync>,
  key: string,
  directory: FsDirectory,
): Promise<void> {
  const sync: DirectorySync = { running: directory.sync(), next: undefined };
  ofFs.set(key, sync);
  const forget = (): void => {
    if (ofFs.get(key) === sync && sync.next === undefined) ofFs.delete(key);
  };
  sync.running.then(forget, () => ofFs.delete(key));
  return sync.running;
}

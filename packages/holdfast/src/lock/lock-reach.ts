/**
 * Where a flock(2) excludes nobody reliably, Holdfast does not lock. Docker Desktop shows a
 * directory of the Mac through several superblocks behind one path (`fakeowner`), each with locks
 * of its own: a trial a moment after the first says that all is well, and two processes hold one
 * lock. That is known by the type of the mount alone.
 */
import { HoldfastError } from '../errors.js';
import { filesystemOf } from '../os/filesystem.js';
import type { Fs } from '../os/fs.js';
import { dirname } from '../os/paths.js';

/** Above this many directories the memory starts anew. */
const MAX_REMEMBERED = 4096;
const lockable = new WeakMap<Fs, Set<string>>();

/**
 * @param lockPath - canonical; its filesystem is asked for once a process and directory
 * @throws HoldfastError UNSUPPORTED_PLATFORM
 */
export async function refuseWithoutLocks(fs: Fs, lockPath: string): Promise<void> {
  const known = lockable.get(fs) ?? new Set<string>();
  lockable.set(fs, known);
  const directory = dirname(lockPath);
  if (known.has(directory)) return;
  // What cannot be asked cannot be opened either, and then that is the error.
  const filesystem = await filesystemOf(fs, directory).catch(() => undefined);
  if (filesystem?.locks === 'nobody') throw noLocks(lockPath, filesystem.name);
  if (known.size >= MAX_REMEMBERED) known.clear();
  known.add(directory);
}

function noLocks(path: string, type: string): HoldfastError {
  return new HoldfastError('UNSUPPORTED_PLATFORM', {
    message:
      `A lock on ${type} (a bind mount of Docker Desktop) may be held by two processes at once, so none is taken. Name a ` +
      'lock file on a volume or another local filesystem with lockPath, the same for all who are to exclude each other; ' +
      'for a whole program set HOLDFAST_LOCK_DIRECTORY to a directory there.',
    step: 'lock',
    path,
  });
}

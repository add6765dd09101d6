/**
 * Whether a file that is empty now has ever been seen with something in it. A program that
 * truncates a file and then writes it leaves it empty for a moment, and for good when it dies in
 * between; that is not the same as a file that was made empty.
 *
 * Seen by this process: it read something there, or wrote it. Seen by others: the file's own times,
 * where the filesystem keeps the time of its birth (ext4, XFS, Btrfs, tmpfs and others). One that
 * was changed long after it was made was written to. (docs/decisions/0014-empty-files.md)
 */
import { errnoOf } from '../errors.js';
import { failure } from '../failure.js';
import type { FileStat, Fs, FsFile } from '../os/fs.js';
import { closeQuietly } from '../os/handles.js';
import { pause } from '../os/pause.js';

/** What a program may do between making a file and giving it its first times, as touch(1) does. */
const MAKING_MS = 1000;
/** So many paths are remembered, those that were used last. */
const MAX_PATHS = 10_000;
/** Pauses between looks at a file that may be about to be filled: a quarter of a second in all. */
const LOOK_PAUSES_MS = [1, 2, 4, 8, 16, 32, 64, 128];

const seen = new WeakMap<Fs, Set<string>>();

/** Remembers that there is something in the file. */
export function rememberFull(fs: Fs, path: string): void {
  const paths = seen.get(fs) ?? new Set<string>();
  seen.set(fs, paths);
  paths.delete(path);
  paths.add(path);
  if (paths.size <= MAX_PATHS) return;
  for (const oldest of paths) {
    paths.delete(oldest);
    return;
  }
}

/** Whether this process has seen the file with something in it. */
function hasSeenFull(fs: Fs, path: string): boolean {
  return seen.get(fs)?.has(path) ?? false;
}

/** Whether an empty file has had something in it, as far as one can know. */
export async function wasEverFull(fs: Fs, path: string): Promise<boolean> {
  return hasSeenFull(fs, path) || (await wasChangedAfterItWasMade(fs, path));
}

async function wasChangedAfterItWasMade(fs: Fs, path: string): Promise<boolean> {
  try {
    const file = await fs.open(path, { access: 'read' });
    try {
      const bornMs = await file.bornMs?.();
      return bornMs !== undefined && (await file.modifiedMs()) - bornMs > MAKING_MS;
    } finally {
      await closeQuietly(file);
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw failure('read', path, error);
  }
}

/**
 * Looks at something until it has settled, for a quarter of a second at most.
 *
 * @param look - `undefined` for what may be passing
 * @param isOver - whether nobody wants to know any more
 */
export async function lookUntilSettled<T>(
  look: () => Promise<T | undefined>,
  isOver: () => boolean = () => false,
): Promise<T | undefined> {
  for (const pauseMs of LOOK_PAUSES_MS) {
    if (isOver()) return undefined;
    await pause(pauseMs);
    const found = await look();
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * An open file as it is when it has something in it, if this process has seen it so: it is looked
 * at again for a moment. One that stays empty was emptied on purpose.
 *
 * @param path - absolute
 */
export async function whenFilled(
  fs: Fs,
  path: string,
  file: FsFile,
  stat: FileStat,
): Promise<FileStat> {
  if (stat.sizeBytes > 0) rememberFull(fs, path);
  if (stat.sizeBytes > 0 || !hasSeenFull(fs, path)) return stat;
  const filled = await lookUntilSettled(async () => {
    const now = await file.stat('fresh');
    return now.sizeBytes > 0 ? now : undefined;
  });
  return filled ?? stat;
}

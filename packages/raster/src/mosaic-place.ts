/**
 * Where a mosaic lies: its tiles beside its index, and that is the file to which a symlink at the
 * end of the path leads, as GDAL has it.
 */
import { basename, dirname } from 'node:path';
import { HoldfastError, type Lock } from 'holdfast';
import { followSymlinks, type Fs, lookAt, resolvedOnce } from 'holdfast/os';

/** A place that was resolved. */
export interface MosaicPlace {
  /** For everything but locks: it does not resolve the directory again. */
  readonly fs: Fs;
  /** Canonical. */
  readonly indexPath: string;
}

/**
 * Resolves the path of an index, which need not exist. Changes nothing.
 *
 * @throws HoldfastError NOT_FOUND when its directory is missing; UNSUPPORTED_TARGET
 */
export async function placeOf(fs: Fs, path: string): Promise<MosaicPlace> {
  const { path: indexPath, directory } = await followSymlinks(fs, path);
  return { fs: resolvedOnce(fs, directory), indexPath };
}

/**
 * The same once its lock is held.
 *
 * @throws HoldfastError TARGET_CHANGED when the path has led elsewhere when the lock was taken
 */
export async function lockedPlaceOf(fs: Fs, { path, lockPath }: Lock): Promise<MosaicPlace> {
  const place = await placeOf(fs, path);
  const beside = `${place.indexPath}.lock`;
  // One in a directory of its own has another name.
  if (lockPath === beside || basename(lockPath) !== basename(beside)) return place;
  throw new HoldfastError('TARGET_CHANGED', {
    message: `The path led to ${dirname(lockPath)} when the lock was taken, and leads to another directory now. Try again.`,
    step: 'lock',
    path,
  });
}

/** The path of an index that is to be read: the given one, unless a symlink is at its end. */
export async function indexBehind(fs: Fs, path: string): Promise<string> {
  const found = await lookAt(fs, path).catch(() => undefined);
  return found?.kind === 'symlink' ? (await followSymlinks(fs, path)).path : path;
}

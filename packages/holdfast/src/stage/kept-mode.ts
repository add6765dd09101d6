/**
 * Makes sure that a filesystem keeps the mode that a file is given. vfat, exFAT, ntfs-3g, SMB and
 * rclone take chmod(2) and change nothing: everybody could read what was to be a secret. So before
 * the first byte is written the mode is tried where the new file did not get the one that it was
 * made with, and after every chmod it is looked at.
 */
import { HoldfastError } from '../errors.js';
import { filesystemOf } from '../os/filesystem.js';
import type { FileStat, Fs, FsFile } from '../os/fs.js';
import { dirname } from '../os/paths.js';

/** The mode of a file that is not complete yet. */
export const PRIVATE_MODE = 0o600;

/**
 * To be called of a new file before anything is written to it.
 *
 * @param mode - the one that it is to have in the end, if the caller has named one
 * @throws HoldfastError UNSUPPORTED_PLATFORM
 */
export async function refuseVoidMode(
  fs: Fs,
  file: FsFile,
  mode: number | undefined,
): Promise<void> {
  if (mode === undefined || fs.hasModes === false) return;
  if ((await file.stat()).mode === PRIVATE_MODE) return;
  await file.chmod(mode);
  await refuseOtherMode(fs, file, mode);
}

/**
 * To be called after chmod(2).
 *
 * @throws HoldfastError UNSUPPORTED_PLATFORM when the file has not exactly the mode
 */
export async function refuseOtherMode(fs: Fs, file: FsFile, mode: number): Promise<void> {
  if (fs.hasModes === false) return;
  const given = (await file.stat()).mode;
  if (given !== mode) throw await modeIgnored(fs, file.path, mode, given);
}

/**
 * To be called after the mode of another file was given.
 *
 * @throws HoldfastError UNSUPPORTED_PLATFORM when somebody may do with the file what they could not
 *   with the other
 */
export async function refuseWiderMode(fs: Fs, file: FsFile, other: FileStat): Promise<void> {
  if (fs.hasModes === false) return;
  const given = (await file.stat()).mode;
  if ((given & ~other.mode & 0o777) !== 0)
    throw await modeIgnored(fs, file.path, other.mode, given);
}

async function modeIgnored(
  fs: Fs,
  path: string,
  wanted: number,
  given: number,
): Promise<HoldfastError> {
  const { name } = await filesystemOf(fs, dirname(path));
  return new HoldfastError('UNSUPPORTED_PLATFORM', {
    message:
      `The file was to have mode 0${wanted.toString(8)}, and has 0${given.toString(8)}: ${name} does not keep modes as it ` +
      'is mounted, so others could read or write it. Keep it on another filesystem, mount this one with the owner and ' +
      'mode that all of its files are to have, or leave out mode and secret.',
    step: 'set mode',
    path,
  });
}

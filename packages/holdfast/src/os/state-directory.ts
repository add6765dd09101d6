/**
 * The state directory of this user: what belongs to a file whose own directory forbids new names
 * lies there. Nobody else looks into it, so what is there is between the processes of one user.
 */
import { homedir } from 'node:os';
import { canonicalDirectory } from './follow-symlinks.js';
import type { Fs } from './fs.js';
import { closeQuietly, openOwnDirectory } from './handles.js';
import { makeDirectories } from './make-directories.js';
import { isAbsolute, join } from './paths.js';

/** For the user alone, as the XDG Base Directory Specification has it. */
const DIRECTORY_MODE = 0o700;

/**
 * `$XDG_STATE_HOME/holdfast`, by default `~/.local/state/holdfast`; on Windows
 * `%LOCALAPPDATA%/holdfast`.
 */
export function stateDirectoryOfUser(): string | undefined {
  const isWindows = process.platform === 'win32';
  const named = process.env[isWindows ? 'LOCALAPPDATA' : 'XDG_STATE_HOME'];
  if (named !== undefined && isAbsolute(named)) return join(named, 'holdfast');
  try {
    return isWindows ? undefined : join(homedir(), '.local/state/holdfast');
  } catch {
    // A user without an entry in passwd(5) and without $HOME.
    return undefined;
  }
}

/**
 * The canonical path of the state directory, which is made if it is missing; `undefined` where
 * there is none.
 *
 * @throws HoldfastError NAME_TAKEN for that of another user; IO where it cannot be made
 */
export async function makeStateDirectory(fs: Fs): Promise<string | undefined> {
  if (fs.stateDirectory === undefined) return undefined;
  await makeDirectories(fs, fs.stateDirectory, DIRECTORY_MODE);
  const path = await canonicalDirectory(fs, fs.stateDirectory);
  await closeQuietly((await openOwnDirectory(fs, path)).handle);
  return path;
}

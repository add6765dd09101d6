/** Where a publish with `resume` keeps its stage, for who wants to look at it, or to discard it. */
import { followSymlinks } from '../os/follow-symlinks.js';
import { checkOptions } from '../options.js';
import type { Fs } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { basename, join } from '../os/paths.js';
import { resumableStageName } from '../stage/staged-directory.js';

/**
 * The path of the stage that a run of `publishDirectory` with `resume` keeps for the next one,
 * whether it is there or not. Discarding the work is removing this directory, while nobody
 * publishes. Changes nothing.
 *
 * @param path - the target of the publish; symlinks are followed
 */
export async function resumableStagePath(
  path: string,
  options: { readonly fs?: Fs | undefined } = {},
): Promise<string> {
  checkOptions('resumableStagePath', options, ['fs']);
  const target = await followSymlinks(options.fs ?? nodeFileSystem, path);
  return join(target.directory, resumableStageName(basename(target.path)));
}

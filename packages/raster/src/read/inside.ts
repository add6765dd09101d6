/**
 * Whether what an index names lies in its folder. An index is only text, and what lies beside it
 * may have come with it: so neither a name nor a symlink leads anywhere else, unless the caller
 * says that it may.
 */
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { HoldfastError } from 'holdfast';
import { type Fs, type FsFile, openGiven, openOwn } from 'holdfast/os';
import type { VrtSource } from './vrt-document.js';

export type Outside = 'refuse' | 'allow';

/**
 * The absolute path of a file that an index names.
 *
 * @throws HoldfastError PATH_ESCAPES
 */
export function insidePath(
  indexPath: string,
  { filename, relativeToVrt }: Pick<VrtSource, 'filename' | 'relativeToVrt'>,
  outside: Outside,
): string {
  const folder = folderOf(indexPath);
  const path = relativeToVrt ? resolve(folder, filename) : resolve(filename);
  if (outside === 'allow' || (isInside(folder, path) && !filename.includes('\0'))) return path;
  throw escapes(indexPath, filename);
}

/**
 * Opens such a file; where it must lie inside, it is looked for behind all symlinks first, and then
 * opened behind none.
 *
 * @throws HoldfastError PATH_ESCAPES; UNSUPPORTED_TARGET; NAME_TAKEN. System errors pass as they
 *   are
 */
export async function openInside(
  fs: Fs,
  indexPath: string,
  path: string,
  outside: Outside,
): Promise<FsFile> {
  if (outside === 'allow') return (await openGiven(fs, path)).handle;
  const real = await fs.realpath(path);
  const folder = await fs.realpath(folderOf(indexPath));
  if (!isInside(folder, real)) throw escapes(indexPath, path);
  const { handle } = await openOwn(fs, real, { access: 'read' }, { owner: 'anyone' });
  return handle;
}

function folderOf(indexPath: string): string {
  return dirname(resolve(indexPath));
}

function isInside(folder: string, path: string): boolean {
  const inside = relative(folder, path);
  return inside !== '..' && !/^\.\.[\\/]/u.test(inside) && !isAbsolute(inside);
}

export function escapes(indexPath: string, name: string): HoldfastError {
  return new HoldfastError('PATH_ESCAPES', {
    message: `The index names a tile outside its folder: ${JSON.stringify(name)}. If it is to be trusted, allow it (outside: 'allow', --outside).`,
    step: 'open',
    path: indexPath,
  });
}

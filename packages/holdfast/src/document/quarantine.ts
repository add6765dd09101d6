/**
 * Puts a file that cannot be parsed aside before another takes its place, under the further name
 * `<name>.corrupt-<id>`. Its own name never goes missing: a crash before the replacement leaves the
 * broken file under both names.
 */
import { Buffer } from 'node:buffer';
import { failure } from '../failure.js';
import { isOverwrite, type FileTurnOptions } from '../file/file-turn.js';
import type { Fs } from '../os/fs.js';
import { closeQuietly, inDirectoryOf, openResolved } from '../os/handles.js';
import { dirname, join } from '../os/paths.js';
import {
  copyAs,
  linkAs,
  needsCopy,
  syncKept,
  type SecondNameOptions,
} from '../stage/second-name.js';
import { limitSetAside, newSetAsideId, type SetAsideOptions } from '../stage/set-aside.js';

/** The longest name that Linux filesystems hold. */
const MAX_NAME_BYTES = 255;
const ID_LENGTH = 16;

/** @returns the further name, which is durable */
export async function quarantine(
  fs: Fs,
  path: string,
  {
    durability,
    secret,
    inPlace,
    keepSetAside,
  }: SecondNameOptions & SetAsideOptions & Pick<FileTurnOptions, 'inPlace'>,
): Promise<string> {
  const options = { durability, secret, isOverwritten: isOverwrite(inPlace) };
  try {
    return await inDirectoryOf(fs, path, async (parent, name) => {
      const { handle, stat } = await openResolved(fs, path, { access: 'read' });
      const file = { handle, stat, path };
      try {
        if (durability !== 'atomic') await syncKept(handle);
        const prefix = prefixOf(name);
        const child = { parent, name: prefix + newSetAsideId() };
        const isLinked =
          !needsCopy(fs, stat, options) && (await linkAs(fs, file, child, options)) === 'made';
        if (!isLinked) await copyAs(fs, file, child, options);
        await limitSetAside(fs, { path, prefix, newest: [child.name] }, keepSetAside);
        return join(dirname(path), child.name);
      } finally {
        await closeQuietly(handle);
      }
    });
  } catch (error) {
    throw failure('quarantine', path, error);
  }
}

/**
 * What the names begin with of what is set aside. A long name is cut, between two characters, so
 * that the whole fits.
 */
function prefixOf(documentName: string): string {
  const ending = '.corrupt-';
  let name = documentName;
  while (Buffer.byteLength(name + ending) + ID_LENGTH > MAX_NAME_BYTES) {
    name = Array.from(name).slice(0, -1).join('');
  }
  return name + ending;
}

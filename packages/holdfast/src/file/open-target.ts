/** Opens the file that a caller's path leads to. */
import type { Buffer } from 'node:buffer';
import { errnoOf, isHoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import type { Fs, FsFile } from '../os/fs.js';
import { closeQuietly, openResolved, type Opened } from '../os/handles.js';
import { contentIfOverwritten } from '../journal/overwrite.js';
import { resolveTarget } from './resolve-target.js';

/**
 * Opens the regular file that a path leads to, for reading; `undefined` when nothing is there.
 * Symlinks are followed as by a write to the path. Of a file that has ever been overwritten where
 * it is (in-place.ts) what it holds now is read at once.
 *
 * @throws HoldfastError UNSUPPORTED_TARGET, at once, for a directory, FIFO, socket or device;
 *   INVALID_ARGUMENT; IO
 */
export async function openTarget(fs: Fs, path: string): Promise<Opened<FsFile> | undefined> {
  const opened = await openGrowing(fs, path);
  return opened && orClosed(opened, () => asItIsNow(fs, opened));
}

/**
 * An open file as {@link openTarget} gives it, for as long as the one given is open.
 *
 * @throws HoldfastError IO
 */
export async function asItIsNow(fs: Fs, opened: Opened<FsFile>): Promise<Opened<FsFile>> {
  const { path } = opened.handle;
  try {
    const content = await contentIfOverwritten(fs, path, opened);
    return content === undefined ? opened : frozen(opened, content);
  } catch (error) {
    throw failure('read', path, error);
  }
}

/**
 * The same file as it is on the disk, for a reader that comes back to see what was appended: each
 * time by {@link asItIsNow}.
 *
 * @throws HoldfastError as {@link openTarget}
 */
export async function openGrowing(fs: Fs, path: string): Promise<Opened<FsFile> | undefined> {
  try {
    const { path: resolved } = await resolveTarget(fs, path);
    return await openResolved(fs, resolved, { access: 'read' });
  } catch (error) {
    const cause = isHoldfastError(error, 'NOT_FOUND') ? error.cause : error;
    if (errnoOf(cause) === 'ENOENT') return undefined;
    throw failure('open', path, error);
  }
}

async function orClosed<T>({ handle }: Opened<FsFile>, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    await closeQuietly(handle);
    throw error;
  }
}

/** The open file with the content that it had. */
function frozen({ handle, stat }: Opened<FsFile>, content: Buffer): Opened<FsFile> {
  const sizeBytes = content.length;
  const own: Partial<FsFile> = {
    read: async (buffer, offsetBytes) => content.copy(buffer, 0, offsetBytes),
    stat: async () => ({ ...(await handle.stat()), sizeBytes }),
  };
  const file = new Proxy(handle, {
    get(inner, name) {
      const member: unknown = Reflect.get(name in own ? own : inner, name);
      return typeof member === 'function' ? (member.bind(inner) as unknown) : member;
    },
  });
  return { handle: file, stat: { ...stat, sizeBytes } };
}

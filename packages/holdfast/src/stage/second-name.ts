/**
 * Gives what a file holds now a further name, before the file is replaced or overwritten: a hard
 * link where one will do, and a copy elsewhere. The name leads to the whole content from the first,
 * and is durable when the call has resolved.
 *
 * A link is no answer where the file is to be overwritten in place, for a secret that others could
 * read, and for a file with set-ID bits: a program that was replaced for its mistakes would go on
 * running with them. Nor is one where the name leads to something else than was opened: another
 * program has replaced the file, or the filesystem (sshfs, mergerfs) gives every name an inode
 * number of its own.
 */
import { HoldfastError, errnoOf, isHoldfastError } from '../errors.js';
import type { FileStat, Fs, FsDirectory, FsFile } from '../os/fs.js';
import {
  NAMES_ONLY,
  inDirectoryOf,
  isSameFile,
  lookAt,
  pathIn,
  readPieces,
  type Opened,
} from '../os/handles.js';
import { userOf } from '../os/owner.js';
import type { ChildName } from '../os/tree.js';
import { syncDirectory } from './directory-sync.js';
import { stageFile, type Durability } from './staged-file.js';

export interface SecondNameOptions {
  readonly durability?: Durability | undefined;
  /** The copy is for this user alone. */
  readonly secret?: boolean | undefined;
  /** The file is to be overwritten where it is. */
  readonly isOverwritten?: boolean | undefined;
}

/** An open file, and the canonical path that it was opened by. */
export interface NamedFile extends Opened<FsFile> {
  readonly path: string;
}

const SET_ID_BITS = 0o6000;
const FOR_OTHERS = 0o077;

/** Whether only a copy will do. */
export function needsCopy(
  fs: Fs,
  { mode, uid }: FileStat,
  { secret, isOverwritten }: SecondNameOptions,
): boolean {
  if (isOverwritten || (mode & SET_ID_BITS) !== 0) return true;
  return secret === true && ((mode & FOR_OTHERS) !== 0 || ![undefined, uid].includes(userOf(fs)));
}

/**
 * The name as a hard link: whether it is `made`, and durable, or `taken` by something else, or a
 * link is `impossible`.
 */
export async function linkAs(
  fs: Fs,
  file: NamedFile,
  { parent, name }: ChildName,
  { durability }: SecondNameOptions,
): Promise<'made' | 'taken' | 'impossible'> {
  const path = parent.at(name);
  try {
    await inDirectoryOf(fs, file.path, (source, own) => fs.link(source.at(own), path), NAMES_ONLY);
  } catch (error) {
    // Whatever else keeps a link from being made, a copy has to do, and says what is wrong if that
    // cannot be made either.
    if (errnoOf(error) !== 'EEXIST') return 'impossible';
    if (!(await isAt(fs, path, file))) return 'taken';
  }
  if (!(await isAt(fs, path, file))) {
    await fs.unlink(path);
    return 'impossible';
  }
  if (durability !== 'atomic') await syncName(fs, parent, name);
  return 'made';
}

/** A name whose sync fails goes again: a later sync of its directory would say nothing about it. */
async function syncName(fs: Fs, directory: FsDirectory, name: string): Promise<void> {
  try {
    await syncDirectory(fs, directory);
  } catch (error) {
    await fs.unlink(directory.at(name)).catch(() => undefined);
    throw notKept(pathIn(directory, name), error);
  }
}

async function isAt(fs: Fs, path: string, { stat }: NamedFile): Promise<boolean> {
  const there = await lookAt(fs, path);
  return there !== undefined && isSameFile(there, stat);
}

/** The name as a copy, durable with its directory; false when something else has it. */
export async function copyAs(
  fs: Fs,
  file: NamedFile,
  { parent, name }: ChildName,
  { durability, secret }: SecondNameOptions,
): Promise<boolean> {
  const target = { path: pathIn(parent, name), directory: parent.path };
  const like = { path: file.path, existing: file.stat };
  const options = secret ? { secret, mode: 0o600 } : { like };
  const staged = await stageFile(fs, { ...target, existing: undefined }, readPieces(file.handle), {
    ...options,
    durability,
  });
  try {
    await staged.publish({ ifExists: 'fail' });
    return true;
  } catch (error) {
    if (isHoldfastError(error, 'ALREADY_EXISTS')) return false;
    if (!isHoldfastError(error, 'SYNC_FAILED')) throw error;
    await fs.unlink(parent.at(name)).catch(() => undefined);
    throw notKept(target.path, error);
  } finally {
    await staged.discard();
  }
}

/** Makes the content durable that is to be kept: another program may have written it. */
export async function syncKept(handle: FsFile): Promise<void> {
  try {
    await handle.sync();
  } catch (error) {
    throw notKept(handle.path, error);
  }
}

function notKept(path: string, cause: unknown): HoldfastError {
  return new HoldfastError('SYNC_FAILED', {
    message:
      'What is to be replaced could not be kept durably, so it was not replaced. Check the disk.',
    step: 'sync',
    path,
    cause,
  });
}

/** What is done with the calls of this process that wait for one document (lock/group-queue.ts). */
import { isHoldfastError } from '../errors.js';
import { isOverwrite } from '../file/file-turn.js';
import { GroupQueues, type AwaitedFile } from '../lock/group-queue.js';
import type { WaitOptions } from '../lock/waiting.js';
import type { Fs } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { makeDirectories } from '../os/make-directories.js';
import { dirname } from '../os/paths.js';
import { commitGroup } from './commit-group.js';
import { lockDocument, type LockedDocument } from './locked-document.js';
import { PendingUpdate } from './pending-update.js';
import type { Syntax } from './syntax.js';
import { wantTheSame, type UpdateOptions, type Updater } from './update-options.js';

const updates = new GroupQueues<unknown, PendingUpdate, LockedDocument>({
  step: 'update',
  lock: lockMaking,
  wantTheSame: (a, b) => a.syntax === b.syntax && wantTheSame(a.options, b.options),
  run: (fs, _, group, locked) => commitGroup(fs, locked, group),
});

/**
 * Makes a call whose arguments have been checked, and gives what its commit made of the document.
 */
export function updateDocument<T>(
  syntax: Syntax,
  path: string,
  updater: Updater<T>,
  options: UpdateOptions<T>,
): Promise<T> {
  const { fs = nodeFileSystem } = options;
  const update = new PendingUpdate(syntax, path, updater as Updater<unknown>, options);
  return updates.enter(fs, path, options, update) as Promise<T>;
}

/** Missing directories are made first. */
async function lockMaking(
  fs: Fs,
  { path, choice }: AwaitedFile,
  wait: WaitOptions,
  waiting: readonly PendingUpdate[],
): Promise<LockedDocument> {
  const inPlace = waiting.map(({ options }) => options.inPlace).find(isOverwrite);
  const options = { ...wait, ...choice, inPlace };
  try {
    return await lockDocument(fs, path, options);
  } catch (error) {
    if (!isHoldfastError(error, 'NOT_FOUND')) throw error;
    await makeDirectories(fs, dirname(path));
    return lockDocument(fs, path, options);
  }
}

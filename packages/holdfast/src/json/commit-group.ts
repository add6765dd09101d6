/**
 * One commit of a document, under its lock, for all calls that share it:
 *
 * 1. read the document, strictly (load-document.ts)
 * 2. call each updater in order, with a value of its own; check what it made: can JSON hold it, does the schema allow it
 * 3. the lock must still be ours
 * 4. replace the file whole (file/replace-file.ts), or, if nothing changed, make sure that what is there is durable
 * 5. settle the calls
 *
 * Invariant: a call is acknowledged only when a file that holds its change, and those of all calls before it, is
 * durable. A crash before the rename in 4 leaves the old document, one after it the new document; in both cases no
 * call of the group was acknowledged before. A call that fails in 2 leaves no trace in what the others read and write.
 */
import { HoldfastError, isHoldfastError } from '../errors.js';
import { replaceTarget } from '../file/replace-file.js';
import { lookAgain } from '../file/resolve-target.js';
import type { ResolvedName } from '../lock/follow-symlinks.js';
import type { Lock } from '../lock/lock.js';
import { invalidArgument } from '../options.js';
import type { Fs, FsHandle } from '../os/fs.js';
import { dirname } from '../os/paths.js';
import type { Document } from './document.js';
import { rememberWritten, WrittenDocument } from './last-written.js';
import { loadDocument } from './load-document.js';
import type { LockedDocument } from './locked-document.js';
import { updaterFailed, type PendingUpdate } from './pending-update.js';
import { quarantine } from './quarantine.js';
import { validate } from './standard-schema.js';
import type { UpdateJsonOptions } from './update-options.js';

/** Commits the group and settles every call in it. The calls want the same of the file. */
export async function commitGroup(
  fs: Fs,
  { lock, target }: LockedDocument,
  group: readonly PendingUpdate[],
): Promise<void> {
  const { options } = group[0] as PendingUpdate;
  const { document, isCorrupt } = await loadDocument(fs, target, options);
  const made = new Map<PendingUpdate, unknown>();
  for (const update of group) await runUpdate(update, document, lock, made);
  if (made.size === 0) return;

  try {
    await lock.assertHeld();
    if (isCorrupt) await quarantine(fs, document.path);
    if (document.isChanged) await writeDocument(fs, target, document, options);
    else await syncDocument(fs, document, options);
  } catch (error) {
    for (const update of made.keys()) update.reject(error);
    return;
  }
  for (const [update, value] of made) update.resolve(value);
}

/** Runs one updater and takes its change into the document, or rejects its call. */
async function runUpdate(
  update: PendingUpdate,
  document: Document,
  lock: Lock,
  made: Map<PendingUpdate, unknown>,
): Promise<void> {
  if (update.isSettled) return;
  try {
    const { initial = {}, schema } = update.options;
    const given = document.takeValue(initial);
    if (schema && document.content !== undefined) {
      await validate(schema, given, 'The document', document.path);
    }
    const returned = await update.run(given, lock);
    const value = returned === undefined ? given : returned;
    if (isPrimitiveForObject(value, given) && document.isAltered(given, initial)) {
      throw halfChanged(document.path, value);
    }
    if (schema) await validate(schema, value, 'The new value', document.path);
    if (update.isSettled) return;
    made.set(update, document.accept(value));
    update.startCommitting();
  } catch (error) {
    // What is not ours is the caller's own: a getter, a toJSON, a schema.
    update.reject(isHoldfastError(error) ? error : updaterFailed(document.path, error));
  }
}

/**
 * `(doc) => doc.list.push(1)` changes the document and returns a number by accident. To take the number for the new
 * document would lose everything else in it.
 */
function isPrimitiveForObject(value: unknown, given: unknown): boolean {
  if (typeof given !== 'object' || given === null) return false;
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string';
}

function halfChanged(path: string, value: unknown): HoldfastError {
  return invalidArgument(
    'updateJson',
    `the updater changed the document and returned a ${typeof value}; return nothing, or the new document`,
    path,
  );
}

/**
 * Steps 1 and 2 for a call that commits in its own way: the bytes of the new document, or `undefined` when it stays as
 * it is. The caller holds the lock.
 *
 * @throws HoldfastError those of `updateJson`
 */
export async function makeUpdate(
  fs: Fs,
  { lock, target }: LockedDocument,
  update: PendingUpdate,
): Promise<Uint8Array | undefined> {
  const { document } = await loadDocument(fs, target, update.options);
  const made = new Map<PendingUpdate, unknown>();
  await runUpdate(update, document, lock, made);
  if (made.size === 0) await update.result;
  return document.isChanged ? document.encode() : undefined;
}

async function writeDocument(
  fs: Fs,
  target: ResolvedName,
  document: Document,
  { durability, mode, secret, inPlace }: UpdateJsonOptions<unknown>,
): Promise<void> {
  const written = new WrittenDocument(document);
  written.prepareWhenIdle();
  const options = { durability, mode, secret, inPlace };
  await replaceTarget(fs, await lookAgain(fs, target), written.bytes, options);
  rememberWritten(fs, written);
}

/** What is on disk already may have been written by a program that does not sync. */
async function syncDocument(
  fs: Fs,
  document: Document,
  { durability }: UpdateJsonOptions<unknown>,
): Promise<void> {
  if (durability === 'atomic') return;
  try {
    await syncAndClose(await fs.open(document.path, { access: 'read' }));
    await syncAndClose(await fs.openDirectory(dirname(document.path)));
  } catch (cause) {
    throw new HoldfastError('SYNC_FAILED', {
      message:
        'The document was to stay as it is, but could not be synced to disk. Check the disk.',
      outcome: 'unknown',
      step: 'sync',
      path: document.path,
      cause,
    });
  }
}

async function syncAndClose(handle: FsHandle): Promise<void> {
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

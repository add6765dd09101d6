/**
 * One commit of a document, under its lock, for all calls that share it:
 *
 * 1. read the document, strictly (load-document.ts)
 * 2. call each updater in order, with a value of its own; check what it made: can the syntax hold
 *    it, does the schema allow it
 * 3. the lock must still be ours
 * 4. replace the file whole (file/replace-file.ts), with `keepPrevious` keeping the one that is
 *    there, once for all calls; or, if nothing changed, make sure that what is there is durable
 * 5. settle the calls
 *
 * Invariant: a call is acknowledged only when a file that holds its change, and those of all calls
 * before it, is durable. A crash before the rename in 4 leaves the old document, one after it the
 * new document; in both cases no call of the group was acknowledged before. A call that fails in 2
 * leaves no trace in what the others read and write.
 */
import { HoldfastError } from '../errors.js';
import type { KeptVersion } from '../file/previous.js';
import { replaceTarget } from '../file/replace-file.js';
import { lookAgain } from '../file/resolve-target.js';
import { attributesFor } from '../file/restore-previous.js';
import { rememberFull } from '../file/seen-full.js';
import type { ResolvedName } from '../os/follow-symlinks.js';
import type { Lock } from '../lock/lock.js';
import type { Fs, FsHandle } from '../os/fs.js';
import { openResolved, syncAt } from '../os/handles.js';
import { dirname } from '../os/paths.js';
import { whenIdle } from '../os/pause.js';
import { rememberWritten } from './last-written.js';
import { loadDocument } from './load-document.js';
import type { LockedDocument } from './locked-document.js';
import type { PendingUpdate } from './pending-update.js';
import { applyUpdater } from './apply-updater.js';
import { quarantine } from './quarantine.js';
import type { Document, Syntax } from './syntax.js';
import { tellOfRestoration } from './tell-of-restoration.js';
import type { UpdateOptions } from './update-options.js';

/** Commits the group and settles every call in it. The calls want the same of the file. */
export async function commitGroup(
  fs: Fs,
  { lock, target }: LockedDocument,
  group: readonly PendingUpdate[],
): Promise<void> {
  const { options, syntax } = group[0] as PendingUpdate;
  const { document, isCorrupt, version } = await loadDocument(
    fs,
    target,
    { ...options, syntax },
    () => group.every(({ isSettled }) => isSettled),
  );
  const made = new Map<PendingUpdate, unknown>();
  for (const update of group) await runUpdate(update, document, lock, made);
  if (made.size === 0) return;

  try {
    await lock.assertHeld();
    if (isCorrupt) {
      await replaceBroken(fs, target, document, { ...options, syntax, version });
    } else if (document.isChanged) {
      await writeDocument(fs, target, document, { ...options, syntax });
    } else await syncDocument(fs, document, options);
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
  const { initial, schema } = update.options;
  const call = { syntax: update.syntax, initial, schema, isOver: () => update.isSettled };
  try {
    const applied = await applyUpdater(document, call, (given) => update.run(given, lock));
    if (applied === undefined) return;
    made.set(update, applied.value);
    update.startCommitting();
  } catch (error) {
    update.reject(error);
  }
}

/**
 * Steps 1 and 2 for a call that commits in its own way: the bytes of the new document, or
 * `undefined` when it stays as it is. The caller holds the lock.
 *
 * @throws HoldfastError those of `updateJson`
 */
export async function makeUpdate(
  fs: Fs,
  { lock, target }: LockedDocument,
  update: PendingUpdate,
): Promise<Uint8Array | undefined> {
  const { document } = await loadDocument(
    fs,
    target,
    { ...update.options, syntax: update.syntax },
    () => update.options.signal?.aborted ?? false,
  );
  const made = new Map<PendingUpdate, unknown>();
  await runUpdate(update, document, lock, made);
  if (made.size === 0) await update.result;
  return document.isChanged ? document.encode() : undefined;
}

interface WriteOptions extends UpdateOptions<unknown> {
  readonly syntax: Syntax;
  /** Whose attributes the document gets, when they are not those of what it replaces. */
  readonly attributes?: ReturnType<typeof attributesFor> | undefined;
}

async function writeDocument(
  fs: Fs,
  target: ResolvedName,
  document: Document,
  { syntax, attributes, ...update }: WriteOptions,
): Promise<void> {
  const bytes = document.encode();
  // The event loop is idle while the disk is syncing.
  whenIdle(() => document.prepare?.());
  const { durability, mode, secret, inPlace, keepPrevious, previousDirectory } = update;
  const options = { durability, secret, inPlace, keepPrevious, previousDirectory, ...attributes };
  await replaceTarget(fs, await lookAgain(fs, target), bytes, {
    ...options,
    mode: mode ?? (secret ? undefined : attributes?.mode),
  });
  rememberWritten(fs, { syntax, document, bytes });
  if (bytes.length > 0) rememberFull(fs, document.path);
}

/**
 * Keeps the broken file aside, which is no version, and puts the document in its place; of a
 * version, also unchanged.
 */
async function replaceBroken(
  fs: Fs,
  target: ResolvedName,
  document: Document,
  { version, ...options }: WriteOptions & { readonly version: KeptVersion | undefined },
): Promise<void> {
  const { path } = document;
  const corruptPath = await quarantine(fs, path, options);
  const attributes = version && attributesFor(version, (await lookAgain(fs, target)).existing);
  await writeDocument(fs, target, document, { ...options, keepPrevious: 0, attributes });
  if (version === undefined) return;
  tellOfRestoration({ path, version: version.number, versionPath: version.path, corruptPath });
}

/** What is on disk already may have been written by a program that does not sync. */
async function syncDocument(
  fs: Fs,
  document: Document,
  { durability }: UpdateOptions<unknown>,
): Promise<void> {
  if (durability === 'atomic') return;
  try {
    await syncAndClose((await openResolved(fs, document.path, { access: 'read' })).handle);
    await syncAt(fs, dirname(document.path));
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

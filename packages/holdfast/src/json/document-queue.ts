/**
 * The calls of this process that wait for one document. What arrives while a commit is under way shares the next one:
 * one lock, one read, one write, one fsync for all of them, in call order.
 */
import { AsyncResource } from 'node:async_hooks';
import { HoldfastError, isHoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import { locksOfThisChain } from '../lock/held-locks.js';
import type { Lock } from '../lock/lock.js';
import { resolveLockPath } from '../lock/lock-path.js';
import type { Fs } from '../os/fs.js';
import { absolute, dirname } from '../os/paths.js';
import { commitGroup } from './commit-group.js';
import { lockDocument, type LockedDocument } from './locked-document.js';
import { makeDirectories } from './make-directories.js';
import type { PendingUpdate } from './pending-update.js';
import { wantTheSame } from './update-options.js';

/** Commits run outside of every caller's context: a lock that one caller holds says nothing about the others. */
const outside = new AsyncResource('holdfast.commit');

const queues = new WeakMap<Fs, Map<string, DocumentQueue>>();

/** Lets a call wait for its turn. In call order, from the moment of this call. */
export function enqueue(fs: Fs, update: PendingUpdate): void {
  const ofFs = queues.get(fs) ?? new Map<string, DocumentQueue>();
  queues.set(fs, ofFs);
  // The program may change its working directory while the call waits.
  const path = absolute(update.path);
  const lockPath = update.options.lockPath && absolute(update.options.lockPath);
  const key = JSON.stringify([path, lockPath]);
  const queue = ofFs.get(key) ?? new DocumentQueue(fs, path, lockPath, () => ofFs.delete(key));
  ofFs.set(key, queue);
  queue.enter(update);
}

class DocumentQueue {
  readonly #fs: Fs;
  readonly #path: string;
  readonly #lockPath: string | undefined;
  readonly #onIdle: () => void;
  #waiting: PendingUpdate[] = [];
  #isRunning = false;
  #acquisition: AbortController | undefined;

  constructor(fs: Fs, path: string, lockPath: string | undefined, onIdle: () => void) {
    this.#fs = fs;
    this.#path = path;
    this.#lockPath = lockPath;
    this.#onIdle = onIdle;
  }

  enter(update: PendingUpdate): void {
    this.#waiting.push(update);
    update.startWaiting(() => this.#leave(update));
    void this.#refuseNested(update, locksOfThisChain());
    if (!this.#isRunning) outside.runInAsyncScope(() => void this.#run());
  }

  #leave(update: PendingUpdate): void {
    this.#waiting = this.#waiting.filter((other) => other !== update);
    if (this.#waiting.length === 0) this.#acquisition?.abort();
  }

  /** A caller that holds the document's lock would wait for itself. */
  async #refuseNested(update: PendingUpdate, held: readonly Lock[]): Promise<void> {
    if (held.length === 0) return;
    const lockPath = await resolveLockPath(this.#fs, this.#path, this.#lockPath).catch(() => '');
    if (!held.some((lock) => lock.held && lock.lockPath === lockPath)) return;
    update.reject(nested(lockPath));
    this.#leave(update);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) await this.#commitNext();
    this.#isRunning = false;
    this.#onIdle();
  }

  async #commitNext(): Promise<void> {
    let group: readonly PendingUpdate[] = [];
    try {
      const locked = await this.#acquire();
      try {
        group = this.#takeGroup();
        if (group.length > 0) await commitGroup(this.#fs, locked, group);
      } finally {
        await locked.lock.release();
      }
    } catch (error) {
      // Nobody waited any more; who has come since begins anew.
      if (group.length === 0 && this.#acquisition?.signal.aborted) return;
      // Before a group was taken, the error is the lock's, and concerns all who wait for it.
      const concerned = group.length > 0 ? group : this.#waiting.splice(0);
      for (const update of concerned) update.reject(failure('update', this.#path, error));
    }
  }

  /** The calls at the head of the queue that want the same of the file. */
  #takeGroup(): readonly PendingUpdate[] {
    const [first] = this.#waiting;
    if (first === undefined) return [];
    const end = this.#waiting.findIndex(({ options }) => !wantTheSame(options, first.options));
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
  }

  /** Takes the lock; ends when nobody waits for it any more. Missing directories are made first. */
  async #acquire(): Promise<LockedDocument> {
    const { signal } = (this.#acquisition = new AbortController());
    const options = { lockPath: this.#lockPath, signal };
    try {
      return await lockDocument(this.#fs, this.#path, options);
    } catch (error) {
      if (!isHoldfastError(error, 'NOT_FOUND')) throw error;
      await makeDirectories(this.#fs, dirname(this.#path));
      return lockDocument(this.#fs, this.#path, options);
    }
  }
}

function nested(lockPath: string): HoldfastError {
  return new HoldfastError('LOCK_NESTED', {
    message:
      'updateJson was called under the lock of the document, and would wait for itself. ' +
      'Change the value that the updater was given, or call it after the lock was released.',
    outcome: 'unchanged',
    step: 'lock',
    path: lockPath,
  });
}

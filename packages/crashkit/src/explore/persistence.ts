/**
 * Walks a trace and knows at each operation what is durable, and what is pending and may or may not
 * be.
 */
import { apply, finish, type Change } from '../model/change.js';
import { birthOf } from '../model/disk.js';
import type { Image } from '../model/image.js';
import type { Operation } from '../model/operation.js';

interface PendingChange {
  readonly change: Change;
  /** Which operation made it, counted from 0. */
  readonly operation: number;
  /** Its sync failed: no later sync makes it durable. */
  forgotten: boolean;
}

export class Persistence {
  /** What is durable. */
  readonly durable: Image;
  pending: PendingChange[] = [];
  #operations = 0;

  constructor(before: Image) {
    this.durable = before.copy();
  }

  /** Goes past the next operation of the trace. */
  advance(operation: Operation): void {
    for (const node of operation.births) this.durable.add(birthOf(node));
    for (const change of operation.changes) {
      this.pending.push({ change, operation: this.#operations, forgotten: false });
    }
    if (operation.syncs !== undefined) {
      this.#sync(operation.syncs, operation.syncsBefore ?? Infinity);
    }
    if (operation.forgets !== undefined) this.#forget(operation.forgets);
    this.#operations += 1;
  }

  /** The disk after a crash here, if of the pending changes those with a 1 in `kept` made it. */
  imageAfterCrash(kept: Uint8Array): Image {
    const image = this.durable.copy();
    const changes = this.pending
      .filter((_, index) => kept[index] === 1)
      .map(({ change }) => change);
    for (const change of changes) apply(image, change);
    finish(image, changes);
    return image;
  }

  #sync(what: number | 'everything', before: number): void {
    const covers = (pending: PendingChange): boolean =>
      !pending.forgotten &&
      pending.operation < before &&
      (what === 'everything' || pending.change.ino === what);
    const synced = this.pending.filter(covers).map(({ change }) => change);
    for (const change of synced) apply(this.durable, change);
    finish(this.durable, synced);
    this.pending = this.pending.filter(
      (pending) =>
        !covers(pending) &&
        !(pending.forgotten && synced.some((later) => replaces(later, pending.change))),
    );
  }

  #forget(ino: number): void {
    for (const pending of this.pending) {
      if (pending.change.ino === ino) pending.forgotten = true;
    }
  }
}

/** Whether what one change set is set anew by a later one. */
function replaces(later: Change, earlier: Change): boolean {
  if (later.ino !== earlier.ino || later.kind !== earlier.kind) return false;
  if (later.kind === 'page') return later.index === (earlier as typeof later).index;
  if (later.kind !== 'entries') return true;
  const names = new Set(later.set.map(([name]) => name));
  return (earlier as typeof later).set.some(([name]) => names.has(name));
}

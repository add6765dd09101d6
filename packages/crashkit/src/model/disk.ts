/**
 * A disk in memory with the processes that work on it. The processes see every change at once, as
 * they do through the page cache of a real machine; the journal of operations says what of it a
 * power loss may take.
 */
import { apply, type Change } from './change.js';
import { Image, newFile, ROOT_INO, type ImageNode } from './image.js';
import { InodeNumbers } from './inode-numbers.js';
import type { ModelHandle } from './model-handle.js';
import { ModelProcess } from './model-process.js';
import type { Operation } from './operation.js';
import type { LockMode } from 'holdfast/os';

/** One open file description (`open(2)`): what a flock belongs to. */
export interface Description {
  readonly ino: number;
  readonly process: number;
}

interface DiskOptions {
  /** Keep no operations: for running a check, which nobody will crash. Faster. */
  readonly unrecorded?: boolean | undefined;
  /** Awaited before each call of a process, so that the calls of several interleave. */
  readonly turn?: (() => Promise<void>) | undefined;
  /** Each process is on a machine of its own, and they share the disk by NFS. */
  readonly onNfs?: boolean | undefined;
}

/** A disk in memory on which each page, size and name persists by itself. */
export class ModelDisk {
  /** What is durable when the trace begins. */
  readonly before: Image;
  /** What the processes see. */
  readonly live: Image;
  readonly operations: Operation[] = [];
  readonly openHandles: Set<ModelHandle> = new Set();
  /** Awaited before each call, to let others go first. */
  readonly turn: (() => Promise<void>) | undefined;
  readonly onNfs: boolean;
  readonly #recorded: boolean;
  readonly #locks = new Map<number, Map<Description, LockMode>>();
  #nextIno: number;
  readonly #numbers: InodeNumbers | undefined;
  #processes = 0;
  #clockMs = 1_700_000_000_000;

  constructor(before: Image = Image.empty(), options: DiskOptions = {}) {
    this.before = before;
    this.live = before.copy();
    this.#recorded = !options.unrecorded;
    this.turn = options.turn;
    this.onNfs = options.onNfs ?? false;
    this.#numbers = options.unrecorded ? undefined : new InodeNumbers(this.live);
    this.#nextIno = Math.max(...before.nodes.keys(), ROOT_INO) + 1;
  }

  /** A new process, which sees this disk as its filesystem. */
  process(): ModelProcess {
    this.#processes += 1;
    return new ModelProcess(this, this.#processes);
  }

  /**
   * Notes that the program gave its word, so that losing what it was about is a violation from now
   * on.
   */
  acknowledge(label: string, process = 0): void {
    this.record({ text: `ACK ${label}`, process, births: [], changes: [], acknowledges: label });
  }

  /** What a new inode is called: by the model, and by `stat(2)`. */
  newIno(): { readonly ino: number; readonly number: number } {
    const ino = this.#nextIno;
    this.#nextIno += 1;
    return { ino, number: this.#numbers?.next(this.openHandles) ?? ino };
  }

  /** The time of the model: it passes from call to call. */
  nowMs(): number {
    this.#clockMs += 1;
    return this.#clockMs;
  }

  /** Makes the changes visible to every process, and keeps the operation. */
  perform(operation: Operation): void {
    for (const node of operation.births) this.live.add(birthOf(node));
    for (const change of operation.changes) apply(this.live, change);
    this.#numbers?.changed(operation.changes);
    if (operation.syncs !== undefined) this.#numbers?.synced(operation.syncs);
    if (operation.forgets !== undefined) this.#numbers?.forgot(operation.forgets);
    this.record(operation);
  }

  /** Notes a change that may be lost until it is synced. */
  record(operation: Operation): void {
    if (this.#recorded) this.operations.push(operation);
  }

  /** `flock(2)`, not blocking. */
  tryLock(description: Description, mode: LockMode): boolean {
    const holders = this.#locks.get(description.ino) ?? new Map<Description, LockMode>();
    // By NFS, a lock on a directory is not seen by other machines.
    const isLocal = this.onNfs && this.live.node(description.ino).kind === 'directory';
    const others = [...holders].filter(
      ([holder]) => holder !== description && !(isLocal && holder.process !== description.process),
    );
    const excluded = others.some(([, held]) => held === 'exclusive' || mode === 'exclusive');
    if (excluded) return false;
    this.#locks.set(description.ino, holders.set(description, mode));
    return true;
  }

  /** Frees a lock of the model. */
  unlock(description: Description): void {
    this.#locks.get(description.ino)?.delete(description);
  }

  /** How many names an inode has. */
  linkCount(ino: number): number {
    let count = 0;
    for (const node of this.live.nodes.values()) {
      if (node.kind !== 'directory') continue;
      for (const target of node.entries.values()) if (target === ino) count += 1;
    }
    return count;
  }
}

/** A copy of a newborn inode, since the live one is written to in place. */
export function birthOf(node: ImageNode): ImageNode {
  if (node.kind === 'file') return newFile(node.ino, node.mode, node.number);
  if (node.kind === 'directory') return { ...node, entries: new Map() };
  return { ...node };
}

export type { Change };

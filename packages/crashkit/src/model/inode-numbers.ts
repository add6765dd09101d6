/**
 * Which inode numbers are free. A filesystem gives the number of a removed inode to the next new
 * one, and a program that remembers numbers must not mistake the one for the other; so the model
 * uses numbers again as soon as it may: when nothing has the inode open, and no state that a crash
 * could leave still leads to it.
 */
import type { Change } from './change.js';
import { ROOT_INO, type Image } from './image.js';

export class InodeNumbers {
  readonly #live: Image;
  /** For each directory, every inode that one of its names may lead to after a crash. */
  readonly #mayName = new Map<number, Set<number>>();
  /** Directories whose sync has failed: what they lost may come back at any time. */
  readonly #forgotten = new Set<number>();

  constructor(live: Image) {
    this.#live = live;
    for (const ino of live.nodes.keys()) this.#settle(ino);
  }

  /** Notes changes that were made, none of them durable yet. */
  changed(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind !== 'entries') continue;
      const names = this.#mayName.get(change.ino) ?? new Set<number>();
      this.#mayName.set(change.ino, names);
      for (const [, target] of change.set) if (target !== undefined) names.add(target);
    }
  }

  synced(what: number | 'everything'): void {
    if (what === 'everything') for (const ino of this.#live.nodes.keys()) this.#settle(ino);
    else this.#settle(what);
  }

  forgot(ino: number): void {
    this.#forgotten.add(ino);
  }

  /** The lowest free number. */
  next(open: Iterable<{ readonly ino: number }>): number {
    const used = new Set<number>();
    this.#use(ROOT_INO, used, new Set());
    for (const { ino } of open) used.add(this.#live.node(ino).number);
    let number = ROOT_INO + 1;
    while (used.has(number)) number += 1;
    return number;
  }

  /** Adds the numbers of an inode and of all that it may lead to. */
  #use(ino: number, used: Set<number>, seen: Set<number>): void {
    if (seen.has(ino)) return;
    seen.add(ino);
    used.add(this.#live.node(ino).number);
    for (const child of this.#mayName.get(ino) ?? []) this.#use(child, used, seen);
  }

  #settle(ino: number): void {
    const node = this.#live.node(ino);
    if (node.kind !== 'directory' || this.#forgotten.has(ino)) return;
    this.#mayName.set(ino, new Set(node.entries.values()));
  }
}

/**
 * What a trace is made of: the calls of a program that changed something, made something durable,
 * or gave its word.
 */
import type { Change } from './change.js';
import type { ImageNode } from './image.js';

export interface Operation {
  /** The call, for a person: `write /d/a [0, 100)`. */
  readonly text: string;
  /** The number of the process that made it. */
  readonly process: number;
  /** Inodes that begin to exist; no name leads to them until a change says so. */
  readonly births: readonly ImageNode[];
  /** What the call changed, in order; none of it is durable by that. */
  readonly changes: readonly Change[];
  /** The inode whose changes so far are durable after this call. */
  readonly syncs?: number | 'everything' | undefined;
  /**
   * The sync covers only what operations before this one (counted from 0) changed; all so far by
   * default.
   */
  readonly syncsBefore?: number | undefined;
  /**
   * The inode whose changes so far no later sync makes durable: its sync failed, and the kernel
   * forgot them.
   */
  readonly forgets?: number | undefined;
  /** The promise that the program gave: from here on it counts. */
  readonly acknowledges?: string | undefined;
}

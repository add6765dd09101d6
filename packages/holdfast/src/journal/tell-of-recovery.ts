/**
 * Tells whoever listens that a commit that died has been brought to its end. A recovery happens
 * inside of any call, and moves files that the call does not name; so it should not go unseen. A
 * library does not write to stderr: what it has to say goes to a channel of
 * `node:diagnostics_channel`, where a program takes it up or does not. The command line does.
 */
import { channel } from 'node:diagnostics_channel';
import type { OverwriteReport } from './overwrite.js';
import type { ChangeReport } from './roll-forward.js';

/** What a recovery found, and what became of it. */
export interface Recovery {
  readonly root: string;
  /**
   * `none`: no transaction died. `torn`: a journal to be thrown away. `whole`: one to be rolled
   * forward.
   */
  readonly journal: 'none' | 'torn' | 'whole';
  /** The changes of a journal that is whole. */
  readonly changes: readonly ChangeReport[];
  /** The overwrites in place that died, of files in the root. */
  readonly overwrites: readonly OverwriteReport[];
}

const recoveries = channel('holdfast:recovery');

/** Publishes what was done to the channel `holdfast:recovery`. */
export function tellOfRecovery({ root, journal, changes, overwrites }: Recovery): void {
  if (!recoveries.hasSubscribers) return;
  recoveries.publish({ root, journal, changes, overwrites } satisfies Recovery);
}

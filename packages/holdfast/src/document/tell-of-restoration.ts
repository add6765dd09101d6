/**
 * Tells whoever listens that a broken document was replaced by a version of it. The call itself
 * gives the value of a document as ever; that it is an older one should not go unseen
 * (journal/tell-of-recovery.ts says why by a channel).
 */
import { channel } from 'node:diagnostics_channel';

/** A document that could not be parsed, and was restored (`onCorrupt: 'restore'`). */
export interface Restoration {
  /** The document. */
  readonly path: string;
  /** The version that took its place, with what the updaters changed in it. */
  readonly version: number;
  readonly versionPath: string;
  /** Where the broken file is kept. */
  readonly corruptPath: string;
}

const restorations = channel('holdfast:restore');

/** Publishes what was done to the channel `holdfast:restore`. */
export function tellOfRestoration(restoration: Restoration): void {
  if (restorations.hasSubscribers) restorations.publish(restoration);
}

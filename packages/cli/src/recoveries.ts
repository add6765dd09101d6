/**
 * Says on standard error what a recovery has done: any command may come upon a transaction whose
 * process died, and then moves files that nobody has named. And what was restored: the document
 * that a command has changed is then an older one. And what was removed of that which was set aside
 * earlier.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { Recovery, Restoration, SetAsideRemoval } from 'holdfast';
import { shown, tell } from './outputs.js';

/** What became of an overwrite in place that died. */
export const overwriteSentences = {
  pending: 'to be finished',
  finished: 'finished',
  superseded: 'another program has written the file since, which was left alone',
} as const;

/** Tells of every recovery and every restored document from now on. */
export function tellOfRecoveries(): void {
  subscribe('holdfast:recovery', (message) => tellOf(message as Recovery));
  subscribe('holdfast:restore', (message) => tellOfRestored(message as Restoration));
  subscribe('holdfast:set-aside', (message) => tellOfRemoved(message as SetAsideRemoval));
}

function tellOfRemoved({ removed }: SetAsideRemoval): void {
  for (const path of removed) {
    tell(shown`holdfast: ${path}, which was set aside long ago or is one of many, was removed`);
  }
}

function tellOfRestored({ path, versionPath, corruptPath }: Restoration): void {
  tell(shown`holdfast: ${path} could not be read, and was restored from ${versionPath};`);
  tell(shown`holdfast:   the broken file is kept as ${corruptPath}`);
}

function tellOf({ root, journal, changes, overwrites }: Recovery): void {
  for (const { path, state } of overwrites) {
    tell(shown`holdfast: an overwrite of ${path} whose process died: ${overwriteSentences[state]}`);
  }
  if (journal === 'none') return;
  if (journal === 'torn') {
    tell(
      shown`holdfast: a transaction in ${root} had not been committed; its journal was thrown away`,
    );
    return;
  }
  tell(shown`holdfast: a transaction in ${root} whose process died was brought to its end:`);
  for (const { kind, path, state, displacedTo } of changes) {
    tell(shown`holdfast:   ${kind} ${path}: ${state}`);
    if (displacedTo !== undefined)
      tell(shown`holdfast:   what was in the way is now ${displacedTo}`);
  }
}

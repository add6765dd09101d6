/** A violation as a file: kept, sent to a colleague, and looked at in a directory. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { HoldfastError } from 'holdfast';
import { writeTree } from '../model/tree.js';
import type { Violation } from './violation.js';

const FORMAT = 'holdfast-crash-1';

/** Writes a violation to a file (JSON). */
export function saveViolation(path: string, violation: Violation): void {
  writeFileSync(path, `${JSON.stringify({ format: FORMAT, violation }, undefined, 1)}\n`);
}

/**
 * Makes, in an existing empty directory, the tree that the crash of a saved violation left.
 *
 * @throws HoldfastError ALREADY_EXISTS when the directory is not empty; CORRUPT_DOCUMENT when the
 *   file is not a violation
 */
export function replayViolation(path: string, directory: string): Violation {
  const violation = readViolation(path);
  if (readdirSync(directory).length > 0) {
    throw new HoldfastError('ALREADY_EXISTS', {
      message: `A crash is replayed into an empty directory, and this one is not.`,
      step: 'replay',
      path: directory,
    });
  }
  writeTree(directory, violation.tree);
  return violation;
}

function readViolation(path: string): Violation {
  try {
    const saved = JSON.parse(readFileSync(path, 'utf8')) as Partial<SavedViolation>;
    if (saved.format === FORMAT && saved.violation) return saved.violation;
    throw new Error(`its format is ${String(saved.format)}, not ${FORMAT}`);
  } catch (cause) {
    throw new HoldfastError('CORRUPT_DOCUMENT', {
      message: 'The file is no saved violation of holdfast crashtest.',
      step: 'replay',
      path,
      cause,
    });
  }
}

interface SavedViolation {
  readonly format: string;
  readonly violation: Violation;
}

/**
 * Small JSON files of a session, each with a checksum of itself as its last member: what a disk or
 * a hand has changed is never taken for what was written.
 */
import type { JsonObject } from '../json/json-value.js';
import type { Fs } from '../os/fs.js';
import { closeQuietly, openOwnIfThere, readAll } from '../os/handles.js';
import { crypto } from '../os/lazy-modules.js';

/** A file that was found: its value, or that it does not hold what was written into it. */
export type CheckedFile = { readonly value: JsonObject } | 'damaged';

/** The text of such a file. */
export function checkedText(value: JsonObject): string {
  return `${JSON.stringify({ ...value, check: checkOf(value) })}\n`;
}

/**
 * Reads such a file; `undefined` when there is none. System errors pass as they are.
 *
 * @throws HoldfastError NAME_TAKEN for a symlink, FIFO, device or directory of its name, and for
 *   the file of another user
 */
export async function readChecked(fs: Fs, path: string): Promise<CheckedFile | undefined> {
  const opened = await openOwnIfThere(fs, path, { access: 'read' });
  if (!opened) return undefined;
  try {
    const bytes = await readAll(opened.handle, opened.stat.sizeBytes);
    return parseChecked(bytes.toString('utf8'));
  } finally {
    await closeQuietly(opened.handle);
  }
}

/** What such a text says. */
export function parseChecked(text: string): CheckedFile {
  try {
    const { check, ...value } = JSON.parse(text) as JsonObject;
    return check === checkOf(value) ? { value } : 'damaged';
  } catch {
    return 'damaged';
  }
}

function checkOf(value: JsonObject): string {
  return crypto().createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

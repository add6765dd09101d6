/**
 * Paths as everything above this folder knows them: with slashes between the parts, on every
 * platform. Windows takes slashes as well, so what Holdfast makes of a path (a stage, a lock file,
 * a line of a journal) has one form there too, in which two paths can be compared and one be cut
 * from the other. What `Fs` gives back has slashes (windows-fs.ts).
 */
import * as path from 'node:path';

// From `node:path` as they are: given slashes they keep them.
export { basename, dirname, extname, isAbsolute } from 'node:path';

const isWindows = path.sep === '\\';

/** The path with slashes; elsewhere a backslash is a character like any other, and stays. */
export function withSlashes(given: string): string {
  return isWindows ? given.replaceAll('\\', '/') : given;
}

export function join(...parts: string[]): string {
  return withSlashes(path.join(...parts));
}

export function normalize(given: string): string {
  return withSlashes(path.normalize(given));
}

/**
 * The path from the root, otherwise as it is: where a `..` leads behind a symlink only the kernel
 * knows.
 */
export function absolute(given: string): string {
  if (isWindows) return withSlashes(path.resolve(given));
  return path.isAbsolute(given) ? given : `${process.cwd()}/${given}`;
}

/** Where an absolute path begins: `/`, on Windows with its drive or share. */
export function rootOf(given: string): string {
  return withSlashes(path.parse(given).root);
}

/** Whether a part of a path can only be a name: it is neither empty, nor leads up or elsewhere. */
export function isPlainName(part: string): boolean {
  return !['', '.', '..'].includes(part) && !(isWindows && /[\\:]/.test(part));
}

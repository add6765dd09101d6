/**
 * The names of what was replaced and is kept, a file or a tree: `<name>.previous-<n>`, the highest
 * n being the latest.
 */
import type { FileKind, Fs, FsDirectory } from '../os/fs.js';

const INFIX = '.previous-';

export function previousName(name: string, number: number): string {
  return `${name}${INFIX}${number}`;
}

/**
 * The numbers that a directory has such names of, ascending. Whose they are is for the caller to
 * judge.
 */
export async function numbersBelow(
  fs: Fs,
  directory: FsDirectory,
  name: string,
  kinds: readonly FileKind[],
): Promise<readonly number[]> {
  const prefix = name + INFIX;
  const entries = await fs.readDirectory(directory.at('.'));
  return entries
    .filter((entry) => entry.name.startsWith(prefix) && kinds.includes(entry.kind))
    .map((entry) => entry.name.slice(prefix.length))
    .filter((digits) => /^[1-9]\d{0,14}$/u.test(digits))
    .map(Number)
    .toSorted((a, b) => a - b);
}

/**
 * Files without a name (`O_TMPFILE`, open(2)), which no protocol of Holdfast needs but a filesystem
 * may lack.
 */
import * as nodeFs from 'node:fs';

/** `__O_TMPFILE` of <asm-generic/fcntl.h>; Node does not name it. */
const TMPFILE_BIT = 0o20000000;

/**
 * Makes a file without a name in a directory and lets it go again. Throws the kernel's error where
 * that is impossible.
 */
export function makeUnnamedFile(directory: string): void {
  const { O_RDWR, O_DIRECTORY } = nodeFs.constants;
  nodeFs.closeSync(nodeFs.openSync(directory, O_RDWR | O_DIRECTORY | TMPFILE_BIT, 0o600));
}

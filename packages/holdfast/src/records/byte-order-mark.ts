/** The byte order mark that some programs put at the beginning of a text file. */
import type { FsFile } from '../os/fs.js';
import { readWhole } from './log-bytes.js';
import { corruptLog } from './record-errors.js';

/**
 * How many bytes of mark the file begins with. Throws CORRUPT_DOCUMENT for UTF-16, which a log
 * never is.
 */
export async function readByteOrderMark(file: FsFile, endBytes: number): Promise<number> {
  const start = Buffer.alloc(Math.min(3, endBytes));
  const got = await readWhole(file, start, 0);
  const bytes = start.subarray(0, got);
  if (bytes.equals(Buffer.of(0xef, 0xbb, 0xbf))) return 3;
  const two = bytes.subarray(0, 2).toString('hex');
  if (two === 'fffe' || two === 'feff') {
    throw corruptLog(file.path, 'The log is in UTF-16; convert it to UTF-8 first.');
  }
  return 0;
}

/**
 * The last line of an index of ours is a comment that holds the SHA-256 of everything before it.
 * XML readers pass over it; a program that rewrites the index drops it, and then nobody knows any
 * more whether the text is what was written.
 */
import { createHash } from 'node:crypto';
import { HoldfastError, isHoldfastError } from 'holdfast';
import { errnoOf, type Fs, openGiven, readPieces } from 'holdfast/os';
import { aborted } from '../read/aborted.js';

const before = '<!-- holdfast sha256 ';
const after = ' -->\n';

/** The last line of an index, given the digest of all before it in hexadecimal. */
export function digestLine(sha256: string): string {
  return `${before}${sha256}${after}`;
}

/** That line, at the end of a text. */
export const DIGEST_LINE: RegExp = /<!-- holdfast sha256 ([0-9a-f]{64}) -->\n$/;

/** How many bytes the last line takes. */
const DIGEST_LINE_BYTES: number = digestLine('0'.repeat(64)).length;

/** The digest that the end of an index holds, if it ends as ours do. */
function digestInTail(tail: string): string | undefined {
  return DIGEST_LINE.exec(tail)?.[1];
}

/** Ten million sources; a longer text is none of ours, and would be read for a long time. */
const MOST_BYTES = 4 * 1024 * 1024 * 1024;

/**
 * `whole`: the text is what was written; `damaged`: it is not, or is longer than any; `unknown`: it
 * does not carry a digest, as those of other programs.
 *
 * @throws HoldfastError NOT_FOUND; ABORTED; IO
 */
export async function checkIndexDigest(
  fs: Fs,
  path: string,
  signal?: AbortSignal,
): Promise<'whole' | 'damaged' | 'unknown'> {
  try {
    const { handle: file, stat } = await openGiven(fs, path);
    try {
      const { sizeBytes } = stat;
      if (sizeBytes > MOST_BYTES) return 'damaged';
      const body = Math.max(0, sizeBytes - DIGEST_LINE_BYTES);
      const hash = createHash('sha256');
      let [offset, tail] = [0, ''];
      signal?.throwIfAborted();
      for await (const piece of readPieces(file, sizeBytes)) {
        const bodyCount = Math.min(piece.length, Math.max(0, body - offset));
        hash.update(piece.subarray(0, bodyCount));
        tail += new TextDecoder().decode(piece.subarray(bodyCount));
        offset += piece.length;
        signal?.throwIfAborted();
      }
      const expected = digestInTail(tail);
      if (expected === undefined) return 'unknown';
      return hash.digest('hex') === expected ? 'whole' : 'damaged';
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (isHoldfastError(cause)) throw cause;
    if (signal?.aborted) throw aborted(path, signal);
    const missing = errnoOf(cause) === 'ENOENT';
    throw new HoldfastError(missing ? 'NOT_FOUND' : 'IO', {
      message: missing ? 'There is no VRT index.' : 'The VRT index cannot be read.',
      step: 'verify',
      path,
      cause,
    });
  }
}

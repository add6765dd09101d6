/** Checks whether the text of an index is what was written. */
import { createHash } from 'node:crypto';
import { HoldfastError } from 'holdfast';
import { errnoOf, type Fs } from 'holdfast/os';
import { DIGEST_LINE_BYTES, digestInTail } from '../vrt/index-digest.js';

const READ_BYTES = 1024 * 1024;

/**
 * `whole`: the text is what was written; `damaged`: it is not; `unknown`: it does not carry a digest, as those of other
 * programs.
 *
 * @throws HoldfastError NOT_FOUND; IO
 */
export async function checkIndexDigest(
  fs: Fs,
  path: string,
): Promise<'whole' | 'damaged' | 'unknown'> {
  try {
    const file = await fs.open(path, { access: 'read' });
    try {
      const { sizeBytes } = await file.stat();
      const body = Math.max(0, sizeBytes - DIGEST_LINE_BYTES);
      const hash = createHash('sha256');
      const buffer = new Uint8Array(READ_BYTES);
      let tail = '';
      for (let offset = 0; ;) {
        const count = await file.read(buffer, offset);
        if (count === 0) break;
        const bodyCount = Math.min(count, Math.max(0, body - offset));
        hash.update(buffer.subarray(0, bodyCount));
        tail += new TextDecoder().decode(buffer.subarray(bodyCount, count));
        offset += count;
      }
      const expected = digestInTail(tail);
      if (expected === undefined) return 'unknown';
      return hash.digest('hex') === expected ? 'whole' : 'damaged';
    } finally {
      await file.close();
    }
  } catch (cause) {
    const missing = errnoOf(cause) === 'ENOENT';
    throw new HoldfastError(missing ? 'NOT_FOUND' : 'IO', {
      message: missing ? 'There is no VRT index.' : 'The VRT index cannot be read.',
      outcome: 'unchanged',
      step: 'verify',
      path,
      cause,
    });
  }
}

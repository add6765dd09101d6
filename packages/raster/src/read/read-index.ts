/** Reads the text of an index, and says in a typed error what is wrong with it. */
import { HoldfastError } from 'holdfast';
import { errnoOf, type Fs } from 'holdfast/os';
import { parseVrt } from './parse-vrt.js';
import type { VrtDocument } from './vrt-document.js';

/**
 * Reads and parses an index.
 *
 * @throws HoldfastError NOT_FOUND; IO; CORRUPT_DOCUMENT for one that is not a VRT of simple sources, or is larger than
 *   `maximumBytes`
 */
export async function readIndex(fs: Fs, path: string, maximumBytes: number): Promise<VrtDocument> {
  const text = await readText(fs, path, maximumBytes);
  try {
    return await parseVrt(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw corrupt(path, `The VRT index cannot be understood: ${why}.`, cause);
  }
}

async function readText(fs: Fs, path: string, maximumBytes: number): Promise<string> {
  try {
    const file = await fs.open(path, { access: 'read' });
    try {
      const { sizeBytes } = await file.stat();
      if (sizeBytes > maximumBytes) {
        const limit = `Raise maxIndexBytes if it is to be trusted.`;
        throw corrupt(path, `The VRT index has ${sizeBytes} bytes, over ${maximumBytes}. ${limit}`);
      }
      const bytes = new Uint8Array(sizeBytes);
      let got = 0;
      while (got < sizeBytes) {
        const count = await file.read(bytes.subarray(got), got);
        if (count === 0) break;
        got += count;
      }
      return new TextDecoder().decode(bytes.subarray(0, got));
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    const code = errnoOf(cause) === 'ENOENT' ? 'NOT_FOUND' : 'IO';
    const message =
      code === 'NOT_FOUND' ? 'There is no VRT index.' : 'The VRT index cannot be read.';
    throw new HoldfastError(code, { message, outcome: 'unchanged', step: 'open', path, cause });
  }
}

function corrupt(path: string, message: string, cause?: unknown): HoldfastError {
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message,
    outcome: 'unchanged',
    step: 'parse',
    path,
    cause,
  });
}

/**
 * A cache directory: the result of a build step, published whole under the digest of its input. Of
 * several processes that build the same at once one publishes, and the others use what it made.
 * Nobody ever finds half a result, and what a killed build left is swept by the next one.
 *
 *   node build-cache.js INPUT
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { isHoldfastError, publishDirectory, type Stage } from 'holdfast';

export async function cached(
  input: string,
  build: (input: string, stage: Stage) => Promise<void>,
): Promise<string> {
  const key = createHash('sha256')
    .update(await readFile(input))
    .digest('hex');
  const path = `cache/${key}`;
  // What has this name is whole: it got it in one rename.
  if (existsSync(path)) return path;
  await mkdir('cache', { recursive: true });
  try {
    await publishDirectory(path, (stage) => build(input, stage));
  } catch (error) {
    // Somebody else was faster, with the same input.
    if (!isHoldfastError(error, 'ALREADY_EXISTS') && !isHoldfastError(error, 'TARGET_CHANGED'))
      throw error;
  }
  return path;
}

const [input] = process.argv.slice(2);
if (input === undefined) throw new Error('usage: build-cache INPUT');
const path = await cached(input, async (from, stage) => {
  const text = await readFile(from, 'utf8');
  await stage.write('upper.txt', text.toUpperCase());
  await stage.write('words/count.txt', String(text.split(/\s+/u).filter(Boolean).length));
});
console.log(path);

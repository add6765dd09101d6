/**
 * How a reader sees files and trees, as text that tells every state from every other; and a writer
 * that syncs nothing.
 */
import type { Fs } from 'holdfast/os';
import { errnoOf } from './errno.js';

/** The content of a file; `(none)` when there is none. */
export async function seeFile(fs: Fs, path: string): Promise<string> {
  try {
    const file = await fs.open(path, { access: 'read' });
    const buffer = Buffer.alloc((await file.stat()).sizeBytes);
    const count = await file.read(buffer, 0);
    await file.close();
    return shorten(buffer.toString('latin1', 0, count));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return '(none)';
    throw error;
  }
}

/**
 * Every path and content below a directory, but for names like `besides`; `(none)` when there is
 * none.
 */
export async function seeTree(fs: Fs, directory: string, besides?: RegExp): Promise<string> {
  if (!(await fs.exists(directory))) return '(none)';
  const entries = await fs.readDirectory(directory);
  const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const seen: string[] = [];
  for (const { name, kind } of sorted) {
    if (besides?.test(name)) continue;
    const path = `${directory}/${name}`;
    seen.push(
      `${name}=${kind === 'directory' ? await seeTree(fs, path, besides) : await seeFile(fs, path)}`,
    );
  }
  return `{${seen.join(' ')}}`;
}

/** A long content as its beginning, its length, and a sum that changes with each byte. */
function shorten(text: string): string {
  if (text.length <= 80) return JSON.stringify(text);
  let sum = 0;
  for (let index = 0; index < text.length; index += 1) {
    sum = (Math.imul(sum, 31) + text.charCodeAt(index)) | 0;
  }
  return `${JSON.stringify(text.slice(0, 20))}…(${text.length}, ${sum})`;
}

/** Puts a file in place as a program without care does. */
export async function putUnsynced(fs: Fs, path: string, content: string): Promise<void> {
  const file = await fs.open(`${path}.new`, { access: 'write', create: 'exclusive' });
  const bytes = Buffer.from(content);
  const taken = await file.write(bytes, 0);
  await file.close();
  if (taken !== bytes.length) throw new Error('the disk is full');
  await fs.rename(`${path}.new`, path);
}

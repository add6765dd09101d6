/**
 * A file without a future: it has a name of Holdfast's staged files for as long as it takes to
 * remove that, so that a kill leaves nothing, or what any sweep knows for an orphan. Where an open
 * file keeps its name (Windows) it goes at the close.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Fs, type FsFile, unlinkIfThere } from 'holdfast/os';

const PRIVATE_MODE = 0o600;

/** Makes one in a directory; closing it removes it. */
export async function openScratchFile(fs: Fs, directory: string): Promise<FsFile> {
  const path = join(directory, `.holdfast-${randomBytes(10).toString('hex')}.tmp`);
  const flags = { access: 'readWrite', create: 'exclusive' } as const;
  const file = await fs.open(path, flags, PRIVATE_MODE);
  try {
    await unlinkIfThere(fs, path);
    return file;
  } catch {
    return closingLast(fs, file, path);
  }
}

function closingLast(fs: Fs, file: FsFile, path: string): FsFile {
  const close = async (): Promise<void> => {
    await file.close();
    await unlinkIfThere(fs, path);
  };
  return new Proxy(file, {
    get: (target, name) => {
      if (name === 'close') return close;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

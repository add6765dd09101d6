/** directory-sync.ts for synchronous calls, of which none runs beside another. */
import type { Fs, FsDirectory } from '../os/fs.js';

export async function syncDirectory(_fs: Fs, directory: FsDirectory): Promise<void> {
  await directory.sync();
}

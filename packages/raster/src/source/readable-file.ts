/** What reading a GeoTIFF needs of a file: an open one of a filesystem, or an object far away. */
import type { FsFile } from 'holdfast/os';

export interface ReadableFile extends Pick<FsFile, 'path' | 'read' | 'close'> {
  stat(): Promise<{ readonly sizeBytes: number }>;
}

/** Whether it has an inode, and a time at which it was changed. */
export function isOfFilesystem(file: ReadableFile): file is FsFile {
  return 'modifiedMs' in file;
}

/** The door to an index and to the files that it names: on a filesystem, or far away (../remote). */
import type { Fs } from 'holdfast/os';
import type { ReadableFile } from '../source/readable-file.js';
import { readSidecars, type Sidecars } from '../source/geotiff/sidecars.js';
import { insidePath, openInside, type Outside } from './inside.js';
import { type IndexSettings, openIfThere, readIndex } from './read-index.js';
import type { VrtDocument, VrtSource } from './vrt-document.js';

export interface MosaicFiles {
  /**
   * The absolute path of a file that an index names.
   *
   * @throws HoldfastError PATH_ESCAPES
   */
  pathOf(indexPath: string, named: Pick<VrtSource, 'filename' | 'relativeToVrt'>): string;
  /** Opens such a file. */
  open(path: string): Promise<ReadableFile>;
  /** What lies beside it. */
  sidecars(path: string): Promise<Sidecars>;
  /**
   * What of a file is not the same any more when somebody has changed it: its path, size and time
   * of change, or its address and version.
   */
  identityOf(path: string): Promise<readonly unknown[]>;
  /** Reads a further index, of an overview. */
  readIndex(path: string): Promise<VrtDocument>;
  /** Ends what is under way. */
  close(): Promise<void>;
}

/** The files of an index on a filesystem. */
export function localFiles(
  indexPath: string,
  settings: IndexSettings & { readonly outside: Outside },
): MosaicFiles {
  const { fs, outside }: { readonly fs: Fs; readonly outside: Outside } = settings;
  const open = (path: string) => openInside(fs, indexPath, path, outside);
  return {
    pathOf: (index, named) => insidePath(index, named, outside),
    open,
    sidecars: (path) => readSidecars(fs, path, { open }),
    identityOf: async (path) => {
      const file = await openIfThere(() => open(path));
      if (!file) return [path];
      try {
        const { sizeBytes } = await file.stat();
        return [await fs.realpath(path), sizeBytes, await file.modifiedMs()];
      } finally {
        await file.close();
      }
    },
    readIndex: (path) => readIndex(path, settings, () => open(path)),
    close: async () => undefined,
  };
}

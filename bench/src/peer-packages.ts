/** The peers, with the types of what the benchmarks call (some of the packages bring none). */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

interface WriteFileAtomic {
  (path: string, data: string | Uint8Array): Promise<void>;
  sync(path: string, data: string | Uint8Array): void;
}

export const writeFileAtomic: WriteFileAtomic = require('write-file-atomic') as never;

export interface ProperLockfile {
  lock(
    path: string,
    options?: { stale?: number; retries?: object; realpath?: boolean; lockfilePath?: string },
  ): Promise<() => Promise<void>>;
}

export const properLockfile: ProperLockfile = require('proper-lockfile') as never;

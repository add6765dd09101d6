/**
 * What write-file-atomic does with its temporary file, done to that of Holdfast: it is told when it
 * was made, and gets another owner. Both are done by the filesystem that the call works on, which
 * sees the file being made and being given away.
 */
import type { Fs } from 'holdfast/os';
import type { SynchronousFs } from 'holdfast/sync';
import type { Options, Owner } from './options.js';

/** What is wanted of a temporary file. */
export interface Wishes {
  /** `writer`: it stays with whoever writes it. Without it: as Holdfast gives it. */
  readonly owner: Owner | 'writer' | undefined;
  readonly created: NonNullable<Options['tmpfileCreated']> | undefined;
}

type Flags = Parameters<Fs['open']>[1];

export function fulfilling(fs: Fs, { owner, created }: Wishes): Fs {
  if (owner === undefined && created === undefined) return fs;
  return {
    ...fs,
    async open(path, flags, mode) {
      const file = await fs.open(path, flags, mode);
      if (!isNew(flags)) return file;
      try {
        if (owner && owner !== 'writer') {
          await file.chown(owner.uid, owner.gid).catch(refuseUnlessUsual);
        }
        if (owner) file.chown = async () => undefined;
        await created?.(file.path);
        return file;
      } catch (error) {
        await fs.unlink(path).catch(() => undefined);
        await file.close().catch(() => undefined);
        throw new FailedWish(error);
      }
    },
  };
}

export function fulfillingSync(fs: SynchronousFs, { owner, created }: Wishes): SynchronousFs {
  if (owner === undefined && created === undefined) return fs;
  return {
    ...fs,
    open(path, flags, mode) {
      const file = fs.open(path, flags, mode);
      if (!isNew(flags)) return file;
      try {
        if (owner && owner !== 'writer') {
          try {
            file.chown(owner.uid, owner.gid);
          } catch (error) {
            refuseUnlessUsual(error);
          }
        }
        if (owner) file.chown = () => undefined;
        created?.(file.path);
        return file;
      } catch (error) {
        fs.unlink(path);
        file.close();
        throw new FailedWish(error);
      }
    },
  };
}

/**
 * What the caller's own function has thrown, or the kernel about its owner: the caller gets that
 * and nothing else.
 */
export class FailedWish extends Error {
  override readonly cause: unknown;

  constructor(cause: unknown) {
    super('the temporary file could not be what the caller wants', { cause });
    this.cause = cause;
  }
}

function isNew({ create }: Flags): boolean {
  return create === 'exclusive';
}

/**
 * As in write-file-atomic: some filesystems have no owners, and only root gives files away, which
 * is no failure of the write.
 */
function refuseUnlessUsual(error: unknown): void {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSYS') return;
  if (process.getuid?.() !== 0 && (code === 'EINVAL' || code === 'EPERM')) return;
  throw error;
}

/**
 * The system calls that Node does not offer, called through koffi, which ships its binaries inside its packages and
 * so loads with install scripts off. Loaded on first use, so that importing Holdfast costs nothing and works on every
 * platform.
 */
import { HoldfastError } from '../../errors.js';
import type { LockMode, LockTickets } from '../fs.js';
import { loadLinux } from './linux.js';

/** What a platform's native layer must give. A descriptor is one that Node opened. Failures throw system errors. */
export interface Native {
  tryLock(fd: number, mode: LockMode, path: string): boolean;
  unlock(fd: number, path: string): void;
  renameNoReplace(from: string, to: string): void;
  exchange(a: string, b: string): void;
  /** May take long, so it runs on the thread pool. */
  syncFilesystem(fd: number, path: string): Promise<void>;
  listXattrs(fd: number, path: string): readonly string[];
  getXattr(fd: number, name: string, path: string): Uint8Array;
  setXattr(fd: number, name: string, value: Uint8Array, path: string): void;
  removeXattr(fd: number, name: string, path: string): void;
  /** Undefined where the platform or the filesystem with this `statfs` magic has no marks on files. */
  tickets(fd: number, filesystemMagic: number, path: string): LockTickets | undefined;
}

let loaded: Native | undefined;

/** The native layer of this platform; a typed error where there is none. */
export function native(): Native {
  loaded ??= load();
  return loaded;
}

function load(): Native {
  if (process.platform !== 'linux') throw unsupported(undefined);
  try {
    return loadLinux();
  } catch (cause) {
    throw unsupported(cause);
  }
}

function unsupported(cause: unknown): HoldfastError {
  return new HoldfastError('UNSUPPORTED_PLATFORM', {
    message:
      `Holdfast's native calls cannot be loaded on ${process.platform}-${process.arch}, ` +
      `and without a kernel lock it does not write. Check that the package koffi is installed for this platform.`,
    outcome: 'unchanged',
    step: 'load',
    path: process.execPath,
    cause,
  });
}

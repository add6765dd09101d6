/**
 * The system calls that Node does not offer, called through koffi, which ships its binaries inside its packages and
 * so loads with install scripts off. Loaded on first use, so that importing Holdfast costs nothing and works on every
 * platform.
 */
import { createRequire } from 'node:module';
import { HoldfastError } from '../../errors.js';
import type { LockMode, LockTickets } from '../fs.js';
import { darwinNative } from './darwin.js';
import { loadLinux } from './linux.js';
import { windowsNative, type WindowsNative } from './windows.js';

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
  tickets(fd: number, filesystemMagic: number): LockTickets | undefined;
}

let loaded: Native | undefined;

/** The native layer of this platform; a typed error where there is none. */
export function native(): Native {
  loaded ??= load();
  return loaded;
}

let loadedWindows: WindowsNative | undefined;

/** The native layer of Windows, for what only Windows has. */
export function nativeOfWindows(): WindowsNative {
  loadedWindows ??= loadOr(() => windowsNative(koffi(), process.execPath));
  return loadedWindows;
}

function load(): Native {
  if (process.platform === 'win32') return nativeOfWindows();
  if (process.platform === 'darwin') return loadOr(() => darwinNative(koffi()));
  if (process.platform === 'linux') return loadOr(loadLinux);
  throw unsupported(undefined);
}

function loadOr<T>(loadNative: () => T): T {
  try {
    return loadNative();
  } catch (cause) {
    throw unsupported(cause);
  }
}

/** koffi is CommonJS and loads its binary synchronously; require keeps loading synchronous too. */
function koffi(): typeof import('koffi') {
  return createRequire(import.meta.url)('koffi') as typeof import('koffi');
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

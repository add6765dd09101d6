/**
 * The system calls that Node does not offer, called through koffi, which ships its binaries inside its packages and
 * so loads with install scripts off. Loaded on first use, so that importing Holdfast costs nothing and works on every
 * platform.
 */
import { createRequire } from 'node:module';
import { HoldfastError } from '../../errors.js';
import { darwinNative } from './darwin.js';
import { loadLinux } from './linux.js';
import type { Native } from './native.js';
import { windowsNative, type WindowsNative } from './windows.js';

let loaded: Native | undefined;

/** The native layer of this platform; a typed error where there is none. */
export function native(): Native {
  loaded ??= load();
  return loaded;
}

/** The same if it has been loaded already: for a call that Node has too, and that is not worth loading it. */
export function nativeIfLoaded(): Native | undefined {
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

/**
 * The system calls that Node does not offer, called through koffi, which ships its binaries inside
 * its packages and so loads with install scripts off. Loaded on first use, so that importing
 * Holdfast costs nothing and works on every platform.
 */
import { HoldfastError, errnoOf, isError } from '../../errors.js';
import { darwinNative } from './darwin.js';
import { loadKoffi } from './koffi.js';
import { linuxNative } from './linux.js';
import type { Native } from './native.js';
import { windowsNative, type WindowsNative } from './windows.js';

let loaded: Native | undefined;

/** The native layer of this platform; a typed error where there is none. */
export function native(): Native {
  loaded ??= load();
  return loaded;
}

/**
 * The same if it has been loaded already: for a call that Node has too, and that is not worth
 * loading it.
 */
export function nativeIfLoaded(): Native | undefined {
  return loaded;
}

let loadedWindows: WindowsNative | undefined;

/** The native layer of Windows, for what only Windows has. */
export function nativeOfWindows(): WindowsNative {
  loadedWindows ??= loadOr(() => windowsNative(loadKoffi(), process.execPath));
  return loadedWindows;
}

function load(): Native {
  if (process.platform === 'win32') return nativeOfWindows();
  if (process.platform === 'darwin') return loadOr(() => darwinNative(loadKoffi()));
  if (process.platform === 'linux') return loadOr(() => linuxNative(loadKoffi()));
  throw unsupported(undefined);
}

function loadOr<T>(loadNative: () => T): T {
  try {
    return loadNative();
  } catch (cause) {
    throw unsupported(cause);
  }
}

function unsupported(cause: unknown): HoldfastError {
  return new HoldfastError('UNSUPPORTED_PLATFORM', {
    message:
      `Holdfast's native calls cannot be loaded on ${process.platform}-${process.arch}, ` +
      `and without a kernel lock it does not write. ${remedyFor(cause)}`,
    step: 'load',
    path: process.execPath,
    cause,
  });
}

/** What lets a program load native code that the runtime refuses it. Docs: docs/runtimes.md. */
function remedyFor(cause: unknown): string {
  const code = errnoOf(cause);
  const binaries = `@koromix/koffi-${process.platform}-${process.arch}`;
  const hasModel = 'permission' in process;
  if (code === 'ERR_DLOPEN_DISABLED' && hasModel) {
    return "Node's permission model (--permission) refuses native modules: start Node with --allow-addons as well.";
  }
  if (code === 'ERR_DLOPEN_DISABLED') {
    return 'Node was started with --no-addons (look at NODE_OPTIONS too), which refuses native modules: start it without.';
  }
  if (code === 'ERR_ACCESS_DENIED') {
    return "Node's permission model (--permission) refuses to read the package koffi: allow its directory with --allow-fs-read.";
  }
  if (isError(cause) && cause.name === 'NotCapable') {
    return 'Deno refuses native modules: start it with --allow-ffi, and with --allow-read, --allow-write, --allow-env and --allow-sys.';
  }
  if (code === 'MODULE_NOT_FOUND') {
    return (
      'The package koffi is installed nowhere that this program looks. If a bundler made the program: leave koffi outside ' +
      `(external), and put the packages koffi and ${binaries} into node_modules beside the bundle.`
    );
  }
  return `Check that the packages koffi and ${binaries} are installed for this platform, where the program is a bundle beside it.`;
}

/**
 * The compression libraries of the system (libdeflate, libzstd, liblz4, liblzma, libLerc), called
 * where they are present: GDAL and libtiff bring them to most Linux systems. Looked up once a
 * thread, by the name that carries the ABI version, so that a library with other signatures is
 * never called.
 */
import { HoldfastError } from 'holdfast/errors';
import { loadKoffi } from 'holdfast/os';

type Koffi = typeof import('koffi');
/** A loaded library. */
export type Library = ReturnType<Koffi['load']>;

/** The libraries, with their file names on Linux, macOS and Windows in the order they are tried. */
const fileNames = {
  libdeflate: ['libdeflate.so.0', 'libdeflate.0.dylib', 'libdeflate.dll'],
  libzstd: ['libzstd.so.1', 'libzstd.1.dylib', 'libzstd.dll'],
  liblz4: ['liblz4.so.1', 'liblz4.1.dylib', 'liblz4.dll'],
  liblzma: ['liblzma.so.5', 'liblzma.5.dylib', 'liblzma.dll'],
  libLerc: ['libLerc.so.4', 'libLerc.4.dylib', 'Lerc.dll'],
} as const;

export type LibraryName = keyof typeof fileNames;

/** Set to `none`, the system's libraries are left alone (tests and benchmarks of the fallbacks). */
const SWITCH = 'HOLDFAST_CODEC_LIBRARIES';

const loaded = new Map<LibraryName, Library | undefined>();

/** The library, or `undefined` where the system lacks it. */
export function systemLibrary(name: LibraryName): Library | undefined {
  if (process.env[SWITCH] === 'none') return undefined;
  if (!loaded.has(name)) loaded.set(name, load(name));
  return loaded.get(name);
}

/** The error for a compression that only a missing library could do. */
export function libraryMissing(compression: string, name: LibraryName, advice: string): Error {
  return new HoldfastError('UNSUPPORTED_PLATFORM', {
    message: `compression '${compression}' needs ${fileNames[name][0]}, which this system lacks: ${advice}`,
    step: 'load',
    path: fileNames[name][0],
  });
}

function load(name: LibraryName): Library | undefined {
  let koffi: Koffi;
  try {
    // koffi is CommonJS; it is loaded when a codec first needs it, not on import
    // (docs/decisions/0001).
    koffi = loadKoffi();
  } catch {
    return undefined;
  }
  for (const fileName of fileNames[name]) {
    try {
      return koffi.load(fileName);
    } catch {
      continue;
    }
  }
  return undefined;
}

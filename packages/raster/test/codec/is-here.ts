import type { CompressionName } from '#src/codec/compressions.js';
import { systemLibrary, type LibraryName } from '#src/codec/system-library.js';

const needed: Partial<Record<CompressionName, LibraryName>> = {
  zstd: 'libzstd',
  lz4: 'liblz4',
  lerc: 'libLerc',
};
const nodeHasZstd = 'zstdCompressSync' in (await import('node:zlib'));

/**
 * Whether this machine has what the compression needs; the tests of the others must hold
 * everywhere.
 */
export function isHere(name: CompressionName): boolean {
  const library = needed[name];
  if (library === undefined || (name === 'zstd' && nodeHasZstd)) return true;
  return systemLibrary(library) !== undefined;
}

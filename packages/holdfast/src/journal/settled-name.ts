/** Where a path leads, when no commit that died concerns it any more. */
import type { Fs } from '../os/fs.js';
import { recoverPending, type PendingOptions } from './pending.js';

/**
 * Resolves a path, and once more when a commit that had died on it, or on anything beside it, has
 * been brought to its end.
 *
 * @throws HoldfastError those of `resolve`, and those of {@link recoverPending}
 */
export async function settledName<Name extends { readonly path: string }>(
  fs: Fs,
  resolve: () => Promise<Name>,
  options: PendingOptions = {},
): Promise<Name> {
  const name = await resolve();
  return (await recoverPending(fs, name.path, options)) ? resolve() : name;
}

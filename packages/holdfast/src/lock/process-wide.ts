/**
 * What all copies of this package in a process have in common: a program may hold one as ES
 * modules, one in a bundle and one of another version. It lies on a class of Node's own, since
 * `globalThis` is another one in each realm (Jest, vm).
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * @param name - with the version of what is shared in it: copies of other versions may have another
 *   one
 */
export function processWide<T>(name: string, make: () => T): T {
  const shared = AsyncLocalStorage as unknown as Record<symbol, T | undefined>;
  return (shared[Symbol.for(`holdfast.${name}`)] ??= make());
}

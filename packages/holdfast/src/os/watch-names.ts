/** What the kernel tells of the names in a directory: fs.watch, that is inotify(7) on Linux. */
import { watch, type FSWatcher } from 'node:fs';

export interface NameWatch {
  close(): void;
}

/**
 * Calls back when a name in a directory comes, goes or changes, perhaps once for several changes
 * and once too often. What it does not tell, the caller has to look for: changes that come from
 * other machines, and anything after `onEnd`.
 *
 * @param onChange - gets the name, if the kernel tells it
 * @param onEnd - it cannot be watched any more
 * @returns `undefined` when the kernel cannot watch the directory: it is missing, or there are too
 *   many watches
 */
export function watchNames(
  directory: string,
  isPersistent: boolean,
  onChange: (name: string | undefined) => void,
  onEnd: () => void,
): NameWatch | undefined {
  let watcher: FSWatcher;
  try {
    watcher = watch(directory, { persistent: isPersistent }, (_, name) =>
      onChange(name ?? undefined),
    );
  } catch {
    return undefined;
  }
  watcher.on('error', onEnd);
  return watcher;
}

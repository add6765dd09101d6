/**
 * A process that is killed while others live on: what it wrote stays in the page cache, its files
 * close and its locks are free, and no power was lost. So a crash later may still take what the
 * killed process never synced.
 */
import type { Fs, FsHandle } from 'holdfast/os';
import { type Call, interceptFs } from '@holdfast/crashkit';

/**
 * Does some work in a process that is killed right before the first call that `isLast` knows.
 * Resolves when the process is dead, or when its work has ended without coming so far.
 */
export async function killedBefore(
  fs: Fs,
  isLast: (call: Call) => boolean,
  work: (fs: Fs) => Promise<unknown>,
): Promise<void> {
  const open = new Set<FsHandle>();
  let isDead = false;
  await new Promise<void>((ended) => {
    const dying = interceptFs(fs, {
      before(call) {
        if (!isDead && !isLast(call)) return undefined;
        isDead = true;
        ended();
        return { waitsFor: new Promise(() => undefined) };
      },
      after(call, result) {
        if (call.name === 'open' || call.name === 'openDirectory') open.add(result as FsHandle);
        if (call.name === 'close' && call.handle) open.delete(call.handle);
      },
    });
    work(dying).then(
      () => ended(),
      () => ended(),
    );
  });
  for (const handle of open) await handle.close().catch(() => undefined);
}

/**
 * Knows the n-th call of a name on a path (from 1), or where it renames or exchanges, onto a path.
 */
export function callOn(name: string, path: string, number = 1): (call: Call) => boolean {
  let met = 0;
  return (call) => {
    const isIt = call.name === name && (call.path === path || call.args[1] === path);
    if (isIt) met += 1;
    return isIt && met === number;
  };
}

/**
 * What a rename cannot cross: the edge of a mount, of a bind mount too, which has the device number
 * of what it shows. A commit looks before its commit point, so that it does not promise a rename
 * that the kernel will refuse.
 */
import { HoldfastError } from '../errors.js';
import type { Fs } from '../os/fs.js';
import { dirname } from '../os/paths.js';

/** @throws HoldfastError CROSS_DEVICE when one rename cannot join two paths */
export async function refuseCrossMount(
  fs: Fs,
  mounts: ReadonlySet<string>,
  from: string,
  to: string,
): Promise<void> {
  const [source, destination] = [dirname(from), dirname(to)];
  if (source === destination) return;
  const isOneDevice = (await fs.stat(source)).dev === (await fs.stat(destination)).dev;
  if (isOneDevice && mountOf(mounts, source) === mountOf(mounts, destination)) return;
  throw new HoldfastError('CROSS_DEVICE', {
    message: `The path lies on another mount than ${to}, so one rename cannot join them.`,
    step: 'check',
    path: from,
  });
}

function mountOf(mounts: ReadonlySet<string>, path: string): string {
  return mounts.has(path) || path === dirname(path) ? path : mountOf(mounts, dirname(path));
}

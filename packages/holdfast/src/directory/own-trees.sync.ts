/**
 * own-trees.ts for synchronous calls: as long as one waits, no other publish of this process goes
 * on.
 */
import { isHeldHere, nameOfDirectory } from '../lock/held-here.js';
import { heldByOwnProcess } from '../lock/held-locks.js';
import type { Fs } from '../os/fs.js';
import type { OpenedTree } from './directory-target.js';

/** @throws HoldfastError LOCK_NESTED */
export function refuseToWaitForOwn(fs: Fs, { handle, stat }: OpenedTree): void {
  if (isHeldHere(fs, nameOfDirectory(stat), 'exclusive')) throw heldByOwnProcess(handle.path);
}

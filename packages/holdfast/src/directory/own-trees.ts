/**
 * Trees that this process itself has locked, since it publishes or retires them;
 * own-trees.sync.ts refuses to wait for these.
 */
import type { Fs } from '../os/fs.js';
import type { OpenedTree } from './directory-target.js';

/** An asynchronous call waits for them as for those of others. */
export function refuseToWaitForOwn(_fs: Fs, _tree: OpenedTree): void {}

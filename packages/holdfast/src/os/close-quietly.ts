/** Closes what needs no more than closing: all that matters was synced before. */
import type { FsHandle } from './fs.js';

/** Closes a handle. close(2) frees the descriptor whatever it says, so its error changes nothing for anybody. */
export function closeQuietly(handle: FsHandle): Promise<void> {
  return handle.close().catch(() => undefined);
}

/**
 * Says on standard error what a command waits for that has waited for some seconds, and which
 * processes hold it.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { LockHolder, LongWait } from 'holdfast';
import { shown, tell } from './outputs.js';

/** From now on. A command that waits several times for one lock says so once. */
export function tellLongWaits(): void {
  const told = new Set<string>();
  subscribe('holdfast:lock-wait', (message) => {
    const { lockPath, waitedMs, holders } = message as LongWait;
    if (told.has(lockPath)) return;
    told.add(lockPath);
    const seconds = Math.round(waitedMs / 1000);
    tell(shown`holdfast: waiting for ${lockPath} since ${seconds} s${heldBy(holders)}`);
  });
}

function heldBy(holders: readonly LockHolder[]): string {
  if (holders.length === 0) return '';
  const named = holders.map(({ pid, command = 'it has ended' }) => `${pid} (${command})`);
  return `: held by process ${named.join(', ')}`;
}

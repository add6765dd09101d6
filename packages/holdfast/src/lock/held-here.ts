/**
 * The kernel locks that this process has, of its asynchronous and of its synchronous calls,
 * whichever copy of this package made them. A synchronous call that finds the lock taken looks here
 * before it waits: as long as it waits nothing else of the process runs, so what the process itself
 * holds would never be freed.
 */
import type { FileStat, Fs, LockMode } from '../os/fs.js';
import { processWide } from './process-wide.js';

/**
 * By what the locks lie on ({@link Fs.machine}), then by the canonical path of the lock file: how
 * many, of each mode.
 */
const held = processWide('held-1', () => new WeakMap<object, Map<string, LockMode[]>>());

/** Notes that this process has taken a lock. */
export function noteTaken(fs: Fs, lockPath: string, mode: LockMode): void {
  const machine = fs.machine ?? fs;
  const ofMachine = held.get(machine) ?? new Map<string, LockMode[]>();
  held.set(machine, ofMachine);
  ofMachine.set(lockPath, [...(ofMachine.get(lockPath) ?? []), mode]);
}

/** Notes that it has freed one. */
export function noteFreed(fs: Fs, lockPath: string, mode: LockMode): void {
  const ofMachine = held.get(fs.machine ?? fs);
  const modes = ofMachine?.get(lockPath) ?? [];
  const rest = modes.toSpliced(modes.indexOf(mode), 1);
  if (rest.length === 0) ofMachine?.delete(lockPath);
  else ofMachine?.set(lockPath, rest);
}

/** Whether this process has a lock that excludes one of this mode. */
export function isHeldHere(fs: Fs, lockPath: string, mode: LockMode): boolean {
  const modes = held.get(fs.machine ?? fs)?.get(lockPath) ?? [];
  return modes.length > 0 && (mode === 'exclusive' || modes.includes('exclusive'));
}

/** The name under which the lock of a directory's own descriptor is noted. */
export function nameOfDirectory({ dev, ino }: FileStat): string {
  return `directory ${dev}:${ino}`;
}

/**
 * Locks that another process holds while it waits for this one: what runs under
 * `holdfast lock FILE -- command` and asks for the same lock would wait for ever. The holder names
 * its locks in the environment of what it starts, and whoever finds a lock taken looks there before
 * it waits.
 *
 * An environment outlives what it tells of. So a name counts only while the process that wrote it
 * lives and, as far as the kernel tells, holds the lock.
 */
import { HoldfastError } from '../errors.js';
import { lockHolders, startOfProcess } from '../os/processes.js';
import { locksOfThisChain } from './held-locks.js';

const HELD_LOCKS = 'HOLDFAST_HELD_LOCKS';

/** A lock that the process which started this one holds, or one further up. */
interface InheritedLock {
  /** Canonical. */
  readonly lockPath: string;
  readonly pid: number;
  /** When the process began, where the system tells. */
  readonly began?: string | undefined;
}

/**
 * Variables for the environment of a process that is started under a lock and waited for: there a
 * call that asks for the same lock fails with LOCK_NESTED, in place of waiting for ever. They name
 * the locks of the running `withLock` calls, and those that this process has inherited.
 *
 * A child that outlives the lock may keep them: they say nothing once the lock is free or its
 * holder has ended.
 */
export async function lockEnvironment(): Promise<Record<string, string>> {
  const began = startOfProcess(process.pid);
  const held = locksOfThisChain()
    .filter((lock) => lock.held)
    .map(({ lockPath }): InheritedLock => ({ lockPath, pid: process.pid, began }));
  const all = [...inherited(), ...held];
  return all.length === 0 ? {} : { [HELD_LOCKS]: JSON.stringify(all) };
}

/** Whether a process that started this one, and names the lock for it, holds it. */
export function isHeldByStarter(lockPath: string): boolean {
  return inherited().some((lock) => lock.lockPath === lockPath && isHeld(lock));
}

/** The error of a process that asks for a lock under which it was started. */
export function nestedInStarter(lockPath: string): HoldfastError {
  return new HoldfastError('LOCK_NESTED', {
    message:
      'This process was started under the lock, by one that holds it until this one has ended, and would wait for itself. ' +
      'Do the work without taking the lock again, or after the command under it has ended.',
    step: 'lock',
    path: lockPath,
  });
}

function isHeld({ lockPath, pid, began }: InheritedLock): boolean {
  if (pid === process.pid) return false;
  // Where processes cannot be seen, the one that started this one at least has not ended.
  if (began === undefined) return pid === process.ppid;
  if (startOfProcess(pid) !== began) return false;
  const holders = lockHolders(lockPath);
  return holders.length === 0 || holders.includes(pid);
}

/** Whatever is no list of such locks was not written by Holdfast. */
function inherited(): readonly InheritedLock[] {
  try {
    const value: unknown = JSON.parse(process.env[HELD_LOCKS] ?? '[]');
    return Array.isArray(value) ? value.filter(isInheritedLock) : [];
  } catch {
    return [];
  }
}

function isInheritedLock(value: unknown): value is InheritedLock {
  if (typeof value !== 'object' || value === null) return false;
  const { lockPath, pid, began } = value as Partial<InheritedLock>;
  return (
    typeof lockPath === 'string' &&
    typeof pid === 'number' &&
    (began === undefined || typeof began === 'string')
  );
}

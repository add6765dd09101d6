/**
 * An `Fs` whose every call passes a hook first, which may fail it, shorten it, or end the process.
 */
import { types } from 'node:util';
import { join } from 'node:path/posix';
import type { Fs, FsDirectory, FsHandle } from 'holdfast/os';

/** A call as a hook sees it. */
export interface Call {
  /** The method of `Fs`, `FsFile` or `FsDirectory`. */
  readonly name: string;
  readonly path: string;
  /** The handle it was made on, unwrapped; none for a call on a path. */
  readonly handle: FsHandle | undefined;
  readonly args: readonly unknown[];
}

/** What a hook wants instead of the plain call. */
export interface Interference {
  readonly throws?: Error | undefined;
  /** How many bytes a read or write takes at most. */
  readonly takesBytes?: number | undefined;
  /** What happens first; a call that is made at once, without a promise, waits for nothing. */
  readonly waitsFor?: Promise<unknown> | undefined;
}

/** What is told of each call, and may interfere with it. */
export interface Hooks {
  /** Before a call is made. */
  before?(call: Call): Interference | undefined;
  /**
   * Told of a call that succeeded and what it gave; a promise is awaited before the program goes
   * on.
   */
  after?(call: Call, result: unknown): void | Promise<void>;
}

const synchronousCalls: ReadonlySet<string> = new Set([
  'tryLock',
  'unlock',
  'listXattrs',
  'getXattr',
  'setXattr',
  'removeXattr',
  'startWriteOut',
  'watchOpens',
]);

/** A filesystem that tells of each of its calls before it makes it. */
export function interceptFs(fs: Fs, hooks: Hooks): Fs {
  return wrap(fs, undefined, { hooks, plainPaths: new Map() });
}

interface Interception {
  readonly hooks: Hooks;
  /**
   * What a hook sees in place of a path that begins at an open directory ({@link FsDirectory.at}).
   */
  readonly plainPaths: Map<unknown, string>;
}

function wrap<T extends object>(target: T, handle: FsHandle | undefined, within: Interception): T {
  const { plainPaths } = within;
  return new Proxy(target, {
    get(_, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function' || typeof name !== 'string') return member;
      if (name === 'at') return pathsAt(target as unknown as FsDirectory, plainPaths);
      return (...given: unknown[]) => {
        const args = given.map((each) => plainPaths.get(each) ?? each);
        const path = handle?.path ?? String(args[0]);
        const perform = (buffer?: unknown): unknown =>
          Reflect.apply(member, target, buffer === undefined ? given : [buffer, ...given.slice(1)]);
        const call: Call = { name, path, handle, args };
        return synchronousCalls.has(name)
          ? invokeNow(call, perform, within)
          : invoke(call, perform, within);
      };
    },
  });
}

function pathsAt(
  directory: FsDirectory,
  plainPaths: Map<unknown, string>,
): (name: string) => string {
  return (name) => {
    const path = directory.at(name);
    plainPaths.set(path, join(directory.path, name));
    return path;
  };
}

/** Makes the call, with another buffer if one is given. */
type Perform = (buffer?: Uint8Array) => unknown;

async function invoke(call: Call, perform: Perform, within: Interception): Promise<unknown> {
  const interference = within.hooks.before?.(call);
  if (interference?.waitsFor) await interference.waitsFor;
  // Linux closes a descriptor also when close(2) reports an error.
  if (interference?.throws && call.name === 'close') await perform();
  if (interference?.throws) throw interference.throws;
  const result = await perform(bufferOf(call, interference));
  try {
    const afterwards = within.hooks.after?.(call, result);
    if (afterwards) await afterwards;
  } catch (error) {
    // Nobody gets a handle whose `after` failed.
    if (isHandle(result)) await result.close();
    throw error;
  }
  return isHandle(result) ? wrap(result, result, within) : result;
}

function invokeNow(call: Call, perform: Perform, { hooks }: Interception): unknown {
  const interference = hooks.before?.(call);
  if (interference?.throws) throw interference.throws;
  const result = perform();
  void hooks.after?.(call, result);
  return result;
}

function bufferOf(call: Call, interference: Interference | undefined): Uint8Array | undefined {
  const [buffer] = call.args;
  if (interference?.takesBytes === undefined || !types.isUint8Array(buffer)) return undefined;
  return buffer.subarray(0, interference.takesBytes);
}

function isHandle(value: unknown): value is FsHandle {
  return typeof value === 'object' && value !== null && 'close' in value && 'tryLock' in value;
}

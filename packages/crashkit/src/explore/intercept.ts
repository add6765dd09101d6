/** An `Fs` whose every call passes a hook first, which may fail it, shorten it, or end the process. */
import type { Fs, FsHandle } from 'holdfast/os';

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
  readonly throws?: Error;
  /** How many bytes a read or write takes at most. */
  readonly takesBytes?: number;
  /** What happens first; a call that is made at once, without a promise, waits for nothing. */
  readonly waitsFor?: Promise<unknown>;
}

export interface Hooks {
  before?(call: Call): Interference | undefined;
  /** Told of a call that succeeded and what it gave; a promise is awaited before the program goes on. */
  after?(call: Call, result: unknown): void | Promise<void>;
}

/** Calls that change nothing and make nothing durable. */
export const readingCalls: ReadonlySet<string> = new Set([
  'stat',
  'modifiedMs',
  'lstat',
  'exists',
  'read',
  'readlink',
  'realpath',
  'readDirectory',
  'statFilesystem',
  'listXattrs',
  'getXattr',
  'startWriteOut',
]);

const synchronousCalls: ReadonlySet<string> = new Set([
  'tryLock',
  'unlock',
  'listXattrs',
  'getXattr',
  'setXattr',
  'removeXattr',
  'startWriteOut',
]);

export function interceptFs(fs: Fs, hooks: Hooks): Fs {
  return wrap(fs, undefined, hooks);
}

function wrap<T extends object>(target: T, handle: FsHandle | undefined, hooks: Hooks): T {
  return new Proxy(target, {
    get(_, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function' || typeof name !== 'string') return member;
      return (...args: unknown[]) => {
        const path = handle?.path ?? String(args[0]);
        const perform = (given: unknown[]): unknown => Reflect.apply(member, target, given);
        const call: Call = { name, path, handle, args };
        return synchronousCalls.has(name)
          ? invokeNow(call, perform, hooks)
          : invoke(call, perform, hooks);
      };
    },
  });
}

type Perform = (args: unknown[]) => unknown;

async function invoke(call: Call, perform: Perform, hooks: Hooks): Promise<unknown> {
  const interference = hooks.before?.(call);
  if (interference?.waitsFor) await interference.waitsFor;
  // Linux closes a descriptor also when close(2) reports an error.
  if (interference?.throws && call.name === 'close') await perform([]);
  if (interference?.throws) throw interference.throws;
  const result = await perform(argumentsOf(call, interference));
  const afterwards = hooks.after?.(call, result);
  if (afterwards) await afterwards;
  return isHandle(result) ? wrap(result, result, hooks) : result;
}

function invokeNow(call: Call, perform: Perform, hooks: Hooks): unknown {
  const interference = hooks.before?.(call);
  if (interference?.throws) throw interference.throws;
  const result = perform([...call.args]);
  void hooks.after?.(call, result);
  return result;
}

function argumentsOf(call: Call, interference: Interference | undefined): unknown[] {
  const [buffer, ...rest] = call.args;
  if (interference?.takesBytes === undefined || !(buffer instanceof Uint8Array)) {
    return [...call.args];
  }
  return [buffer.subarray(0, interference.takesBytes), ...rest];
}

function isHandle(value: unknown): value is FsHandle {
  return typeof value === 'object' && value !== null && 'close' in value && 'tryLock' in value;
}

/**
 * A filesystem whose every step can be watched, delayed, failed or died at. A step is a call that changes something on
 * disk or asks for it to be durable; looking (stat, read, list) and closing are none.
 */
import type { Fs, FsHandle, OpenFlags } from 'holdfast/os';

/** One step, numbered from 0 in the order in which the steps began. */
export interface FsStep {
  readonly index: number;
  readonly call: string;
  readonly path: string;
  /** The second path of a rename, link or exchange. */
  readonly to?: string;
}

/** Called around every step. What `before` throws is what the caller of the step gets, and the step is not made. */
export interface StepObserver {
  before?(step: FsStep): void | Promise<void>;
  after?(step: FsStep): void | Promise<void>;
}

const pathSteps = new Set(
  'mkdir rmdir unlink symlink link rename renameNoReplace exchange'.split(' '),
);
const handleSteps = new Set(
  'write truncate sync dataSync syncFilesystem chmod chown setXattr'.split(' '),
);
type Call = (...args: unknown[]) => unknown;

/** The same filesystem, observed. `setXattr` is synchronous, so an observer's promise is not awaited around it. */
export function observeFs(fs: Fs, observer: StepObserver): Fs {
  let count = 0;
  const around = (call: string, path: string, to: unknown, operation: () => unknown): unknown => {
    const second = typeof to === 'string' ? { to } : {};
    const step: FsStep = { index: count, call, path, ...second };
    count += 1;
    if (call === 'setXattr') {
      void observer.before?.(step);
      operation();
      void observer.after?.(step);
      return undefined;
    }
    return (async () => {
      await observer.before?.(step);
      const result = await operation();
      await observer.after?.(step);
      return result;
    })();
  };
  const handle = <H extends FsHandle>(inner: H): H =>
    proxy(inner, (name, method) =>
      handleSteps.has(name)
        ? (...args) => around(name, inner.path, undefined, () => method(...args))
        : method,
    );
  return proxy(fs, (name, method) => {
    if (pathSteps.has(name))
      return (...args) => around(name, String(args[0]), args[1], () => method(...args));
    if (name === 'openDirectory')
      return async (...args) => handle((await method(...args)) as FsHandle);
    if (name !== 'open') return method;
    return async (...args) => {
      const flags = args[1] as OpenFlags;
      const changes = flags.create !== undefined || flags.truncate === true;
      if (!changes) return handle((await method(...args)) as FsHandle);
      let opened: FsHandle | undefined;
      const open = async (): Promise<void> => void (opened = (await method(...args)) as FsHandle);
      try {
        await around('open', String(args[0]), undefined, open);
        return handle(opened as unknown as FsHandle);
      } catch (error) {
        // Nobody gets a handle whose `after` failed.
        await opened?.close();
        throw error;
      }
    };
  });
}

/** An observer that ends this very process with SIGKILL right before, or right after, the step of the given number. */
export function killAtStep(index: number, when: 'before' | 'after'): StepObserver {
  return {
    [when]: (step: FsStep) => {
      if (step.index === index) process.kill(process.pid, 'SIGKILL');
    },
  };
}

/**
 * An observer that lets the filesystem die right before, or right after, the step of the given number: that step and
 * all later ones fail. For what is on disk it is as if the process had been killed; its locks go as its handles close.
 */
export function dieAtStep(index: number, when: 'before' | 'after'): StepObserver {
  let isDead = false;
  const die = (step: FsStep, now: 'before' | 'after'): void => {
    if (step.index === index && now === when) isDead = true;
    if (isDead) throw new Error(`dead at step ${index}`);
  };
  return { before: (step) => die(step, 'before'), after: (step) => die(step, 'after') };
}

function proxy<T extends object>(target: T, wrap: (name: string, method: Call) => Call): T {
  return new Proxy(target, {
    get(inner, name) {
      const value: unknown = Reflect.get(inner, name);
      return typeof value === 'function' && typeof name === 'string'
        ? wrap(name, value.bind(inner) as Call)
        : value;
    },
  });
}

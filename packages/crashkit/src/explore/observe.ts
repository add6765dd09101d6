/**
 * The steps of a program, watched one by one. A step is a call that changes something on disk or
 * asks for it to be durable; looking (stat, read, list), locking and closing are none: what is on
 * disk is the same before and after them.
 */
import { types } from 'node:util';
import type { Fs, OpenFlags } from 'holdfast/os';
import { interceptFs, type Call } from './intercept.js';

/** One step, numbered from 0 in the order in which the steps began. */
export interface FsStep {
  readonly index: number;
  readonly call: string;
  readonly path: string;
  /** The second path of a rename, link or exchange. */
  readonly to?: string | undefined;
}

/**
 * Called around every step. What `before` throws is what the caller of the step gets, and the step
 * is not made.
 */
export interface StepObserver {
  /** Before the step; it is not made when this throws. */
  before?(step: FsStep): void | Promise<void>;
  /** After the step was made. */
  after?(step: FsStep): void | Promise<void>;
}

const steps: ReadonlySet<string> = new Set([
  'mkdir',
  'rmdir',
  'unlink',
  'symlink',
  'link',
  'rename',
  'renameNoReplace',
  'exchange',
  'write',
  'truncate',
  'sync',
  'dataSync',
  'syncFilesystem',
  'chmod',
  'chown',
  'setXattr',
  'removeXattr',
]);

/**
 * Whether a call changes something on disk or makes it durable. An `open` may make a file, or empty
 * it.
 */
export function isStep({ name, args }: Call): boolean {
  if (name !== 'open') return steps.has(name);
  const flags = args[1] as OpenFlags;
  return flags.create !== undefined || flags.truncate === true;
}

/** The same filesystem, observed. A step without a promise (`setXattr`) waits for nothing. */
export function observeFs(fs: Fs, observer: StepObserver): Fs {
  const begun = new Map<Call, FsStep>();
  let count = 0;
  return interceptFs(fs, {
    before(call) {
      if (!isStep(call)) return undefined;
      const [, to] = call.args;
      const isOnPath = call.handle === undefined && typeof to === 'string';
      const { name, path } = call;
      const step = { index: count, call: name, path, ...(isOnPath && { to }) };
      count += 1;
      begun.set(call, step);
      const waitsFor = observer.before?.(step);
      return types.isPromise(waitsFor) ? { waitsFor } : undefined;
    },
    after(call) {
      const step = begun.get(call);
      return step && observer.after?.(step);
    },
  });
}

/**
 * An observer that lets the filesystem die right before, or right after, the step of the given
 * number: that step and all later ones fail. For what is on disk it is as if the process had been
 * killed; its locks go as its handles close.
 */
export function dieAtStep(index: number, when: 'before' | 'after'): StepObserver {
  let isDead = false;
  const die = (step: FsStep, now: 'before' | 'after'): void => {
    if (step.index === index && now === when) isDead = true;
    if (isDead) throw new Error(`dead at step ${index}`);
  };
  return { before: (step) => die(step, 'before'), after: (step) => die(step, 'after') };
}

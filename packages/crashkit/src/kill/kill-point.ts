/**
 * Where the kill engine strikes: at which step of the program, and before it, inside it, or after
 * it.
 */
import { types } from 'node:util';
import { interceptFs, type Call } from '../explore/intercept.js';
import { isStep } from '../explore/observe.js';
import type { Fs } from 'holdfast/os';

/** The moments at which a process dies, around a call. */
export const killMoments = ['before', 'inside', 'after'] as const;
/** One of {@link killMoments}. */
export type KillMoment = (typeof killMoments)[number];

export interface KillPoint {
  /** Counted from 0 over the calls that change something or make it durable. */
  readonly step: number;
  readonly moment: KillMoment;
}

/** A filesystem that tells each step before it is made. */
export function countingFs(fs: Fs, onStep: (call: Call) => void): Fs {
  return interceptFs(fs, {
    before(call) {
      if (isStep(call)) onStep(call);
      return undefined;
    },
  });
}

/**
 * Makes filesystems whose process ends itself at a point. They share one count, as the processes of
 * one program.
 */
export function killingFs(point: KillPoint, kill: () => void): (fs: Fs) => Fs {
  let steps = 0;
  let struck = false;
  const before = (call: Call): { readonly takesBytes: number } | undefined => {
    if (!isStep(call)) return undefined;
    const strikes = steps === point.step;
    steps += 1;
    if (!strikes) return undefined;
    if (point.moment === 'before') kill();
    struck = true;
    return point.moment === 'inside' ? { takesBytes: halfOf(call) } : undefined;
  };
  const after = (): void => {
    if (struck) kill();
  };
  return (fs) => interceptFs(fs, { before, after });
}

/** How much of its data a torn write takes. */
function halfOf(call: Call): number {
  const [data] = call.args;
  return types.isUint8Array(data) ? Math.floor(data.length / 2) : 0;
}

/** The points of a program that makes these steps. */
export function killPoints(steps: readonly Call[], moments: readonly KillMoment[]): KillPoint[] {
  return steps.flatMap((call, step) =>
    moments
      .filter((moment) => moment !== 'inside' || (call.name === 'write' && halfOf(call) > 0))
      .map((moment) => ({ step, moment })),
  );
}

/** The time, and how a writer waits for its turn among others. */
import { setTimeout as wait } from 'node:timers/promises';

/** What a protocol knows of time and chance. */
export interface Timing {
  now(): number;
  sleep(ms: number): Promise<void>;
  /** From 0 to 1. */
  random(): number;
}

/** The time of this machine, which only runs, whatever its clock is set to. */
export const machineTiming: Timing = {
  now: () => performance.now(),
  sleep: (ms) => wait(ms),
  random: () => Math.random(),
};

const SHORTEST_MS = 20;
const LONGEST_MS = 1000;
/** A window has room for the attempts of so many, one after another. */
const CROWD = 16;
const LONGEST_OF_ALL_MS = 15_000;

/**
 * Full jitter that remembers: a writer waits for a part of a window before it reads, and the window
 * grows when another was first, the further the longer an attempt takes: what is short beside an
 * attempt keeps nobody apart. The window stays for the commits that follow, since those who have
 * met once will meet again; it shrinks with each that succeeds.
 */
export class Pace {
  readonly #timing: Timing;
  #windowMs = 0;

  constructor(timing: Timing) {
    this.#timing = timing;
  }

  async wait(): Promise<void> {
    if (this.#windowMs > 0) await this.#timing.sleep(this.#timing.random() * this.#windowMs);
  }

  /** @param tookMs - how long the attempt took that came too late */
  lost(tookMs: number): void {
    const longestMs = Math.min(LONGEST_OF_ALL_MS, Math.max(LONGEST_MS, tookMs * CROWD));
    const shortestMs = Math.max(SHORTEST_MS, tookMs);
    this.#windowMs = Math.min(longestMs, Math.max(shortestMs, this.#windowMs * 2));
  }

  won(): void {
    this.#windowMs = this.#windowMs < SHORTEST_MS ? 0 : this.#windowMs * 0.8;
  }
}

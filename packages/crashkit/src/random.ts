/**
 * Randomness that a seed repeats: for the choice of crash states, and, while a scenario runs, for
 * the program's own random names, so that one seed gives one trace. The time of day stands still
 * for the same reason: a file that keeps it would otherwise make each run's states new ones.
 */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

/** A stream of pseudo-random numbers (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** The next number, from 0 up to but not including 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to but not including `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
}

const TIME_OF_DAY_MS = Date.UTC(2026, 0, 1);

/**
 * Runs `work` with `Date.now` at a fixed time and `node:crypto`'s `randomBytes` and `randomUUID`
 * drawing from the seed. (Names come from a pool, which lasts longer than a run; no state is told
 * from another by them.) Not for two at a time: the module is the process's one.
 */
export async function withSeededRandomness<T>(seed: number, work: () => Promise<T>): Promise<T> {
  const random = new Random(seed);
  const { randomBytes, randomUUID } = crypto;
  const { now } = Date;
  const seededBytes = (sizeBytes: number): Buffer =>
    Buffer.from(Array.from({ length: sizeBytes }, () => random.below(256)));
  Object.assign(crypto, {
    randomBytes: seededBytes,
    randomUUID: () => uuidOf(seededBytes(16)),
  });
  syncBuiltinESMExports();
  Date.now = () => TIME_OF_DAY_MS;
  try {
    return await work();
  } finally {
    Date.now = now;
    Object.assign(crypto, { randomBytes, randomUUID });
    syncBuiltinESMExports();
  }
}

/** The textual form of a version 4 UUID (RFC 9562, section 5.4). */
function uuidOf(bytes: Buffer): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

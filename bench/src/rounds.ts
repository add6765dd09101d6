/** Interleaved rounds of several ways to do one thing, and the table of their medians. */

/** One way to do the thing. */
export interface Contender {
  readonly name: string;
  /** Made before each timed run, and not timed. */
  prepare?(): void | Promise<void>;
  run(): void | Promise<void>;
}

/** Fewer say nothing of a median. */
const LEAST_ROUNDS = 3;

/** Medians of each contender, in milliseconds. */
export interface Medians {
  readonly timesMs: readonly number[];
  /** Of this process: what is left of a busy machine's clock, and of waits for the disk. */
  readonly processorMs: readonly number[];
}

/**
 * The median time of each contender in milliseconds, from rounds in which each runs once, in turn.
 * Every other round goes backwards, so that nobody always follows the same one.
 */
export async function medianTimesMs(
  contenders: readonly Contender[],
  rounds: number,
): Promise<readonly number[]> {
  return (await mediansMs(contenders, rounds)).timesMs;
}

/**
 * The same, with the processor time.
 *
 * @param withinMs - after this time no round begins, except for the first three
 */
export async function mediansMs(
  contenders: readonly Contender[],
  rounds: number,
  withinMs: number = Number.POSITIVE_INFINITY,
): Promise<Medians> {
  const times: number[][] = contenders.map(() => []);
  const processorTimes: number[][] = contenders.map(() => []);
  const end = performance.now() + withinMs;
  for (let round = 0; round < rounds; round += 1) {
    if (round >= LEAST_ROUNDS && performance.now() > end) {
      console.log(`\n(the time was over after ${round} of ${rounds} rounds)`);
      break;
    }
    const turns = [...contenders.entries()];
    for (const [index, contender] of round % 2 === 0 ? turns : turns.toReversed()) {
      await contender.prepare?.();
      const began = performance.now();
      const before = process.cpuUsage();
      await contender.run();
      const { user, system } = process.cpuUsage(before);
      times[index]?.push(performance.now() - began);
      processorTimes[index]?.push((user + system) / 1000);
    }
  }
  return { timesMs: times.map(median), processorMs: processorTimes.map(median) };
}

/** Prints a table: each contender's median and its ratio to the first, which is the floor. */
export function printTimes(
  title: string,
  contenders: readonly Contender[],
  timesMs: readonly number[],
  processorMs: readonly number[] = [],
): void {
  const floorMs = timesMs[0] ?? Number.NaN;
  console.log(`\n${title}`);
  for (const [index, { name }] of contenders.entries()) {
    const timeMs = timesMs[index] ?? Number.NaN;
    const ratio = (timeMs / floorMs).toFixed(2);
    const processor = processorMs[index];
    const used = processor === undefined ? '' : `${processor.toFixed(1).padStart(10)} ms processor`;
    console.log(
      `  ${name.padEnd(44)}${timeMs.toFixed(1).padStart(10)} ms  ${ratio.padStart(7)} x${used}`,
    );
  }
}

/** The middle of the values, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** Judges the options of a publish, alone or in a transaction, before anything is touched. */
import { checkOptions, invalidArgument } from '../options.js';

const words = {
  ifExists: ['fail', 'replace'],
  durability: ['durable', 'atomic'],
  sync: ['auto', 'filesystem', 'each'],
  withoutExchange: ['fail', 'twoRenames'],
} as const;

const leastNumbers = { keepPrevious: 0, concurrency: 1 } as const;

type CheckedOptions = Readonly<
  Partial<Record<keyof typeof words, string> & Record<keyof typeof leastNumbers, number>>
>;

/**
 * @param call - the public function, for the message
 * @param known - the options that it has
 * @throws HoldfastError INVALID_ARGUMENT
 */
export function checkPublishOptions(
  call: string,
  options: CheckedOptions,
  known: readonly string[],
): void {
  checkOptions(call, options, known);
  for (const name of Object.keys(words) as (keyof typeof words)[]) {
    const value = options[name];
    const allowed: readonly string[] = words[name];
    if (value === undefined || allowed.includes(value)) continue;
    throw invalidArgument(call, `${name} must be one of ${allowed.join(', ')}, not '${value}'.`);
  }
  for (const name of Object.keys(leastNumbers) as (keyof typeof leastNumbers)[]) {
    const value = options[name];
    const least = leastNumbers[name];
    if (value === undefined || (Number.isSafeInteger(value) && value >= least)) continue;
    throw invalidArgument(
      call,
      `${name} must be a whole number of at least ${least}, not ${value}.`,
    );
  }
}

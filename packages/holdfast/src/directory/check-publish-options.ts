/** Judges the options of a publish, alone or in a transaction, before anything is touched. */
import { checkOptions, checkWords, invalidArgument, type NamesOf } from '../options.js';

const words = {
  ifExists: ['fail', 'replace'],
  ifChanged: ['replace', 'fail'],
  durability: ['durable', 'atomic'],
  sync: ['auto', 'filesystem', 'each'],
  withoutExchange: ['fail', 'twoRenames'],
} as const;

const leastNumbers = { keepPrevious: 0, concurrency: 1 } as const;

type CheckedOptions = { readonly [Name in keyof typeof leastNumbers]?: number | undefined };

/**
 * @param call - the public function, for the message
 * @param known - the options that it has
 * @throws HoldfastError INVALID_ARGUMENT
 */
export function checkPublishOptions<Options extends CheckedOptions>(
  call: string,
  options: Options,
  known: readonly NamesOf<Options>[],
): void {
  checkOptions(call, options, known);
  checkWords(call, '', options, words);
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

/**
 * What is believed of a source at most. A few bytes can promise any size; so each promise is
 * measured before anything is allocated for it.
 */
import { invalidArgument } from 'holdfast/options';

/** Bounds that a caller may move. */
export interface BlockLimits {
  /**
   * The largest decoded tile, strip or chunk, in bytes; 256 MiB by default. Of JPEG a quarter: its
   * decoder needs the rest. What is decoded at one time is no more than this.
   */
  readonly maxBlockBytes?: number | undefined;
  /** The most bands; 65,535 by default, as many as TIFF 6.0 can count. */
  readonly maxBands?: number | undefined;
}

export const defaultLimits: Readonly<Required<{ [Name in keyof BlockLimits]: number }>> = {
  maxBlockBytes: 256 * 1024 * 1024,
  maxBands: 65_535,
};

/** The limits of a call; those that it leaves out are the defaults. */
export function limitsOf(call: string, given: BlockLimits): typeof defaultLimits {
  const { maxBlockBytes = defaultLimits.maxBlockBytes, maxBands = defaultLimits.maxBands } = given;
  for (const [name, value] of Object.entries({ maxBlockBytes, maxBands })) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw invalidArgument(call, `${name} is a whole number of at least 1, not ${String(value)}.`);
  }
  return { maxBlockBytes, maxBands };
}

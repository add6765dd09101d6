/**
 * One fast pass over a text that `JSON.parse` has accepted, for what parsing hides: how many
 * members it has (a member that is there twice is counted twice, its value kept once), and whether
 * any number is long enough to be changed. Strings are jumped over, so the pass costs a fraction of
 * the parse.
 */

import { endOfString } from './places.js';

interface Skimmed {
  readonly memberCount: number;
  /** Whether some number may not survive; findFault (scan.ts) knows for certain. */
  readonly hasLongNumbers: boolean;
}

const QUOTE = 0x22;
const COLON = 0x3a;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
/** A shorter integer is below 2^53. */
const INTEGER_DIGITS = 16;
/** A shorter fraction is told apart by a double. */
const FRACTION_DIGITS = 18;

export function skim(text: string): Skimmed {
  let memberCount = 0;
  let hasLongNumbers = false;
  for (let position = 0; position < text.length;) {
    const code = text.charCodeAt(position);
    if (code === QUOTE) {
      position = endOfString(text, position);
    } else if (code >= ZERO && code <= NINE) {
      const end = endOfNumber(text, position);
      hasLongNumbers ||= end - position >= INTEGER_DIGITS && isLong(text.slice(position, end));
      hasLongNumbers ||= hasExponent(text, end);
      position = end;
    } else {
      if (code === COLON) memberCount += 1;
      position += 1;
    }
  }
  return { memberCount, hasLongNumbers };
}

/** The index after the digits and the point. */
function endOfNumber(text: string, start: number): number {
  let end = start;
  for (let code = ZERO; (code >= ZERO && code <= NINE) || code === POINT;) {
    end += 1;
    code = text.charCodeAt(end);
  }
  return end;
}

function isLong(digits: string): boolean {
  return !digits.includes('.') || digits.length > FRACTION_DIGITS;
}

/** Any exponent of three digits or more may leave the range of a double. */
function hasExponent(text: string, end: number): boolean {
  const code = text.charCodeAt(end) | 0x20;
  return code === 0x65 && /^[eE][+-]?[0-9]{3}/.test(text.slice(end, end + 5));
}

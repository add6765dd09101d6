/**
 * Which numbers of a text survive being read by JavaScript and written again. An integer must keep
 * every digit, since other programs use integers of any length. A fraction is what a double makes
 * of it (RFC 8259 section 6 expects no more), but only up to the 17 digits that a double can be
 * told by; longer ones must be the double's own digits.
 */

const INTEGER = /^-?[0-9]+$/;
/** Every double is the nearest to some decimal of 17 digits (IEEE 754-2019, 5.12.2). */
const DIGITS_OF_A_DOUBLE = 17;
/** The most that `toPrecision` gives. */
const MOST_DIGITS = 100;

/** Whether reading this JSON number and writing it again leaves the number that it was. */
export function survivesReading(literal: string): boolean {
  const value = Number(literal);
  if (INTEGER.test(literal)) return Number.isSafeInteger(value) || String(value) === literal;
  if (!Number.isFinite(value)) return false;
  const digits = significantDigits(literal);
  if (value === 0 || digits.length <= DIGITS_OF_A_DOUBLE) return (value === 0) === (digits === '');
  return (
    digits.length <= MOST_DIGITS && significantDigits(value.toPrecision(digits.length)) === digits
  );
}

/** The digits of a number without sign, point, exponent and the zeros at both ends. */
function significantDigits(literal: string): string {
  const digits = literal
    .replace(/[eE].*$/, '')
    .replace(/[-+.]/g, '')
    .replace(/^0+/, '');
  let end = digits.length;
  // A pattern would begin anew at each zero of a run that is not the last one.
  while (digits[end - 1] === '0') end -= 1;
  return digits.slice(0, end);
}

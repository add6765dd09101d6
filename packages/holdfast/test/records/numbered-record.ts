/**
 * The record that a writer appends under a number: short and nasty, now and then a megabyte of the
 * same.
 */
export interface NumberedRecord {
  readonly writer: number;
  readonly number: number;
  readonly text: string;
}

const nasty = ['"', '\\', '\n', '\r\n', '\0', '\u2028', 'é', '😀', '{"', ',', '\ud800'];
/** Every so many records, one of a megabyte. */
const MEGABYTE_EVERY = 250;

export function numberedRecord(writer: number, number: number): NumberedRecord {
  const piece = `${writer}/${number}${nasty.map((part, at) => part.repeat((number + at) % 3)).join(' ')}`;
  const isLong = number % MEGABYTE_EVERY === MEGABYTE_EVERY - 1;
  return { writer, number, text: isLong ? piece.repeat(Math.ceil(1e6 / piece.length)) : piece };
}

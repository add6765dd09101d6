/** A date, a time, or both, as TOML has them. */

const DATE = String.raw`\d{4}-\d{2}-\d{2}`;
const TIME = String.raw`\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?`;
const FORM = new RegExp(`^(?:${DATE}(?:[Tt ]${TIME}(?:[Zz]|[+-]\\d{2}:\\d{2})?)?|${TIME})$`);
const TAG = 'TomlDate';

/**
 * A date or time of a TOML document, in the digits that it has there: TOML has four kinds, of which
 * a `Date` can only hold one, and more digits of a second than that. To write one, give such an
 * object, or a `Date` for an instant.
 */
export class TomlDate {
  /** As TOML spells it: `1979-05-27T07:32:00Z`, `1979-05-27T07:32:00`, `1979-05-27`, `07:32:00`. */
  readonly text: string;

  /** So that `instanceof` is true of a date that another copy of this package made. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return Object.prototype.toString.call(value) === `[object ${TAG}]`;
  }

  /** @throws RangeError for a text that is no date or time of TOML */
  constructor(text: string) {
    if (!FORM.test(text)) throw new RangeError(`'${text}' is no date or time of TOML`);
    this.text = text;
  }

  /** The date as TOML spells it. */
  toString(): string {
    return this.text;
  }

  /** By which another copy of this package knows it. */
  get [Symbol.toStringTag](): string {
    return TAG;
  }

  /** In JSON, which has no dates, it is a string. */
  toJSON(): string {
    return this.text;
  }
}

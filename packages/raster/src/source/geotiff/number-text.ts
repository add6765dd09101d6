/**
 * Numbers in the texts of GeoTIFFs, read as GDAL reads them (`CPLStrtodM`): the one that the text
 * begins with, with a point or a comma.
 */

interface LeadingNumber {
  readonly value: number;
  /** Whether the text is this number and nothing else, with a point. */
  readonly isWhole: boolean;
}

/** The words for what is no number, also those of Microsoft's C library. */
const nan = /^[+-]?(?:nan|1\.#(?:qnan|ind|snan))/iu;
const infinite = /^([+-]?)(?:inf(?:inity)?|1\.#inf)/iu;
const decimal = /^[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?/iu;

/** `undefined` for a text that does not begin with a number. */
export function leadingNumber(text: string): LeadingNumber | undefined {
  const trimmed = text.trim();
  const named = nan.exec(trimmed);
  if (named) return { value: Number.NaN, isWhole: named[0].length === trimmed.length };
  const [infinity, sign] = infinite.exec(trimmed) ?? [];
  if (infinity !== undefined) {
    const value = sign === '-' ? -Infinity : Infinity;
    return { value, isWhole: infinity.length === trimmed.length };
  }
  const [found] = decimal.exec(trimmed) ?? [];
  if (found === undefined) return undefined;
  const isWhole = found.length === trimmed.length && !found.includes(',');
  return { value: Number(found.replace(',', '.')), isWhole };
}

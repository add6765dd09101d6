/** What is believed of a GeoTIFF at most, whatever a caller allows (../block-limits.ts). */

/** The most tiles or strips of an image: the lists of so many take 256 MiB. */
export const MOST_BLOCKS: number = 2 ** 24;
/**
 * The most values of a field that is no list of blocks; a full GeoTIFF key directory has a quarter
 * of it.
 */
export const MOST_VALUES: number = 2 ** 20;
/** The longest text of a field, in bytes. */
export const MOST_TEXT_BYTES: number = 2 ** 24;

/** The errors of record logs, so that every message says which record or line it is about. */
import { HoldfastError } from '../errors.js';
import type { Loss } from './representable.js';

/** A record that its format cannot hold; `index` counts from 0 within the call. */
export function unrepresentable(path: string, index: number, loss: Loss): HoldfastError {
  const place = loss.place === '' ? '' : `, field '${shortened(loss.place)}'`;
  return new HoldfastError('UNREPRESENTABLE', {
    message: `Record ${index}${place} cannot be kept without loss: ${loss.reason}.`,
    outcome: 'unchanged',
    step: 'encode',
    path,
  });
}

/** The place in a record that nests without end is as long as the limit allows, and its beginning says enough. */
function shortened(place: string): string {
  return place.length > MAX_PLACE ? `${place.slice(0, MAX_PLACE)}…` : place;
}

const MAX_PLACE = 200;

/** A log whose content is not what its format demands. */
export function corruptLog(path: string, message: string, cause?: unknown): HoldfastError {
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message,
    outcome: 'unchanged',
    step: 'read',
    path,
    cause,
  });
}

/** The errors of record logs, so that every message says which record or line it is about. */
import { HoldfastError } from '../errors.js';
import type { Loss } from '../json/check.js';

/** A record that its format cannot hold; `index` counts from 0 within the call. */
export function unrepresentable(path: string, index: number, loss: Loss): HoldfastError {
  const place = loss.tokens.length === 0 ? '' : `, field '${shortened(placeOf(loss))}'`;
  return new HoldfastError('UNREPRESENTABLE', {
    message: `Record ${index}${place} cannot be kept without loss: ${loss.reason}.`,
    step: 'encode',
    path,
  });
}

/** Such as `tags[2].name`. */
function placeOf({ tokens }: Loss): string {
  const parts = tokens.map((token) => (typeof token === 'number' ? `[${token}]` : `.${token}`));
  return parts.join('').replace(/^\./, '');
}

/**
 * The place in a record that nests without end is as long as the limit allows, and its beginning
 * says enough.
 */
function shortened(place: string): string {
  return place.length > MAX_PLACE ? `${place.slice(0, MAX_PLACE)}…` : place;
}

const MAX_PLACE = 200;

/** What is said of a value that is no object of fields. */
export const notARecord: { readonly loss: Loss } = {
  loss: { tokens: [], reason: 'a record must be a plain object' },
};

/** A log that became shorter while it was read: what was there behind the place is gone. */
export function logWasCut(path: string, offsetBytes: number): HoldfastError {
  return new HoldfastError('TARGET_CHANGED', {
    message:
      `The log was cut while it was read: it ended at byte ${offsetBytes}, where records had been. ` +
      'An append that failed takes back what it wrote; anything else was another program. Read the log again.',
    step: 'read',
    path,
  });
}

/** A log to which a program that does not take its lock has written meanwhile. */
export function logHasGrown(path: string): HoldfastError {
  return new HoldfastError('TARGET_CHANGED', {
    message:
      'Another program wrote to the log while it was written anew, without taking its lock; so the log was left as it is. ' +
      'Try again when that program rests, or stop it meanwhile.',
    step: 'write',
    path,
  });
}

/** A log whose content is not what its format demands. */
export function corruptLog(path: string, message: string, cause?: unknown): HoldfastError {
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message,
    step: 'read',
    path,
    cause,
  });
}

/**
 * What a scheduler is to do after a command that makes a part: four exit statuses in place of one
 * for each error, which Kubernetes (podFailurePolicy), Slurm (--requeue by a wrapper) and GNU
 * parallel (--retries) can act on.
 */
import { type ErrorCode, isHoldfastError } from 'holdfast';
import { reportError } from './report-error.js';

const MAY_BE_TRIED_AGAIN = 1;
const NOT_AGAIN = 3;

/** What may go well the next time. */
const passing: ReadonlySet<ErrorCode> = new Set([
  'NO_SPACE',
  'IO',
  'SYNC_FAILED',
  'LOCK_TIMEOUT',
  'LOCK_LOST',
  'TARGET_IN_USE',
  'TARGET_CHANGED',
  'UPDATER_FAILED',
]);

/** As they are everywhere. */
const asEverywhere: ReadonlySet<ErrorCode> = new Set([
  'INVALID_ARGUMENT',
  'ABORTED',
  'PARTS_MISSING',
]);

/** Does some work; an error of it is told, and becomes one of the few exit statuses. */
export async function partStatus(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const status = reportError(error);
    if (!isHoldfastError(error) || passing.has(error.code)) process.exitCode = MAY_BE_TRIED_AGAIN;
    else process.exitCode = asEverywhere.has(error.code) ? status : NOT_AGAIN;
  }
}

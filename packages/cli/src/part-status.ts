/**
 * What a scheduler is to do after a command that makes a part: four exit statuses in place of one
 * for each error, which Kubernetes (podFailurePolicy), Slurm (--requeue by a wrapper) and GNU
 * parallel (--retries) can act on.
 */
import { type ErrorCode, isHoldfastError, mayTryPartAgain } from 'holdfast';
import { reportError } from './report-error.js';

const MAY_BE_TRIED_AGAIN = 1;
const NOT_AGAIN = 3;

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
    if (isHoldfastError(error) && asEverywhere.has(error.code)) process.exitCode = status;
    else process.exitCode = mayTryPartAgain(error) ? MAY_BE_TRIED_AGAIN : NOT_AGAIN;
  }
}

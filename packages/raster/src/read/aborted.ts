/** The error of a read that its caller cancelled. */
import { HoldfastError } from 'holdfast';

export function aborted(path: string, signal: AbortSignal): HoldfastError {
  return new HoldfastError('ABORTED', {
    message: 'Reading was cancelled.',
    step: 'read',
    path,
    cause: signal.reason,
  });
}

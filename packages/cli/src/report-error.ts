import { errorCodes, isHoldfastError } from 'holdfast';

/**
 * Says on standard error what happened, and gives the exit status that belongs to it: the one of the error's code
 * (docs/errors.md), or 1 for an error that is not Holdfast's own.
 */
export function reportError(error: unknown): number {
  if (!isHoldfastError(error)) {
    process.stderr.write(
      `holdfast: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    return 1;
  }
  process.stderr.write(`holdfast: ${error.message}\n`);
  if (error.cause instanceof Error) process.stderr.write(`  because: ${error.cause.message}\n`);
  return errorCodes[error.code].exitCode;
}

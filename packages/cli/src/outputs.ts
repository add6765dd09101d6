/** What becomes of a command when its output cannot be written. */
import { errorCodes } from 'holdfast';

/**
 * Ends the command without a word when nobody reads its result any more, as `head` does to its left in a pipe, and with
 * one when the result is lost. A result is the last thing that a command writes, or all that it does.
 */
export function endWithOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    process.stderr.write(`holdfast: standard output cannot be written: ${error.message}\n`);
    process.exit(errorCodes.IO.exitCode);
  });
  // Whoever does not read messages loses these and no more.
  process.stderr.on('error', () => undefined);
}

import { isError } from 'holdfast/errors';
import { errorCodes, isHoldfastError } from 'holdfast';
import { messageInOwnWords } from './own-words.js';
import { linesOf, shown, tell, textOf, type Shown } from './outputs.js';

/**
 * Says on standard error what happened, and gives the exit status that belongs to it: the one of
 * the error's code (docs/errors.md), or 1 for an error that is not Holdfast's own.
 */
export function reportError(error: unknown): number {
  if (!isHoldfastError(error)) {
    tell(shown`holdfast: ${isError(error) ? withFrames(error) : String(error)}`);
    return 1;
  }
  tell(shown`holdfast: ${messageInOwnWords(error)}`);
  if (isError(error.cause)) tell(shown`  because: ${causeOf(error.cause)}`);
  return errorCodes[error.code].exitCode;
}

function causeOf(cause: Error): string {
  return isHoldfastError(cause) ? messageInOwnWords(cause) : cause.message;
}

/** The message as one line, whatever it holds, and below it where it came from. */
function withFrames({ message, stack = message }: Error): Shown {
  const [head, ...frames] = stack.split(message);
  if (message === '' || frames.length === 0) return textOf(stack);
  return linesOf([shown`${head ?? ''}${message}`, textOf(frames.join(message).replace(/^\n/, ''))]);
}

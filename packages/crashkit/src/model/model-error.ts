/** The errors of a modelled system call, equal to the real ones. */
import { constants } from 'node:os';
import { systemError } from 'holdfast/os';

type ErrorName = keyof typeof constants.errno;

export function modelError(code: ErrorName, call: string, path: string): NodeJS.ErrnoException {
  return systemError(constants.errno[code], call, path);
}

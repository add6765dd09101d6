/**
 * Standard input, whatever it is. `process.stdin` is an empty stream for what Node cannot stream by
 * its kind (a directory, a block device): taken for the input, it would empty a file that was to be
 * replaced. So these are read by descriptor.
 */
import { createReadStream, fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { HoldfastError } from 'holdfast';
import { invalidArgument } from 'holdfast/options';

/**
 * The bytes of standard input, from where it stands to its end.
 *
 * @throws HoldfastError INVALID_ARGUMENT when it is a directory
 */
export function standardInput(): Readable {
  if (fstatSync(0).isDirectory()) {
    throw invalidArgument('read', 'Standard input is a directory, which holds no bytes.', '-');
  }
  // A pipe, a socket or a terminal. Anything else has no events, and read(2) gives all there is.
  return process.stdin instanceof Socket
    ? process.stdin
    : createReadStream('', { fd: 0, autoClose: false });
}

/**
 * All of standard input as text.
 *
 * @throws HoldfastError INVALID_ARGUMENT when it is a directory, or no UTF-8; IO
 */
export async function readStandardInput(): Promise<string> {
  const bytes = await buffer(standardInput()).catch((cause: unknown) => {
    throw unreadable(cause);
  });
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalidArgument('read', 'Standard input is not UTF-8 text.', '-');
  }
}

function unreadable(cause: unknown): HoldfastError {
  return new HoldfastError('IO', {
    message: 'Standard input could not be read to its end.',
    step: 'read',
    path: '-',
    cause,
  });
}

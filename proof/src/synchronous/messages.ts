/**
 * What a thread that makes synchronous calls and the thread that has the filesystem say to each
 * other.
 */
import type { MessagePort } from 'node:worker_threads';

/**
 * An object whose methods are called from the other thread: the filesystem, something open in it, a
 * function of the caller.
 */
export interface Remote {
  readonly isRemote: true;
  readonly id: number;
  readonly methods: readonly string[];
  /** The properties that are values. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** A call of Holdfast that is to be made on the thread. */
export interface Task {
  readonly call: string;
  /** What stands for objects and functions is {@link Remote}. */
  readonly args: readonly unknown[];
}

/** A call of a method, made by the thread, which waits for the answer. */
export interface Question {
  readonly kind: 'question';
  readonly number: number;
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** How a task or a question ended. */
export type Answer =
  { readonly value: unknown } | { readonly error: Readonly<Record<string, unknown>> };

/** A message of the thread. */
export type FromThread =
  | Question
  | { readonly kind: 'ended'; readonly answer: Answer }
  | { readonly kind: 'called'; readonly number: number; readonly answer: Answer };

/**
 * A function of the caller calls a method of what the thread has given it, a stage or a
 * transaction; the thread makes the call while it waits for that function.
 */
export interface CallBack {
  readonly kind: 'callBack';
  readonly number: number;
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** A message for a thread that waits. */
export type ToThread =
  CallBack | { readonly kind: 'answer'; readonly number: number; readonly answer: Answer };

/** What a thread begins with. */
export interface ThreadData {
  /** The address of the module that has the synchronous calls. */
  readonly module: string;
  /** Set to 1 when the answer to a question has been sent. */
  readonly answered: SharedArrayBuffer;
  readonly answers: MessagePort;
}

/** A filesystem's read fills a buffer of the caller, which is on another thread. */
export const READ = 'read';

/** An error with the fields by which it is known. */
export function packError(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof Error)) return { message: String(error) };
  const fields = error as unknown as Readonly<Record<string, unknown>>;
  const names = ['name', 'message', 'stack', 'code', 'errno', 'syscall', 'path', 'outcome', 'step'];
  const packed = Object.fromEntries(
    names.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]),
  );
  return error.cause === undefined ? packed : { ...packed, cause: packError(error.cause) };
}

export function unpackError(packed: Readonly<Record<string, unknown>>): Error {
  const { message, cause, ...fields } = packed;
  const error = new Error(String(message));
  for (const [name, value] of Object.entries(fields))
    Object.defineProperty(error, name, { value, enumerable: name !== 'stack', writable: true });
  if (cause !== undefined) error.cause = unpackError(cause as Readonly<Record<string, unknown>>);
  return error;
}

export function isRemote(value: unknown): value is Remote {
  return (
    typeof value === 'object' && value !== null && (value as Partial<Remote>).isRemote === true
  );
}

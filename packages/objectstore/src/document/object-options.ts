/** What the callers of updateJson, and of its kin for other formats, give for an object. */
import { invalidArgument } from 'holdfast/options';
import type { StandardSchema } from 'holdfast/syntaxes';
import type { ObjectStore } from '../store/object-store.js';
import { s3Store } from '../store/s3-store.js';

/**
 * Makes the new value of a document: returns it, or changes the value it was given and returns
 * nothing. It may be async. It **may be called several times**, each time with the value that is
 * there then, and only what it made last is written: it must do nothing else that counts.
 */
export type ObjectUpdater<T> = (value: T) => T | void | Promise<T | void>;

/** How an object is reached. */
export interface ObjectAccess {
  /** The store; by default that of the environment ({@link s3Store} without options). */
  readonly store?: ObjectStore | undefined;
  /**
   * For how long the call goes on when others are first or nothing answers, in milliseconds; 60 000
   * by default. A request that is under way then is waited for.
   */
  readonly timeoutMs?: number | undefined;
  /** Ends the call, unless its change may be under way. */
  readonly signal?: AbortSignal | undefined;
}

/** How an object is updated. */
export interface UpdateObjectOptions<T> extends ObjectAccess {
  /** The value of an object that is not there, or empty; `{}` by default. */
  readonly initial?: T | undefined;
  /**
   * Judges the document before and after the update. What is written is the updater's value, not
   * the schema's.
   */
  readonly schema?: StandardSchema<T, unknown> | undefined;
}

/** How an object is read. */
export interface ReadObjectOptions<T> extends ObjectAccess {
  /** The value of an object that is not there, or empty; without it that is an error. */
  readonly initial?: T | undefined;
  /** Judges the document; what the schema makes of it is what the call resolves to. */
  readonly schema?: StandardSchema<unknown, T> | undefined;
}

export const accessNames = ['store', 'timeoutMs', 'signal'] as const;
export const documentNames = ['store', 'timeoutMs', 'signal', 'initial', 'schema'] as const;

const TIMEOUT_MS = 60_000;

/** The store of a call, and its time. */
export function accessOf(
  call: string,
  { store, timeoutMs = TIMEOUT_MS }: ObjectAccess,
): { readonly store: ObjectStore; readonly timeoutMs: number } {
  if (store !== undefined && typeof store?.put !== 'function')
    throw invalidArgument(call, 'store is an ObjectStore, as s3Store and sdkStore give one');
  return { store: store ?? storeOfEnvironment(), timeoutMs };
}

let ofEnvironment: { readonly key: string; readonly store: ObjectStore } | undefined;

/**
 * One store for as long as the environment says the same, since calls that share a store share
 * requests.
 */
function storeOfEnvironment(): ObjectStore {
  const { env } = process;
  const names = ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL', 'AWS_REGION', 'AWS_DEFAULT_REGION'];
  const key = names.map((name) => env[name] ?? '').join(' ');
  if (ofEnvironment?.key !== key) ofEnvironment = { key, store: s3Store() };
  return ofEnvironment.store;
}

/** The stage that a publish fills, or a part: files below a prefix, several written at a time. */
import { types } from 'node:util';
import { HoldfastError, isHoldfastError } from 'holdfast';
import { invalidArgument } from 'holdfast/options';
import { TaskGroup } from 'holdfast/syntaxes';
import { aborted } from '../document/store-errors.js';
import { urlOf } from '../s3-url.js';
import type { ObjectName } from '../store/object-store.js';
import type { PublishedFile } from './manifest.js';
import { nameBelow, type DirectoryPlace } from './place.js';
import {
  isThere,
  writeObject,
  type ObjectData,
  type ObjectFacts,
  type WrittenObject,
} from './write-object.js';

/** The directory to fill, before anybody can be led to it. */
export interface ObjectStage {
  /** `s3://bucket/prefix/generations/<generation>`, under which the files are. */
  readonly url: string;
  /** Fires when anything started through the stage fails, and with the caller's own signal. */
  readonly signal: AbortSignal;
  /**
   * Writes a file: in one request when it is short, and in parts of 8 MiB, one after another, when
   * it is long, so that a stream of any length takes as much memory as a part.
   *
   * A failed write fails the publish, also when its error is caught or its promise ignored.
   *
   * @param path - under the directory, with `/` between the parts
   * @throws HoldfastError INVALID_ARGUMENT for what no key can be; ALREADY_EXISTS for a file that
   *   this publish has written already; STORE_FAILED; ABORTED
   */
  write(path: string, data: ObjectData, options?: ObjectStageWriteOptions): Promise<void>;
  /**
   * Runs a task beside the others, at most `concurrency` of them at a time. Resolves when the task
   * has _started_: a loop that awaits it never holds more tasks than run.
   */
  spawn(task: () => Promise<unknown>): Promise<void>;
  /**
   * Says the text of the index of this generation, where the directory has one
   * ({@link DirectoryIndex}); what was said last counts.
   *
   * @throws HoldfastError INVALID_ARGUMENT where it has none
   */
  setIndex(text: string): void;
}

/** How a file is written into a stage. */
export interface ObjectStageWriteOptions {
  /** Its `Content-Type`. */
  readonly contentType?: string | undefined;
  /**
   * The SHA-256 of its bytes, in hexadecimal digits, where that is known before: data that has
   * another is refused, and with `resume` a file that is there with it is not written again.
   */
  readonly sha256?: string | undefined;
}

/** How many tasks of `spawn` run at once by default. */
export const CONCURRENCY = 8;

/** What a stage is filled for. */
interface Filling {
  /** What the names of the files begin with, up to a slash. */
  readonly prefix: ObjectName;
  /** Whether the text of an index is to be said. */
  readonly isIndex: boolean;
  readonly concurrency: number;
  /** What the store lists below the prefix, by the paths, where another has begun to fill it. */
  readonly there?: ReadonlyMap<string, Omit<PublishedFile, 'sha256'>> | undefined;
}

/** What was written, by the paths, and said. */
export interface Filled<T> {
  readonly value: T;
  readonly written: ReadonlyMap<string, WrittenObject>;
  /** The paths of files that were there. */
  readonly resumed: readonly string[];
  readonly index: string | undefined;
}

/** Lets `fill` write its files; when this returns nothing of it runs any more. */
export async function fillStage<T>(
  place: DirectoryPlace,
  { prefix, isIndex, concurrency, there }: Filling,
  fill: (stage: ObjectStage) => Promise<T> | T,
): Promise<Filled<T>> {
  const group = new TaskGroup(concurrency, place.signal);
  const within = { ...place, signal: group.signal };
  const written = new Map<string, WrittenObject>();
  const taken = new Set<string>();
  const resumed: string[] = [];
  const fileOf = async (path: string, data: ObjectData, facts: ObjectFacts) => {
    const name = nameBelow(prefix, path);
    const [listed, { sha256 }] = [there?.get(path), facts];
    const found = listed && sha256 !== undefined ? { ...listed, sha256 } : undefined;
    if (!found || !(await isThere(within, name, found)))
      return writeObject(within, name, data, facts);
    resumed.push(path);
    await letGoOf(data);
    return found;
  };
  const write: ObjectStage['write'] = (path, data, facts = {}) =>
    group.run(async () => {
      nameBelow(prefix, path);
      if (taken.has(path)) throw writtenTwice(place, path);
      taken.add(path);
      written.set(path, await fileOf(path, data, facts));
    });
  const url = urlOf(prefix).replace(/\/$/, '');
  let index: string | undefined;
  const setIndex = (text: string): void => {
    if (!isIndex || typeof text !== 'string')
      throw invalidArgument('setIndex', 'the text of an index, of a directory that has one', url);
    index = text;
  };
  const stage = { url, signal: group.signal, write, spawn: group.spawn.bind(group), setIndex };
  const filled = group.run(async () => fill(stage));
  await group.close();
  if (place.signal?.aborted) throw aborted('fill', place.url, place.signal);
  const [error, ...others] = group.errors;
  if (error !== undefined) throw fillFailed(place, error, others);
  if (isIndex && index === undefined)
    throw invalidArgument('publishDirectory', 'fill has not said the text of the index', url);
  return { value: await filled, written, resumed, index };
}

/** Of data that is not read: a stream is closed. */
async function letGoOf(data: ObjectData): Promise<void> {
  if (typeof data !== 'string' && !types.isUint8Array(data))
    await data[Symbol.asyncIterator]().return?.();
}

function writtenTwice({ url }: DirectoryPlace, path: string): HoldfastError {
  return new HoldfastError('ALREADY_EXISTS', {
    message: `Two writes of one publish name the same file, '${path}'.`,
    step: 'write',
    path: url,
  });
}

function fillFailed(
  { url }: DirectoryPlace,
  cause: unknown,
  others: readonly unknown[],
): HoldfastError {
  if (isHoldfastError(cause) && cause.outcome === 'unchanged' && others.length === 0) return cause;
  return new HoldfastError('UPDATER_FAILED', {
    message: 'Filling the directory failed, and nothing was published.',
    step: 'fill',
    path: url,
    cause,
    others,
  });
}

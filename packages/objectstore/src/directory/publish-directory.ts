/**
 * Publishes a whole directory below a prefix: readers are led to the old files or to the new ones,
 * never to a part of either.
 *
 * 1. read the pointer, and refuse early what would be refused at the end
 * 2. claim a generation: a name that nobody has used, or the claim of a publish of the same that has
 *    not ended (begin-generation.ts)
 * 3. write the files below it, several at a time, each whole; a lost answer is asked for again
 * 4. take stock: all files are there, as they were written
 * 5. write the manifest
 * 6. replace the pointer on the condition that it is still the one that was read: the commit point.
 *    Between reading it and replacing it the claim must be alive (claim.ts)
 * 7. sweep what others, and those who died, have left
 *
 * Invariant: what the pointer names is whole. A client that dies before 6 leaves a generation that
 * no pointer names, which a sweep removes when it is old enough; a request of 6 that is under way
 * then may still arrive, and then it publishes, whole, what it was to publish.
 */
import { HoldfastError, isHoldfastError } from 'holdfast';
import { checkOptions, checkWords, invalidArgument } from 'holdfast/options';
import { aborted } from '../document/store-errors.js';
import { refuseConvicted } from '../probe/first-use.js';
import { beginGeneration, type BegunGeneration } from './begin-generation.js';
import { changeClaim, readClaim } from './claim.js';
import { CONCURRENCY, fillStage, type ObjectStage } from './fill-stage.js';
import { takeStock, writeManifest, type Manifest } from './manifest.js';
import { filesPrefix, placeOf, type DirectoryPlace } from './place.js';
import { changePointer, readPointer, type Pointer } from './pointer.js';
import { directoryAccessNames, type DirectoryAccess } from './pointer-form.js';
import { checkKeep, sweepAt, type KeepOptions, type SweptDirectory } from './sweep-directory.js';

/** How a directory is published. */
export interface PublishDirectoryOptions extends DirectoryAccess, KeepOptions {
  /** `fail` (the default) refuses a directory that is published already; `replace` replaces it. */
  readonly ifExists?: 'fail' | 'replace' | undefined;
  /**
   * With `ifExists: 'replace'`, when another publisher was first meanwhile: `replace` (the default)
   * what that one has published, or `fail` with TARGET_CHANGED and leave it.
   */
  readonly ifChanged?: 'replace' | 'fail' | undefined;
  /** How many tasks of `spawn` run at once; 8 by default. */
  readonly concurrency?: number | undefined;
  /**
   * Names what is published, so that a publish goes on where one of the same name has failed or was
   * killed: files of which `write` is told the `sha256`, and that are there, are not written again.
   * What a failed publish has written stays for that, until a sweep finds it old enough. One that
   * is still at work is taken over: it fails with TARGET_CHANGED, unless it has published already.
   * The same name has to mean the same files with the same bytes.
   */
  readonly resume?: string | undefined;
}

/** What a publish did. */
export interface PublishedObjects<T> {
  /** What `fill` returned. */
  readonly value: T;
  readonly generation: string;
  readonly files: Manifest;
  /** The paths of files that an earlier publish had written, with `resume`. */
  readonly resumed: readonly string[];
  /** What the sweep at its end did; `undefined` when that failed. */
  readonly swept: SweptDirectory | undefined;
  /** Why the sweep failed: what was published is not touched by that, and the next one sweeps. */
  readonly sweepError: unknown;
}

/** What is ready to be published. */
export type FilledDirectory<T> = Pick<
  PublishedObjects<T>,
  'value' | 'generation' | 'files' | 'resumed'
>;

/** What a publish asks that is made of the parts of a session (../parts). */
export interface PublishingSession<T> {
  readonly id: string;
  /** Throws when this is not to be published, now that the pointer has been read. */
  check(now: Pointer): Promise<void>;
  /** Told what is about to be published. */
  note(filled: FilledDirectory<T>): Promise<void>;
}

/**
 * Fills a directory below a prefix of a bucket where nobody reads, and publishes it whole: a reader
 * that asks `current.json` which generation to read, as {@link openDirectory} does, gets the files
 * that were there, or the new ones. Those who have opened the old ones read on, for `keepForMs` at
 * least.
 *
 * After success the pointer has led to the new files, and generations that are old enough are
 * removed. After a failure with the outcome `unchanged` it leads where it led, and never will lead
 * to what was written; that is removed by a later sweep. With `unknown` an answer was lost:
 * {@link openDirectory} tells. Of two publishers one wins; with `ifExists: 'replace'` both succeed,
 * and the last wins. Calling again after any failure is safe.
 *
 * Not promised: one view for readers that do not ask the pointer; anything where others write or
 * remove objects below the prefix; anything on a store whose conditions do not hold
 * (docs/object-stores.md).
 *
 * @param url - `s3://bucket/prefix`, which is Holdfast's alone
 * @param fill - writes the files, through the stage
 * @throws HoldfastError ALREADY_EXISTS; TARGET_CHANGED; UPDATER_FAILED when `fill` failed;
 *   UNSUPPORTED_PLATFORM for a store that is found to lose updates; STORE_FAILED; CORRUPT_DOCUMENT for a prefix that holds something else; ABORTED;
 *   INVALID_ARGUMENT
 */
export async function publishDirectory<T>(
  url: string,
  fill: (stage: ObjectStage) => Promise<T> | T,
  options: PublishDirectoryOptions = {},
): Promise<PublishedObjects<T>> {
  const keep = ['keepForMs', 'keepPrevious'] as const;
  const own = ['ifExists', 'ifChanged', 'concurrency', 'resume', ...keep] as const;
  checkOptions('publishDirectory', options, [...own, ...directoryAccessNames]);
  const words = { ifExists: ['fail', 'replace'], ifChanged: ['replace', 'fail'] };
  checkWords('publishDirectory', url, options, words);
  checkKeep('publishDirectory', options);
  const { concurrency = CONCURRENCY } = options;
  if (!Number.isSafeInteger(concurrency) || concurrency < 1)
    throw invalidArgument('publishDirectory', 'concurrency is a whole number of 1 or more', url);
  if (!['string', 'undefined'].includes(typeof options.resume))
    throw invalidArgument('publishDirectory', 'resume is a text that names what is published', url);
  if (typeof fill !== 'function')
    throw invalidArgument('publishDirectory', 'fill is a function that fills the stage', url);
  return publishAt(placeOf('publishDirectory', url, options), fill, options);
}

/** The same for a place. */
async function publishAt<T>(
  place: DirectoryPlace,
  fill: (stage: ObjectStage) => Promise<T> | T,
  options: PublishDirectoryOptions,
): Promise<PublishedObjects<T>> {
  const published = await commitDirectory(place, fill, options);
  try {
    const swept = await sweepAt(place, options);
    return { ...published, swept, sweepError: undefined };
  } catch (sweepError) {
    return { ...published, swept: undefined, sweepError };
  }
}

/** Steps 1 to 6. */
export async function commitDirectory<T>(
  place: DirectoryPlace,
  fill: (stage: ObjectStage) => Promise<T> | T,
  options: PublishDirectoryOptions,
  session?: PublishingSession<T>,
): Promise<FilledDirectory<T>> {
  if (place.signal?.aborted) throw aborted('publish', place.url, place.signal);
  await refuseConvicted(place.store, place.pointer.name);
  const before = await readPointer(place);
  await session?.check(before);
  refuse(place, before, before, options);
  const begun = await beginGeneration(place, before, options.resume, session?.id);
  const { generation, there } = begun;
  try {
    const { concurrency = CONCURRENCY } = options;
    const prefix = filesPrefix(place, generation);
    const { isIndex } = place.pointer;
    const filling = { prefix, isIndex, concurrency, there };
    const { value, written, resumed, index } = await fillStage(place, filling, fill);
    const files = await takeStock(place, prefix, written);
    await writeManifest(place, generation, files);
    const filled = { value, generation, files, resumed };
    await session?.note(filled);
    await publish(place, { begun, before, index }, options, session);
    return filled;
  } catch (error) {
    const isOver = isHoldfastError(error) && error.outcome === 'unchanged';
    if (isOver && options.resume === undefined) await giveUp(place, begun);
    throw error;
  }
}

/** What is ready to be published. */
interface Ready {
  readonly begun: BegunGeneration;
  readonly before: Pointer;
  readonly index: string | undefined;
}

/** Step 6. */
async function publish(
  place: DirectoryPlace,
  { begun: { generation, filler }, before, index }: Ready,
  options: PublishDirectoryOptions,
  session: Pick<PublishingSession<unknown>, 'check'> | undefined,
): Promise<void> {
  const next = async (now: Pointer): Promise<Omit<Pointer, 'revision'>> => {
    await session?.check(now);
    refuse(place, before, now, options);
    const claim = await readClaim(place, generation);
    if (claim?.state !== 'filling') throw wasFenced(place);
    if (claim.filler?.by !== filler.by) throw wasTakenOver(place);
    const previous = now.generation === null ? now.previous : [now.generation, ...now.previous];
    return { generation, previous };
  };
  await changePointer(place, next, index);
}

/** What the caller does not want to replace. */
function refuse(
  { url }: DirectoryPlace,
  before: Pointer,
  now: Pointer,
  { ifExists = 'fail', ifChanged = 'replace' }: PublishDirectoryOptions,
): void {
  if (now.generation === null) return;
  if (ifExists === 'fail') {
    throw new HoldfastError('ALREADY_EXISTS', {
      message:
        "There is a published directory already. To replace it, say so (ifExists: 'replace').",
      step: 'publish',
      path: url,
    });
  }
  if (ifChanged === 'replace' || now.generation === before.generation) return;
  throw new HoldfastError('TARGET_CHANGED', {
    message: 'Another publisher has replaced the directory meanwhile. Look at what it did.',
    step: 'publish',
    path: url,
  });
}

/**
 * The claim of what is not published, and never will be. The next sweep removes the rest; without
 * this it does when the claim is old enough.
 */
async function giveUp(
  place: DirectoryPlace,
  { generation, filler }: BegunGeneration,
): Promise<void> {
  const last = { ...place, signal: undefined, timeoutMs: 0 };
  try {
    const claim = await readClaim(last, generation);
    if (claim?.filler?.by === filler.by) await changeClaim(last, claim, 'dead');
  } catch {
    // What the caller is told has happened before.
  }
}

function wasFenced({ url }: DirectoryPlace): HoldfastError {
  return new HoldfastError('TARGET_CHANGED', {
    message:
      'A sweep has taken this publish for one that has died, since it began longer ago than keepForMs of that sweep. ' +
      'Publish again, and let sweeps keep for longer.',
    step: 'publish',
    path: url,
  });
}

function wasTakenOver({ url }: DirectoryPlace): HoldfastError {
  return new HoldfastError('TARGET_CHANGED', {
    message:
      'Another publish of the same goes on with what this one has written, since it was told to (resume). Wait for that one.',
    step: 'publish',
    path: url,
  });
}

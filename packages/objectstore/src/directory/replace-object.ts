/**
 * Replaces one object of any length, or makes it, whole or not at all:
 *
 * 1. refuse early what would be refused at the end
 * 2. read the data: what fits into a part is kept, what does not is sent in parts, which nobody
 *    sees
 * 3. look at the object again, and write the new one on the condition that it is still that: the
 *    commit point. It says by its metadata whose it is
 * 4. when no answer came, look: an object that is ours was written; one that is still the one of 3
 *    proves nothing, and the same is asked again, of which one at most is done; of another nothing
 *    is known
 *
 * Invariant: nobody sees a part of it, and a request of 3 that arrives late finds its condition
 * broken. A client that dies before 3 leaves at most parts, which a rule of the bucket removes.
 */
import { randomBytes } from 'node:crypto';
import { HoldfastError, isHoldfastError } from 'holdfast';
import { checkOptions, checkWords } from 'holdfast/options';
import { pauses } from '../document/commit-object.js';
import { accessNames, type ObjectAccess } from '../document/object-options.js';
import { aborted, inDoubt, refused } from '../document/store-errors.js';
import { refuseConvicted } from '../probe/first-use.js';
import type { Condition, Written } from '../store/object-store.js';
import { insist, placeOf, type DirectoryPlace } from './place.js';
import { piecesOf, Upload, type ObjectData } from './write-object.js';

/** How an object is replaced. */
export interface ReplaceObjectOptions extends ObjectAccess {
  /** `fail` refuses an object that is there; `replace` (the default) replaces it. */
  readonly ifExists?: 'fail' | 'replace' | undefined;
  /** Its `Content-Type`. */
  readonly contentType?: string | undefined;
}

/** What was written. */
export interface ReplacedObject {
  readonly sizeBytes: number;
}

const CALL = 'replaceObject';
/** The metadata by which a writer knows an object for its own. */
const WRITER = 'holdfast-writer';

/**
 * Replaces one object by data of any length, or makes it; readers get the old one or the new one,
 * whole. What is longer than 8 MiB is sent in parts of that length, and takes as much memory as a
 * part.
 *
 * After success the new object is there. After a failure with the outcome `unchanged` what was
 * there still is, and the new one never comes; with `unknown` an answer was lost, and what is there
 * now does not say what became of the write. Data is asked for once, after the object was looked
 * at: with `ifExists: 'fail'` one that is there is refused before anything is read.
 *
 * Not promised: that of two writers at once both succeed (the second gets TARGET_CHANGED, or with
 * `ifExists: 'fail'` ALREADY_EXISTS); anything on a store whose conditions do not hold, where of
 * objects in parts the last one may win.
 *
 * @param url - `s3://bucket/key`
 * @throws HoldfastError ALREADY_EXISTS; TARGET_CHANGED; UNSUPPORTED_PLATFORM for a store that is
 *   found to lose updates; STORE_FAILED; ABORTED; INVALID_ARGUMENT; what the data throws, as it is
 */
export async function replaceObject(
  url: string,
  data: ObjectData,
  options: ReplaceObjectOptions = {},
): Promise<ReplacedObject> {
  checkOptions(CALL, options, ['ifExists', 'contentType', ...accessNames]);
  checkWords(CALL, url, options, { ifExists: ['fail', 'replace'] });
  const { ifExists = 'replace', contentType, ...access } = options;
  const place = placeOf(CALL, url, access);
  const { store, root: name, signal } = place;
  if (signal?.aborted) throw aborted('publish', place.url, signal);
  await refuseConvicted(store, name);
  if (ifExists === 'fail' && (await etagOf(place)) !== undefined) throw isThere(place.url);
  const writer = randomBytes(16).toString('hex');
  const facts = { contentType, metadata: { [WRITER]: writer } };
  let sizeBytes = 0;
  let upload: Upload | undefined;
  try {
    for await (const { bytes, isLast } of piecesOf(data)) {
      signal?.throwIfAborted();
      sizeBytes += bytes.length;
      if (isLast && upload === undefined) {
        const headers = { contentType };
        const put = { headers, metadata: facts.metadata };
        await publish(place, { ifExists, writer }, (condition) =>
          store.put(name, bytes, { ...put, condition }),
        );
        return { sizeBytes };
      }
      upload ??= await Upload.begin(place, name, facts);
      await upload.put(bytes);
    }
    const whole = upload as Upload;
    await publish(place, { ifExists, writer }, (condition) => whole.commit(condition));
    return { sizeBytes };
  } catch (error) {
    // One in doubt may still be put together.
    const mayCome = isHoldfastError(error) && error.outcome === 'unknown';
    if (!mayCome) await upload?.abort();
    if (signal?.aborted && error === signal.reason) throw aborted('write', place.url, signal);
    throw error;
  }
}

/** What is known of the write, beside its bytes. */
interface Attempt {
  readonly ifExists: 'fail' | 'replace';
  readonly writer: string;
}

/** Steps 3 and 4. */
async function publish(
  place: DirectoryPlace,
  { ifExists, writer }: Attempt,
  send: (condition: Condition) => Promise<Written>,
): Promise<void> {
  const { url, timing, timeoutMs, signal } = place;
  const deadlineMs = timing.now() + timeoutMs;
  const base = ifExists === 'fail' ? undefined : await etagOf(place);
  const condition: Condition = base === undefined ? { ifNoneMatch: '*' } : { ifMatch: base };
  let doubt: { readonly cause: unknown } | undefined;
  for (const pause of pauses(timing)) {
    if (signal?.aborted && !doubt) throw aborted('publish', url, signal);
    const written = await send(condition);
    if (written.outcome === 'committed') return;
    if (written.outcome === 'unknown') doubt = written;
    const isRefused = written.outcome === 'refused' && !written.refusal.isTransient;
    const isOver = isRefused || timing.now() >= deadlineMs;
    if (doubt) {
      // The call's own signal does not leave in doubt what can be known.
      const found = await lookAt({ ...place, signal: undefined }).catch((error: unknown) => {
        throw inDoubt(url, 'the object cannot be read', error);
      });
      if (found?.metadata[WRITER] === writer) return;
      if (found?.etag !== base) throw inDoubt(url, 'another writer has written since', doubt.cause);
      if (isOver) throw inDoubt(url, 'it may still arrive', doubt.cause);
    } else if (written.outcome === 'precondition') {
      throw ifExists === 'fail' ? isThere(url) : replacedMeanwhile(url);
    } else if (written.outcome === 'refused' && isOver) {
      throw refused('publish', url, written.refusal);
    }
    await pause();
  }
}

async function lookAt(
  place: DirectoryPlace,
): Promise<
  { readonly etag: string; readonly metadata: Readonly<Record<string, string>> } | undefined
> {
  const { store, root: name } = place;
  const found = await insist(place, { step: 'look', name }, (signal) =>
    store.head(name, { signal }),
  );
  return found.outcome === 'found' ? found : undefined;
}

async function etagOf(place: DirectoryPlace): Promise<string | undefined> {
  return (await lookAt(place))?.etag;
}

function isThere(path: string): HoldfastError {
  return new HoldfastError('ALREADY_EXISTS', {
    message:
      "There is an object of this name. Replace it (ifExists: 'replace'), or write to another name.",
    step: 'check',
    path,
  });
}

function replacedMeanwhile(path: string): HoldfastError {
  return new HoldfastError('TARGET_CHANGED', {
    message:
      'Another writer has replaced the object meanwhile, and what that wrote is there. Call again to replace that too.',
    step: 'publish',
    path,
  });
}

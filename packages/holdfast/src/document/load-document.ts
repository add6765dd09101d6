/**
 * Reads a document from disk, as strictly as a program must that is going to write it again.
 *
 * A file that is empty or torn may be one that another program is writing in place, so it is looked
 * at again for a moment before that is taken for its state. An empty one that has ever been seen
 * full (file/seen-full.ts) has lost its document.
 */
import { HoldfastError, isHoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import { keptVersions, openVersion, type KeptVersion } from '../file/previous.js';
import { lookUntilSettled, rememberFull, wasEverFull } from '../file/seen-full.js';
import type { ResolvedName } from '../os/follow-symlinks.js';
import type { Fs } from '../os/fs.js';
import { readAll } from '../os/handles.js';
import { refuseLostName } from '../stage/only-copy.js';
import { writtenLast } from './last-written.js';
import { readBytes } from './read-bytes.js';
import type { Document, OpenOptions, Syntax } from './syntax.js';

/** What to do about a file that exists and is empty. */
export type OnEmpty = 'initial' | 'error' | 'wait';

/** What to do about a file that cannot be parsed. */
export type OnCorrupt = 'error' | 'quarantine' | 'restore';

interface LoadOptions extends OpenOptions {
  readonly syntax: Syntax;
  readonly onCorrupt?: OnCorrupt | undefined;
  readonly onEmpty?: OnEmpty | undefined;
  /** Where `restore` looks for versions. */
  readonly previousDirectory?: string | undefined;
}

interface LoadedDocument {
  readonly document: Document;
  /**
   * Whether the file on disk is broken, and `document` is what may take its place: an empty one, or
   * a version.
   */
  readonly isCorrupt: boolean;
  /** The version that `document` is. */
  readonly version?: KeptVersion | undefined;
}

/**
 * What one look at a file found. `torn` and `empty` may be the moment in which another program
 * writes it.
 */
type Look =
  | { readonly state: 'full' | 'missing' | 'empty'; readonly document: Document }
  | { readonly state: 'torn'; readonly error: HoldfastError };

/**
 * @param target - what the path leads to
 * @param isOver - whether nobody waits for the document any more
 * @throws HoldfastError CORRUPT_DOCUMENT with line and column, also for an empty file that has lost
 *   its document; UNREPRESENTABLE for what reading would lose; IO
 */
export async function loadDocument(
  fs: Fs,
  { path, existing }: ResolvedName,
  options: LoadOptions,
  isOver?: () => boolean,
): Promise<LoadedDocument> {
  const look = (isThere = true): Promise<Look> => lookAt(fs, path, isThere, options);
  const found = await settled(await look(existing !== undefined), look, options, isOver);
  if (found.state === 'torn') {
    if (options.onCorrupt === 'restore') return latestWhole(fs, path, found.error, options);
    return { document: replacing(path, found.error, options), isCorrupt: true };
  }
  if (found.state === 'full') rememberFull(fs, path);
  if (found.state === 'empty' && !isOver?.() && (await isEmptied(fs, path, options))) {
    if (options.onCorrupt === 'restore') return latestWhole(fs, path, emptied(path), options);
    throw emptied(path);
  }
  return { document: found.document, isCorrupt: false };
}

async function lookAt(fs: Fs, path: string, isThere: boolean, options: LoadOptions): Promise<Look> {
  const own = writtenLast(fs, path, options.syntax);
  const bytes = isThere ? await readBytes(fs, path, own?.bytes) : undefined;
  if (bytes === undefined) await refuseLostName(fs, path);
  try {
    const isOwn = own !== undefined && bytes === own.bytes;
    const document =
      (isOwn ? own.document.reopen?.(options) : undefined) ??
      options.syntax.open(path, bytes, options);
    if (document.exists) return { state: 'full', document };
    return { state: bytes === undefined ? 'missing' : 'empty', document };
  } catch (error) {
    if (isHoldfastError(error, 'CORRUPT_DOCUMENT')) return { state: 'torn', error };
    throw error;
  }
}

/** What a file is when it has had its moment; with `wait`, when it is no longer empty. */
async function settled(
  first: Look,
  look: () => Promise<Look>,
  { onEmpty }: LoadOptions,
  isOver: () => boolean = () => false,
): Promise<Look> {
  const isSettled = ({ state }: Look): boolean =>
    state === 'full' || state === 'missing' || (state === 'empty' && onEmpty === 'initial');
  let last = first;
  const lookOnce = async (): Promise<Look | undefined> => {
    last = await look();
    return isSettled(last) ? last : undefined;
  };
  while (!isSettled(last)) {
    const found = await lookUntilSettled(lookOnce, isOver);
    if (found || isOver() || onEmpty !== 'wait' || last.state !== 'empty') break;
  }
  return last;
}

/** Whether an empty file is none that was made so. */
async function isEmptied(fs: Fs, path: string, { onEmpty }: LoadOptions): Promise<boolean> {
  if (onEmpty === undefined) return wasEverFull(fs, path);
  return onEmpty !== 'initial';
}

/** The error of a document whose file is there and holds nothing. */
export function emptied(path: string): HoldfastError {
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message:
      'The file is empty, and held something before, or must hold something: another program truncated it, or a crash ' +
      "lost its content. Restore it, remove it, or say onEmpty: 'initial' to begin anew.",
    step: 'read',
    path,
  });
}

/**
 * The latest version that holds a document. The broken file is never begun anew: where there is
 * none, that is its error.
 */
async function latestWhole(
  fs: Fs,
  path: string,
  error: HoldfastError,
  options: LoadOptions,
): Promise<LoadedDocument> {
  const versions = await keptVersions(fs, path, options.previousDirectory);
  for (const version of versions.toReversed()) {
    const document = await openWhole(fs, path, version, options);
    if (document) return { document, isCorrupt: true, version };
  }
  const { code, outcome, step } = error;
  const message = `${error.message} Nothing was restored: of ${versions.length} versions that are kept none can be read.`;
  throw new HoldfastError(code, { message, outcome, step, path, cause: error });
}

async function openWhole(
  fs: Fs,
  path: string,
  version: KeptVersion,
  options: LoadOptions,
): Promise<Document | undefined> {
  try {
    const bytes = await openVersion(fs, version, ({ handle, stat }) =>
      readAll(handle, stat.sizeBytes),
    );
    const document = options.syntax.open(path, bytes, options);
    return document.exists ? document : undefined;
  } catch (error) {
    if (isHoldfastError(error, 'CORRUPT_DOCUMENT')) return undefined;
    throw failure('read version', version.path, error);
  }
}

function replacing(path: string, error: HoldfastError, options: LoadOptions): Document {
  if (options.onCorrupt !== 'quarantine') throw error;
  return options.syntax.open(path, undefined, options);
}

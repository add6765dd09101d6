/** Reads a published directory: one generation of it, whatever is published meanwhile. */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { HoldfastError } from 'holdfast';
import { checkOptions } from 'holdfast/options';
import { urlOf } from '../s3-url.js';
import { readManifest, type Manifest } from './manifest.js';
import { fileName, filesPrefix, insist, placeOf, type DirectoryPlace } from './place.js';
import { readPointer } from './pointer.js';
import { directoryAccessNames, type DirectoryAccess } from './pointer-form.js';

/** A published directory, as it was when it was opened. */
export interface OpenedObjects {
  readonly generation: string;
  /** `s3://bucket/prefix/generations/<generation>`, under which the files are. */
  readonly url: string;
  /** The files, by their paths under the directory. */
  readonly files: Manifest;
  /**
   * The bytes of a file, which are those that were published.
   *
   * @throws HoldfastError NOT_FOUND for a path that the directory does not have, and when this
   *   generation has been swept: open the directory again; CORRUPT_DOCUMENT for bytes that are not
   *   those that were published; STORE_FAILED
   */
  read(path: string): Promise<Buffer>;
}

/**
 * Opens a directory that `publishDirectory` has published, in two requests.
 *
 * What is read is of one generation, also while others are published, for as long as sweeps keep
 * it: a day after the next one was published, unless they are told otherwise.
 *
 * @param url - `s3://bucket/prefix`
 * @throws HoldfastError NOT_FOUND, CORRUPT_DOCUMENT, STORE_FAILED, ABORTED, INVALID_ARGUMENT
 */
export async function openDirectory(
  url: string,
  options: DirectoryAccess = {},
): Promise<OpenedObjects> {
  checkOptions('openDirectory', options, directoryAccessNames);
  return openAt(placeOf('openDirectory', url, options));
}

/** The same for a place. */
export async function openAt(place: DirectoryPlace): Promise<OpenedObjects> {
  let seen: string | null = null;
  for (;;) {
    const { generation } = await readPointer(place);
    if (generation === null) throw nothingThere(place);
    const files = await readManifest(place, generation);
    if (files !== undefined) {
      const url = urlOf(filesPrefix(place, generation)).replace(/\/$/, '');
      return { generation, url, files, read: (path) => readFile(place, generation, files, path) };
    }
    // It was swept between the two requests; or somebody else has removed it.
    if (generation === seen) throw swept(urlOf(filesPrefix(place, generation)));
    seen = generation;
  }
}

async function readFile(
  place: DirectoryPlace,
  generation: string,
  files: Manifest,
  path: string,
): Promise<Buffer> {
  const file = files.get(path);
  if (file === undefined) {
    throw new HoldfastError('NOT_FOUND', {
      message: `The directory has no file '${path}'.`,
      step: 'read',
      path: place.url,
    });
  }
  const name = fileName(place, generation, path);
  const found = await insist(place, { step: 'read', name }, (signal) =>
    place.store.get(name, { signal }),
  );
  if (found.outcome !== 'found') throw swept(urlOf(name));
  const body = Buffer.from(found.body.buffer, found.body.byteOffset, found.body.byteLength);
  if (sha256Of(body) === file.sha256) return body;
  throw new HoldfastError('CORRUPT_DOCUMENT', {
    message: 'The file does not hold the bytes that were published. Publish the directory again.',
    step: 'read',
    path: urlOf(name),
  });
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function nothingThere({ url }: DirectoryPlace): HoldfastError {
  return new HoldfastError('NOT_FOUND', {
    message: 'No directory has been published here.',
    step: 'open',
    path: url,
  });
}

function swept(path: string): HoldfastError {
  return new HoldfastError('NOT_FOUND', {
    message:
      'It is gone: this generation has been swept, or somebody has removed objects. Open the directory again; let sweeps keep ' +
      'for longer (keepForMs).',
    step: 'read',
    path,
  });
}

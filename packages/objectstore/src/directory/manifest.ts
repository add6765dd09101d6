/** What a generation holds, as its publisher has written it down. */
import { Buffer } from 'node:buffer';
import { HoldfastError } from 'holdfast';
import { readObject } from '../document/commit-object.js';
import { urlOf } from '../s3-url.js';
import type { ObjectName } from '../store/object-store.js';
import { insist, listAll, manifestName, type DirectoryPlace } from './place.js';
import type { WrittenObject } from './write-object.js';

/** A file of a published directory. */
export interface PublishedFile {
  readonly sizeBytes: number;
  /** Of its bytes, in hexadecimal digits. */
  readonly sha256: string;
  /** As the store lists it. */
  readonly etag: string;
}

/** The files of a generation, by their paths under the directory. */
export type Manifest = ReadonlyMap<string, PublishedFile>;

/**
 * What was written, if all of it is there below the prefix, and is what was written.
 *
 * @throws HoldfastError TARGET_CHANGED
 */
export async function takeStock(
  place: DirectoryPlace,
  prefix: ObjectName,
  written: ReadonlyMap<string, WrittenObject>,
): Promise<Manifest> {
  const listed = await listFiles(place, prefix);
  const files = new Map<string, PublishedFile>();
  for (const [path, { sizeBytes, sha256, etag }] of written) {
    const found = listed.get(path);
    const isThere = found?.sizeBytes === sizeBytes && (etag === undefined || found.etag === etag);
    if (!isThere) throw notThere(prefix, path);
    files.set(path, { sizeBytes, sha256, etag: found.etag });
  }
  return files;
}

/** What the store lists below a prefix that ends in a slash, by the paths. */
export async function listFiles(
  place: DirectoryPlace,
  prefix: ObjectName,
): Promise<ReadonlyMap<string, Omit<PublishedFile, 'sha256'>>> {
  const files = new Map<string, Omit<PublishedFile, 'sha256'>>();
  for await (const { key, sizeBytes, etag } of listAll(place, prefix))
    files.set(key.slice(prefix.key.length), { sizeBytes, etag });
  return files;
}

/** Whatever is there lists the same files: it is of the publish that this one goes on with. */
export async function writeManifest(
  place: DirectoryPlace,
  generation: string,
  files: Manifest,
): Promise<void> {
  const name = manifestName(place, generation);
  const sorted = [...files].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const body = Buffer.from(
    `${JSON.stringify({ generation, files: Object.fromEntries(sorted) })}\n`,
  );
  const options = { headers: { contentType: 'application/json' } } as const;
  await insist(place, { step: 'manifest', name }, (signal) =>
    place.store.put(name, body, { ...options, signal }),
  );
}

/**
 * @returns the manifest; `undefined` when it is gone
 * @throws HoldfastError CORRUPT_DOCUMENT, STORE_FAILED
 */
export async function readManifest(
  place: DirectoryPlace,
  generation: string,
): Promise<Manifest | undefined> {
  const { store, timing, timeoutMs, signal } = place;
  const name = manifestName(place, generation);
  const found = await readObject({ store, name, timing }, timing.now() + timeoutMs, signal);
  if (found === undefined) return undefined;
  try {
    const { files } = JSON.parse(Buffer.from(found.body).toString()) as {
      readonly files: Readonly<Record<string, unknown>>;
    };
    const entries = Object.entries(files);
    if (entries.every((entry): entry is [string, PublishedFile] => isFile(entry[1])))
      return new Map(entries);
  } catch {
    // Said below.
  }
  throw new HoldfastError('CORRUPT_DOCUMENT', {
    message: 'The manifest of the directory is damaged. Publish the directory again.',
    step: 'read',
    path: urlOf(name),
  });
}

function isFile(value: unknown): boolean {
  const { sizeBytes, sha256, etag } = (value ?? {}) as Partial<PublishedFile>;
  return Number.isSafeInteger(sizeBytes) && typeof sha256 === 'string' && typeof etag === 'string';
}

function notThere(prefix: ObjectName, path: string): HoldfastError {
  return new HoldfastError('TARGET_CHANGED', {
    message: `The file '${path}' was written, and is not there as it was written: somebody else removes or writes objects below the directory. Nothing was published.`,
    step: 'manifest',
    path: urlOf(prefix),
  });
}

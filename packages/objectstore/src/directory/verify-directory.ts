/** Looks whether a published directory is what was published. */
import { createHash } from 'node:crypto';
import { checkOptions } from 'holdfast/options';
import { readClaim } from './claim.js';
import { listFiles, type PublishedFile } from './manifest.js';
import { openAt } from './open-directory.js';
import { fileName, filesPrefix, insist, placeOf, type DirectoryPlace } from './place.js';
import { directoryAccessNames, type DirectoryAccess } from './pointer-form.js';

/** Something that is not as it was published. */
export interface DirectoryProblem {
  readonly kind:
    /** a file is gone; */
    | 'missing'
    /** a file has another size, ETag or (`deep`) other bytes; */
    | 'changed'
    /** an object is there that nobody has published; */
    | 'foreign'
    /** the pointer leads to a generation that was followed by another: somebody has put it back. */
    | 'putBack';
  /** Under the directory; empty for the directory itself. */
  readonly path: string;
}

/** What was found. */
export interface VerifiedDirectory {
  readonly generation: string;
  readonly fileCount: number;
  readonly sizeBytes: number;
  readonly problems: readonly DirectoryProblem[];
}

/** How a directory is verified. */
export interface VerifyDirectoryOptions extends DirectoryAccess {
  /** Reads every file, and compares its checksum; otherwise the store's list is believed. */
  readonly deep?: boolean | undefined;
}

/**
 * Compares what the pointer leads to with what was published. Changes nothing.
 *
 * Not promised: a verdict on a generation that is swept meanwhile.
 *
 * @param url - `s3://bucket/prefix`
 * @throws HoldfastError NOT_FOUND, CORRUPT_DOCUMENT for a damaged pointer, claim or manifest,
 *   STORE_FAILED, ABORTED, INVALID_ARGUMENT
 */
export async function verifyDirectory(
  url: string,
  options: VerifyDirectoryOptions = {},
): Promise<VerifiedDirectory> {
  checkOptions('verifyDirectory', options, [...directoryAccessNames, 'deep']);
  const place = placeOf('verifyDirectory', url, options);
  const { generation, files } = await openAt(place);
  const problems: DirectoryProblem[] = [];
  const claim = await readClaim(place, generation);
  if (claim?.state === 'superseded') problems.push({ kind: 'putBack', path: '' });
  const listed = await listFiles(place, filesPrefix(place, generation));
  let totalBytes = 0;
  for (const [path, file] of files) {
    const { sizeBytes, etag } = file;
    totalBytes += sizeBytes;
    const found = listed.get(path);
    if (found === undefined) problems.push({ kind: 'missing', path });
    else if (found.sizeBytes !== sizeBytes || found.etag !== etag)
      problems.push({ kind: 'changed', path });
    else if (options.deep && !(await isIntact(place, generation, path, file)))
      problems.push({ kind: 'changed', path });
  }
  for (const path of listed.keys()) if (!files.has(path)) problems.push({ kind: 'foreign', path });
  return { generation, fileCount: files.size, sizeBytes: totalBytes, problems };
}

/** Reads a file in pieces, so that one of any length takes little memory. */
async function isIntact(
  place: DirectoryPlace,
  generation: string,
  path: string,
  { sizeBytes, sha256 }: PublishedFile,
): Promise<boolean> {
  const name = fileName(place, generation, path);
  const hash = createHash('sha256');
  for (let offsetBytes = 0; offsetBytes < sizeBytes; offsetBytes += PIECE_BYTES) {
    const range = { offsetBytes, sizeBytes: Math.min(PIECE_BYTES, sizeBytes - offsetBytes) };
    const found = await insist(place, { step: 'verify', name }, (signal) =>
      place.store.get(name, { range, signal }),
    );
    if (found.outcome !== 'found') return false;
    hash.update(found.body);
  }
  return hash.digest('hex') === sha256;
}

const PIECE_BYTES = 8 * 2 ** 20;

/** Reads files: through, for their size and checksum; as pieces; as text. */
import { createHash } from 'node:crypto';
import { HoldfastError } from 'holdfast';
import {
  type Demands,
  errnoOf,
  type FileStat,
  type Fs,
  openGiven,
  openOwn,
  openOwnIfThere,
  readFully,
  readPieces,
} from 'holdfast/os';

/** What a file holds, in two facts. */
export interface FileDigest {
  readonly sizeBytes: number;
  /** SHA-256 of the file, in hexadecimal; empty where its size told enough. */
  readonly sha256: string;
}

/** How a file of ours is digested; `owner: 'trusted'` for what is to be used as one's own work. */
interface DigestOptions extends Demands {
  /** Judges its size: a file that cannot be what was written may be of any length. */
  readonly isWorthReading: (sizeBytes: number) => boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The size and checksum of a file of ours. Errors of the system pass as they are.
 *
 * @throws HoldfastError NAME_TAKEN for a symlink, FIFO or device in its place, and for what does
 *   not meet the demands
 */
export async function digestFile(
  fs: Fs,
  path: string,
  { isWorthReading, signal, ...demands }: DigestOptions,
): Promise<FileDigest> {
  const { handle: file, stat } = await openOwn(fs, path, { access: 'read' }, demands);
  try {
    if (!isWorthReading(stat.sizeBytes)) return { sizeBytes: stat.sizeBytes, sha256: '' };
    const hash = createHash('sha256');
    let sizeBytes = 0;
    signal?.throwIfAborted();
    for await (const piece of readPieces(file, stat.sizeBytes)) {
      hash.update(piece);
      sizeBytes += piece.length;
      signal?.throwIfAborted();
    }
    return { sizeBytes, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}

/** The text of a file or of its beginning; `undefined` when it is missing. */
export async function readText(
  fs: Fs,
  path: string,
  mostBytes: number = Number.MAX_SAFE_INTEGER,
): Promise<string | undefined> {
  try {
    const { handle: file, stat } = await openGiven(fs, path);
    try {
      const buffer = new Uint8Array(Math.min(stat.sizeBytes, mostBytes));
      const count = await readFully(file, buffer, 0);
      return new TextDecoder().decode(buffer.subarray(0, count));
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The text of a file of ours, and what its descriptor says of it. */
interface OwnText {
  readonly text: string;
  readonly stat: FileStat;
}

/**
 * The whole text of a file under a name of ours; `undefined` when it is missing. Whether it is to
 * be believed, its owner decides.
 *
 * @throws HoldfastError NAME_TAKEN for a symlink, FIFO, device or directory of its name;
 *   CORRUPT_DOCUMENT, before anything is read, for one that is larger than any of ours
 */
export async function readOwnText(
  fs: Fs,
  path: string,
  mostBytes: number,
): Promise<OwnText | undefined> {
  const opened = await openOwnIfThere(fs, path, { access: 'read' }, { owner: 'anyone' });
  if (!opened) return undefined;
  const { handle: file, stat } = opened;
  try {
    if (stat.sizeBytes > mostBytes) throw tooLarge(file.path, stat.sizeBytes, mostBytes);
    const buffer = new Uint8Array(stat.sizeBytes);
    const count = await readFully(file, buffer, 0);
    return { text: new TextDecoder().decode(buffer.subarray(0, count)), stat };
  } finally {
    await file.close();
  }
}

function tooLarge(path: string, sizeBytes: number, mostBytes: number): HoldfastError {
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message: `The file has ${sizeBytes} bytes, and what Holdfast writes under this name never has over ${mostBytes}. Look at it, and move it away.`,
    step: 'read',
    path,
  });
}

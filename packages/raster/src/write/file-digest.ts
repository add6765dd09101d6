/** Reads a file through, for its size and checksum. */
import { createHash } from 'node:crypto';
import type { Fs } from 'holdfast/os';

const READ_BYTES = 1024 * 1024;

/** What a file holds, in two facts. */
export interface FileDigest {
  readonly sizeBytes: number;
  /** SHA-256 of the file, in hexadecimal. */
  readonly sha256: string;
}

/** The size and checksum of a file. Errors of the system pass as they are. */
export async function digestFile(fs: Fs, path: string): Promise<FileDigest> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  await readPieces(fs, path, (piece) => {
    sizeBytes += piece.length;
    hash.update(piece);
  });
  return { sizeBytes, sha256: hash.digest('hex') };
}

/** Gives a file piece by piece; a piece is overwritten by the next one. */
export async function readPieces(
  fs: Fs,
  path: string,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  const file = await fs.open(path, { access: 'read' });
  try {
    const buffer = new Uint8Array(READ_BYTES);
    for (let offset = 0; ;) {
      const count = await file.read(buffer, offset);
      if (count === 0) return;
      take(buffer.subarray(0, count));
      offset += count;
    }
  } finally {
    await file.close();
  }
}

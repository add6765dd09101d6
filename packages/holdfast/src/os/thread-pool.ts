/**
 * Calls that may wait for the disk, on Node's thread pool; thread-pool.sync.ts has those of the
 * synchronous calls. Errors are Node's own.
 */
import * as nodeFs from 'node:fs';
import { promisify } from 'node:util';

/**
 * Reads and writes up to this size are made inline: copying them takes about as long as a hop
 * through the pool.
 */
const INLINE_BYTES = 64 * 1024;

/** What is made inline, and what on the thread pool. */
export interface ThreadPolicy {
  /** Reads and writes up to this size are made inline. */
  readonly inlineBytes: number;
  readonly syncsInline: boolean;
}

/** How the machine's own filesystem goes about it. */
export const usualPolicy: ThreadPolicy = { inlineBytes: INLINE_BYTES, syncsInline: false };

const readdir = promisify(nodeFs.readdir);
export const fsync: (fd: number) => Promise<void> = promisify(nodeFs.fsync);
export const fdatasync: (fd: number) => Promise<void> = promisify(nodeFs.fdatasync);
export const ftruncate: (fd: number, sizeBytes: number) => Promise<void> = promisify(
  nodeFs.ftruncate,
);

export async function readEntries(path: string): Promise<readonly nodeFs.Dirent[]> {
  return readdir(path, { withFileTypes: true });
}

/** How many bytes were read. */
export function read(fd: number, buffer: Uint8Array, offsetBytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    nodeFs.read(fd, buffer, 0, buffer.length, offsetBytes, settle(resolve, reject));
  });
}

/** How many bytes were taken. */
export function write(fd: number, data: Uint8Array, offsetBytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    nodeFs.write(fd, data, 0, data.length, offsetBytes, settle(resolve, reject));
  });
}

/** A callback that settles a promise with a count of bytes. */
function settle(
  resolve: (count: number) => void,
  reject: (error: unknown) => void,
): (error: unknown, count: number) => void {
  return (error, count) => {
    if (error) reject(error);
    else resolve(count);
  };
}

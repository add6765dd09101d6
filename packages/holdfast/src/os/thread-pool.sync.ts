/** thread-pool.ts for synchronous calls: every call is made on this thread. */
import * as nodeFs from 'node:fs';
import type { ThreadPolicy } from './thread-pool.js';

export const usualPolicy: ThreadPolicy = {
  inlineBytes: Number.POSITIVE_INFINITY,
  syncsInline: true,
};

export async function fsync(fd: number): Promise<void> {
  nodeFs.fsyncSync(fd);
}

export async function fdatasync(fd: number): Promise<void> {
  nodeFs.fdatasyncSync(fd);
}

export async function ftruncate(fd: number, sizeBytes: number): Promise<void> {
  nodeFs.ftruncateSync(fd, sizeBytes);
}

export async function readEntries(path: string): Promise<readonly nodeFs.Dirent[]> {
  return nodeFs.readdirSync(path, { withFileTypes: true });
}

export async function read(fd: number, buffer: Uint8Array, offsetBytes: number): Promise<number> {
  return nodeFs.readSync(fd, buffer, 0, buffer.length, offsetBytes);
}

export async function write(fd: number, data: Uint8Array, offsetBytes: number): Promise<number> {
  return nodeFs.writeSync(fd, data, 0, data.length, offsetBytes);
}

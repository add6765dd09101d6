/**
 * Keeps bytes of a log that are no record in files beside it, before they are taken out: durably,
 * and with the owner, mode and ACL of the log. The name of such a file ends in a checksum of its
 * bytes, so that work which dies half-way and is done again gives the same names.
 */
import { Buffer } from 'node:buffer';
import { replaceTarget } from '../file/replace-file.js';
import { followSymlinks } from '../os/follow-symlinks.js';
import { crypto } from '../os/lazy-modules.js';
import type { Fs, FsFile } from '../os/fs.js';
import { basename } from '../os/paths.js';
import { limitSetAside, type SetAsideLimits } from '../stage/set-aside.js';
import { readWhole } from './log-bytes.js';

/** Some of the bytes of a log. */
export interface Stretch {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** Where a piece is kept. */
export interface KeptAt {
  readonly keptAt: string;
  /** Where in that file it begins. */
  readonly keptOffsetBytes: number;
}

/** Whose bytes they are. */
export interface TornLog {
  readonly fs: Fs;
  /** Of the log, for messages and for the names. */
  readonly path: string;
  readonly file: FsFile;
  /** What stays of what was kept before. */
  readonly keepSetAside?: SetAsideLimits | undefined;
}

/** Of more pieces than these one file keeps all, one after the other: each file costs syncs. */
const MOST_FILES = 16;
const CHUNK_BYTES = 256 * 1024;
const CHECKSUM_DIGITS = 16;

/**
 * Keeps the pieces, each in a file of its own unless they are many. Where each is, in their order.
 */
export async function keepPieces(log: TornLog, pieces: readonly Stretch[]): Promise<KeptAt[]> {
  if (pieces.length === 0) return [];
  const places = pieces.length > MOST_FILES ? await keepTogether(log, pieces) : [];
  if (places.length === 0) {
    for (const piece of pieces) places.push(...(await keepTogether(log, [piece])));
  }
  await limitKept(log, places);
  return places;
}

async function keepTogether(log: TornLog, pieces: readonly Stretch[]): Promise<KeptAt[]> {
  const hash = crypto().createHash('sha256');
  for await (const bytes of bytesOf(log.file, pieces)) hash.update(bytes);
  const keptAt = `${log.path}.torn-${hash.digest('hex').slice(0, CHECKSUM_DIGITS)}`;
  const { path } = await followSymlinks(log.fs, log.path);
  const like = { path, existing: await log.file.stat() };
  // Whatever has the name is replaced, also a symlink that would lead the bytes elsewhere.
  const target = await followSymlinks(log.fs, keptAt, { follow: false });
  await replaceTarget(log.fs, target, bytesOf(log.file, pieces), { like });
  let keptOffsetBytes = 0;
  return pieces.map(({ sizeBytes }) => {
    const place = { keptAt, keptOffsetBytes };
    keptOffsetBytes += sizeBytes;
    return place;
  });
}

async function* bytesOf(file: FsFile, pieces: readonly Stretch[]): AsyncGenerator<Uint8Array> {
  for (const { offsetBytes, sizeBytes } of pieces) {
    for (let done = 0; done < sizeBytes; done += CHUNK_BYTES) {
      const bytes = Buffer.alloc(Math.min(CHUNK_BYTES, sizeBytes - done));
      await readWhole(file, bytes, offsetBytes + done);
      yield bytes;
    }
  }
}

async function limitKept(
  { fs, path, keepSetAside }: TornLog,
  places: readonly KeptAt[],
): Promise<void> {
  const beside = (await followSymlinks(fs, path, { follow: false })).path;
  const newest = [...new Set(places.map(({ keptAt }) => basename(keptAt)))];
  const prefix = `${basename(beside)}.torn-`;
  await limitSetAside(fs, { path: beside, prefix, newest }, keepSetAside);
}

/**
 * Removes the temporary files that dead processes left in a directory. The first write of a process
 * into a directory does so, which is often enough: a crash is followed by a new process. It is a
 * courtesy to the directory, never a reason for the write to fail: what cannot be read, locked or
 * removed stays. Where other machines may share the filesystem, their locks may not be seen here,
 * so nothing is taken for an orphan there.
 *
 * To read a large directory whole costs more than the write, so it is read in pieces: the first
 * write reads the beginning and a piece from anywhere, each one after it the next piece, until all
 * of it was read. On ext4 any number is a place in a directory, so many processes that write once
 * find all; elsewhere such a number lies beyond the end.
 */
import { filesystemOf } from '../os/filesystem.js';
import type { DirectoryEntry, Fs, FsDirectory } from '../os/fs.js';
import { closeQuietly, openCanonical } from '../os/handles.js';
import { isTemporaryName, targetMarkOf } from './names.js';
import { onlyCopies } from './only-copy.js';
import { removeIfOrphan } from './ownership.js';

/** Above this many directories the memory starts anew, and sweeps them once more. */
const MAX_REMEMBERED = 4096;
const sweeps = new WeakMap<Fs, Map<string, Sweep>>();

/** Sweeps what this process has not yet swept of the directory, or a piece of that. */
export async function sweepNext(fs: Fs, directory: string): Promise<void> {
  const ofFs = sweeps.get(fs) ?? new Map<string, Sweep>();
  sweeps.set(fs, ofFs);
  if (!ofFs.has(directory) && ofFs.size >= MAX_REMEMBERED) ofFs.clear();
  const sweep = ofFs.get(directory) ?? new Sweep();
  ofFs.set(directory, sweep);
  if (!sweep.isDone) await inLocal(fs, directory, (inside) => sweep.goOn(fs, inside));
}

/**
 * Removes the orphaned temporary files of a directory, and resolves to the paths that it removed.
 */
export async function sweepTemporaryFiles(fs: Fs, directory: string): Promise<readonly string[]> {
  let removed: readonly string[] = [];
  await inLocal(fs, directory, async (inside) => {
    removed = await sweepAll(fs, inside, await fs.readDirectory(inside.at('.')));
  });
  return removed.map((name) => `${directory}/${name}`);
}

/** How far this process has come in a directory. */
class Sweep {
  /** One call at a time reads; others need not wait for it, nor when all was read. */
  isDone = false;
  /** Where the first of the pieces from anywhere began; `undefined` before. */
  #start: bigint | undefined;
  #place = 0n;
  #hasBegunAnew = false;

  async goOn(fs: Fs, inside: FsDirectory): Promise<void> {
    this.isDone = true;
    if (inside.readSome === undefined) {
      await sweepAll(fs, inside, await fs.readDirectory(inside.at('.')));
    } else if (this.#start === undefined) {
      const { entries, next } = await inside.readSome(0n);
      if (next === undefined) {
        await sweepAll(fs, inside, entries);
        return;
      }
      await sweepPiece(fs, inside, entries);
      this.#start = somePlace();
      this.#place = this.#start;
      await this.#readNext(fs, inside, this.#start);
    } else await this.#readNext(fs, inside, this.#start);
  }

  async #readNext(fs: Fs, inside: FsDirectory, start: bigint): Promise<void> {
    const { entries = [], next } = (await inside.readSome?.(this.#place)) ?? {};
    await sweepPiece(fs, inside, entries);
    const isAtEnd = next === undefined;
    if (this.#hasBegunAnew && (isAtEnd || next >= start)) return;
    this.#hasBegunAnew ||= isAtEnd;
    this.#place = next ?? 0n;
    this.isDone = false;
  }
}

/** Places are numbers of 63 bits (getdents64(2), d_off). */
function somePlace(): bigint {
  return BigInt(Math.floor(Math.random() * 2 ** 53)) << 10n;
}

/** Opens a directory that no other machine reaches. Whatever fails is left for another time. */
async function inLocal(
  fs: Fs,
  directory: string,
  use: (inside: FsDirectory) => Promise<void>,
): Promise<void> {
  try {
    if (!(await filesystemOf(fs, directory)).isLocal) return;
    const inside = await openCanonical(fs, directory);
    try {
      await use(inside);
    } finally {
      await closeQuietly(inside);
    }
  } catch {
    // As above.
  }
}

/** @param entries - all of the directory */
function sweepAll(
  fs: Fs,
  inside: FsDirectory,
  entries: readonly DirectoryEntry[],
): Promise<readonly string[]> {
  const kept = onlyCopies(entries.map(({ name }) => name));
  return removeOrphans(
    fs,
    inside,
    entries.filter(({ name }) => !kept.has(name)),
  );
}

/** Whether what a marked file was to replace is there, a piece does not tell. */
function sweepPiece(
  fs: Fs,
  inside: FsDirectory,
  entries: readonly DirectoryEntry[],
): Promise<readonly string[]> {
  const unmarked = entries.filter(({ name }) => targetMarkOf(name) === undefined);
  return removeOrphans(fs, inside, unmarked);
}

async function removeOrphans(
  fs: Fs,
  inside: FsDirectory,
  entries: readonly DirectoryEntry[],
): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const { name, kind } of entries) {
    if (!isTemporaryName(name) || !['file', 'unknown'].includes(kind)) continue;
    if (await removeIfOrphan(fs, inside, name).catch(() => false)) removed.push(name);
  }
  return removed;
}

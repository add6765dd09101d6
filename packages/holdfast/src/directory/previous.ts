/**
 * Replaced trees that are kept: `<name>.previous-<n>` beside the target, the highest n being the latest.
 *
 * 1. rename the old tree from the stage's name to the next number
 * 2. lock those beyond the number to keep, and rename them to names of staged directories
 * 3. sync the parent
 * 4. remove those
 *
 * A crash leaves every tree whole, under a number or as an orphan; at most one more than asked for is kept.
 */
import { errnoOf } from '../errors.js';
import type { Fs, FsDirectory } from '../os/fs.js';
import { closeQuietly } from '../os/close-quietly.js';
import { join } from '../os/paths.js';
import {
  ownDirectory,
  stagedDirectoryName,
  type OwnedDirectory,
} from '../stage/staged-directory.js';
import { stepFailed } from './directory-error.js';
import { removeTree, syncDirectory } from './tree.js';

const INFIX = '.previous-';

/** The target that the trees are previous to. */
export interface Place {
  readonly parent: string;
  readonly name: string;
}

/** Keeps the old tree and removes the oldest beyond the number to keep. Gives the path of the old tree. */
export async function keepAsPrevious(
  fs: Fs,
  place: Place,
  oldPath: string,
  parent: FsDirectory,
  keepCount: number,
): Promise<string> {
  try {
    const path = await moveToNextNumber(fs, place, oldPath);
    await removeTooMany(fs, place, parent, keepCount);
    return path;
  } catch (error) {
    throw stepFailed(error, 'retire', oldPath, 'committed');
  }
}

/** Steps 2 to 4. */
export async function removeTooMany(
  fs: Fs,
  place: Place,
  parent: FsDirectory,
  keepCount: number,
): Promise<void> {
  const tooMany = (await numbersOf(fs, place)).slice(0, -keepCount);
  const orphans = await Promise.all(tooMany.map((each) => orphan(fs, place, each)));
  await parent.sync();
  for (const each of orphans) if (each) await removeOwned(fs, each);
}

/** The numbers of the trees that are kept now, ascending. */
async function numbersOf(fs: Fs, place: Place): Promise<readonly number[]> {
  const prefix = `${place.name}${INFIX}`;
  const entries = await fs.readDirectory(place.parent);
  return entries
    .filter(({ name, kind }) => name.startsWith(prefix) && kind === 'directory')
    .map(({ name }) => name.slice(prefix.length))
    .filter((digits) => /^[1-9]\d{0,14}$/u.test(digits))
    .map(Number)
    .toSorted((a, b) => a - b);
}

/** Moves an old tree to the next number, and gives its path there. */
async function moveToNextNumber(fs: Fs, place: Place, oldPath: string): Promise<string> {
  const latest = (await numbersOf(fs, place)).at(-1) ?? 0;
  for (let number = latest + 1; ; number += 1) {
    const path = pathOf(place, number);
    try {
      await fs.rename(oldPath, path);
      return path;
    } catch (error) {
      // Two publishers that retire at once may want the same number: the kernel gives it to one.
      if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(errnoOf(error) ?? '')) throw error;
    }
  }
}

/** Keeps an old tree whose publisher died before it could. Gives its path. */
export async function keepOrphan(fs: Fs, place: Place, oldPath: string): Promise<string> {
  const path = await moveToNextNumber(fs, place, oldPath);
  await syncDirectory(fs, place.parent);
  return path;
}

/** Makes an orphan of a kept tree, so that no crash leaves a part of it under its number. */
async function orphan(fs: Fs, place: Place, number: number): Promise<OwnedDirectory | undefined> {
  const owned = await ownDirectory(fs, pathOf(place, number));
  if (!owned) return undefined;
  const path = join(place.parent, stagedDirectoryName(place.name));
  await fs.rename(owned.path, path);
  return { ...owned, path };
}

async function removeOwned(fs: Fs, owned: OwnedDirectory): Promise<void> {
  try {
    await removeTree(fs, owned.path);
  } finally {
    await closeQuietly(owned.handle);
  }
}

function pathOf(place: Place, number: number): string {
  return join(place.parent, `${place.name}${INFIX}${number}`);
}

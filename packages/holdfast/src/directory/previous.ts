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
import { join } from 'node:path';
import { errnoOf } from '../errors.js';
import type { Fs, FsDirectory } from '../os/fs.js';
import {
  ownDirectory,
  stagedDirectoryName,
  type OwnedDirectory,
} from '../stage/staged-directory.js';
import { stepFailed } from './directory-error.js';
import type { DirectoryTarget } from './directory-target.js';
import { removeTree } from './tree.js';

const INFIX = '.previous-';

/** Keeps the old tree and removes the oldest beyond the number to keep. Gives the path of the old tree. */
export async function keepAsPrevious(
  fs: Fs,
  target: DirectoryTarget,
  oldPath: string,
  parent: FsDirectory,
  keepCount: number,
): Promise<string> {
  try {
    const kept = await numbersOf(fs, target);
    const number = await renameToNext(fs, target, oldPath, (kept.at(-1) ?? 0) + 1);
    const tooMany = [...kept, number].slice(0, -keepCount);
    const orphans = await Promise.all(tooMany.map((each) => orphan(fs, target, each)));
    await parent.sync();
    for (const each of orphans) if (each) await removeOwned(fs, each);
    return pathOf(target, number);
  } catch (error) {
    throw stepFailed(error, 'retire', target.path, 'committed');
  }
}

/** The numbers of the trees that are kept now, ascending. */
async function numbersOf(fs: Fs, target: DirectoryTarget): Promise<readonly number[]> {
  const prefix = `${target.name}${INFIX}`;
  const entries = await fs.readDirectory(target.parent);
  return entries
    .filter(({ name, kind }) => name.startsWith(prefix) && kind === 'directory')
    .map(({ name }) => name.slice(prefix.length))
    .filter((digits) => /^[1-9]\d{0,14}$/u.test(digits))
    .map(Number)
    .toSorted((a, b) => a - b);
}

/** Two publishers that retire at once may want the same number: the kernel gives it to one. */
async function renameToNext(
  fs: Fs,
  target: DirectoryTarget,
  oldPath: string,
  first: number,
): Promise<number> {
  for (let number = first; ; number += 1) {
    try {
      await fs.rename(oldPath, pathOf(target, number));
      return number;
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(errnoOf(error) ?? '')) throw error;
    }
  }
}

/** Makes an orphan of a kept tree, so that no crash leaves a part of it under its number. */
async function orphan(
  fs: Fs,
  target: DirectoryTarget,
  number: number,
): Promise<OwnedDirectory | undefined> {
  const owned = await ownDirectory(fs, pathOf(target, number));
  if (!owned) return undefined;
  const path = join(target.parent, stagedDirectoryName(target.name));
  await fs.rename(owned.path, path);
  return { ...owned, path };
}

async function removeOwned(fs: Fs, owned: OwnedDirectory): Promise<void> {
  try {
    await removeTree(fs, owned.path);
  } finally {
    await owned.handle.close();
  }
}

function pathOf(target: DirectoryTarget, number: number): string {
  return join(target.parent, `${target.name}${INFIX}${number}`);
}

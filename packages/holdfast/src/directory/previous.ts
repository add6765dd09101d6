/**
 * Replaced trees that are kept: `<name>.previous-<n>` beside the target, the highest n being the
 * latest.
 *
 * 1. rename the old tree from the stage's name to the next number
 * 2. lock those beyond the number to keep, and rename them to names of staged directories
 * 3. sync the parent
 * 4. remove those
 *
 * Only trees of this user, or of the owner of the target, are counted and removed: who may make
 * names here could number one of their own.
 *
 * A crash leaves every tree whole, under a number or as an orphan; at most one more than asked for
 * is kept.
 */
import { errnoOf } from '../errors.js';
import type { Fs, FsDirectory } from '../os/fs.js';
import { lookAt, pathIn } from '../os/handles.js';
import { isOurWork } from '../os/owner.js';
import { basename } from '../os/paths.js';
import { removeOpenTree, type ChildName } from '../os/tree.js';
import { numbersBelow, previousName } from '../stage/previous-names.js';
import {
  disown,
  ownDirectory,
  stagedDirectoryName,
  type OwnedDirectory,
} from '../stage/staged-directory.js';
import { stepFailed } from './directory-error.js';

/**
 * Keeps the old tree and removes the oldest beyond the number to keep. Gives the path of the old
 * tree.
 */
export async function keepAsPrevious(
  fs: Fs,
  target: ChildName,
  oldName: string,
  keepCount: number,
): Promise<string> {
  try {
    const path = await moveToNextNumber(fs, target, oldName);
    await removeTooMany(fs, target, keepCount);
    return path;
  } catch (error) {
    throw stepFailed(error, 'retire', pathIn(target.parent, oldName), 'committed');
  }
}

/** Steps 2 to 4. */
export async function removeTooMany(fs: Fs, target: ChildName, keepCount: number): Promise<void> {
  const { parent } = target;
  const tooMany = (await numbersOf(fs, target)).slice(0, -keepCount);
  const orphans = await Promise.all(tooMany.map((each) => orphan(fs, target, each)));
  await parent.sync();
  for (const each of orphans) if (each) await removeOwned(fs, each, parent);
}

/** The numbers of the trees of ours that are kept now, ascending. */
async function numbersOf(fs: Fs, target: ChildName): Promise<readonly number[]> {
  const { parent } = target;
  const numbers = await numbersBelow(fs, parent, target.name, ['directory']);
  if (numbers.length === 0) return [];
  const directory = await parent.stat();
  const current = await lookAt(fs, parent.at(target.name));
  const ours: number[] = [];
  for (const number of numbers) {
    const path = parent.at(nameOf(target, number));
    const stat = await lookAt(fs, path);
    if (stat && (await isOurWork(fs, path, stat, { directory, target: current })))
      ours.push(number);
  }
  return ours;
}

/** Moves an old tree to the next number, and gives its path there. */
async function moveToNextNumber(fs: Fs, target: ChildName, oldName: string): Promise<string> {
  const { parent } = target;
  const latest = (await numbersOf(fs, target)).at(-1) ?? 0;
  for (let number = latest + 1; ; number += 1) {
    const name = nameOf(target, number);
    try {
      await fs.rename(parent.at(oldName), parent.at(name));
      return pathIn(parent, name);
    } catch (error) {
      // Two publishers that retire at once may want the same number: the kernel gives it to one.
      if (!(await isNumberTaken(fs, parent.at(name), error))) throw error;
    }
  }
}

/**
 * In a sticky directory the kernel says of another user's tree only that it may not be replaced.
 */
async function isNumberTaken(fs: Fs, path: string, error: unknown): Promise<boolean> {
  const code = errnoOf(error) ?? '';
  if (['EPERM', 'EACCES'].includes(code)) return (await lookAt(fs, path)) !== undefined;
  return ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(code);
}

/** Keeps an old tree whose publisher died before it could. Gives its path. */
export async function keepOrphan(fs: Fs, target: ChildName, oldName: string): Promise<string> {
  const path = await moveToNextNumber(fs, target, oldName);
  await target.parent.sync();
  return path;
}

/** Makes an orphan of a kept tree, so that no crash leaves a part of it under its number. */
async function orphan(
  fs: Fs,
  target: ChildName,
  number: number,
): Promise<OwnedDirectory | undefined> {
  const { parent } = target;
  const name = nameOf(target, number);
  const current = await lookAt(fs, parent.at(target.name));
  const owned = await ownDirectory(fs, parent, name, current);
  if (!owned) return undefined;
  const stagedName = stagedDirectoryName(target.name);
  try {
    await fs.rename(parent.at(name), parent.at(stagedName));
    return { ...owned, path: pathIn(parent, stagedName) };
  } catch (error) {
    await disown(fs, owned);
    // Another machine, to which its lock says nothing, was faster.
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function removeOwned(fs: Fs, owned: OwnedDirectory, parent: FsDirectory): Promise<void> {
  try {
    await removeOpenTree(fs, owned.stat, { parent, name: basename(owned.path) });
  } finally {
    await disown(fs, owned);
  }
}

function nameOf(target: ChildName, number: number): string {
  return previousName(target.name, number);
}

/**
 * Rolls a journal forward: brings what it says to its one right end, however often it was begun before.
 *
 * 1. look at every move: is the thing still where it was staged, or has it moved?
 * 2. make the moves that were not made: rename onto a file or a free name, exchange with a directory
 * 3. sync every directory that a name moved out of or into
 * 4. remove the journal, sync the root
 * 5. discard what was replaced or removed
 *
 * What is to be discarded is not touched before the journal is gone for good. So while a journal exists, every inode
 * that it names is in use, no new file can get its number, and "the thing with this inode is no longer at `from`" proves
 * that its move was made. A crash anywhere in 1 to 4 leaves a journal, and rolling it forward again does the rest; a
 * crash in 5 leaves orphans, which are swept.
 *
 * Another program may have put something else at a destination meanwhile. A file that is replaced by a file is replaced,
 * as a rename would; anything else in the way is set aside under the name `displaced-<id>`, never destroyed.
 */
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { errnoOf } from '../errors.js';
import type { FileStat, Fs } from '../os/fs.js';
import { lookAt } from './inode.js';
import { below, journalPathOf, refusal, removeJournal, syncDirectory } from './journal-file.js';
import type { ChangeKind, Journal, Move } from './journal.js';

/**
 * - `pending`: the move is not made yet (only a dry run says so in the end).
 * - `made`: this call made it.
 * - `alreadyMade`: it had been made before.
 * - `superseded`: what was to move is neither at its old nor at its new name; another program has taken over.
 */
export type ChangeState = 'pending' | 'made' | 'alreadyMade' | 'superseded';

/** What became of one change. */
export interface ChangeReport {
  readonly kind: ChangeKind;
  /** The path that was changed; of a rename, the new one. */
  readonly path: string;
  readonly state: ChangeState;
  /** Where something was put that another program had left in the way. */
  readonly displacedTo?: string;
}

/** Something that a commit has replaced or removed, and that is to be discarded. */
export interface Discard {
  readonly path: string;
  readonly inode: bigint;
}

/**
 * Does steps 2 to 4. The caller holds the journal's lock and has looked at the moves. What a system call throws passes
 * as it is; the journal stays then, and the next call under the root tries again.
 */
export async function rollForward(
  fs: Fs,
  root: string,
  journal: Journal,
): Promise<readonly ChangeReport[]> {
  const reports: ChangeReport[] = [];
  for (const move of journal.moves) reports.push(await makeMove(fs, root, move));
  await syncDirectories(fs, directoriesOf(root, journal), 'committed');
  await removeJournal(fs, root);
  return reports;
}

/** Whether a move cannot be taken back: the file that it replaces is gone with it. */
export function isFinal(move: Move): boolean {
  return replacesFile(move) && move.before !== null;
}

/**
 * Takes back the moves that were made, the last one first, and removes the journal. Tells whether all is as it was; if
 * not, the journal is still there to be rolled forward. The caller holds all the locks, so nobody has seen anything.
 */
export async function takeBack(fs: Fs, root: string, journal: Journal): Promise<boolean> {
  try {
    const made: Move[] = [];
    for (const move of journal.moves) {
      const state = await stateOf(fs, root, move);
      if (state === 'superseded' || (state === 'alreadyMade' && isFinal(move))) return false;
      if (state === 'alreadyMade') made.unshift(move);
    }
    for (const move of made) await takeBackMove(fs, root, move);
    await syncDirectories(fs, directoriesOf(root, journal), 'committed');
    await removeJournal(fs, root);
    return true;
  } catch {
    return false;
  }
}

async function takeBackMove(fs: Fs, root: string, move: Move): Promise<void> {
  const from = below(root, move.from);
  const to = below(root, move.to);
  if (isThing(await lookAt(fs, from), move.before)) return fs.exchange(from, to);
  await fs.rename(to, from);
  if (move.trash !== null) await fs.rename(below(root, move.trash), to);
}

/**
 * Step 1: where every move stands.
 *
 * @throws HoldfastError DAMAGED_JOURNAL when a staged thing was destroyed, or a symlink leads a move out of the root
 */
export async function lookAtMoves(
  fs: Fs,
  root: string,
  journal: Journal,
): Promise<readonly ChangeReport[]> {
  const reports: ChangeReport[] = [];
  for (const move of journal.moves) {
    await checkInside(fs, root, move);
    reports.push({
      kind: move.kind,
      path: pathOf(root, move),
      state: await stateOf(fs, root, move),
    });
  }
  return reports;
}

/** What a journal leaves to be discarded once it is gone. */
export function discardsOf(root: string, journal: Journal): readonly Discard[] {
  return journal.moves.flatMap((move) => {
    if (move.kind === 'remove') return [{ path: below(root, move.to), inode: move.inode }];
    if (move.trash === null || move.before === null) return [];
    // An exchange left the old directory where the new one was staged; two renames left it in the trash.
    const inode = move.before;
    return [move.from, move.trash].map((name) => ({ path: below(root, name), inode }));
  });
}

async function makeMove(fs: Fs, root: string, move: Move): Promise<ChangeReport> {
  const from = below(root, move.from);
  const to = below(root, move.to);
  const report = { kind: move.kind, path: pathOf(root, move) };
  if (!isThing(await lookAt(fs, from), move.inode)) {
    return { ...report, state: await stateOf(fs, root, move) };
  }
  const occupant = await lookAt(fs, to);
  if (move.trash !== null && isThing(occupant, move.before)) {
    await swap(fs, from, to, below(root, move.trash));
    return { ...report, state: 'made' };
  }
  const displacedTo = isInTheWay(move, occupant) ? await setAside(fs, to) : undefined;
  await fs.rename(from, to);
  return displacedTo === undefined
    ? { ...report, state: 'made' }
    : { ...report, state: 'made', displacedTo };
}

/** Puts a directory in the place of another; in one step where the filesystem can, in two that a journal makes safe. */
async function swap(fs: Fs, from: string, to: string, trash: string): Promise<void> {
  try {
    await fs.exchange(from, to);
  } catch (error) {
    if (!['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(errnoOf(error) ?? '')) throw error;
    await fs.rename(to, trash);
    await fs.rename(from, to);
  }
}

/** Whether what is at the destination is something that the rename must not, or cannot, replace. */
function isInTheWay(move: Move, occupant: FileStat | undefined): boolean {
  if (occupant === undefined) return false;
  return !replacesFile(move) || occupant.kind === 'directory';
}

function replacesFile(move: Move): boolean {
  return move.kind === 'replaceFile' || move.kind === 'updateJson';
}

async function setAside(fs: Fs, path: string): Promise<string> {
  const aside = below(dirname(path), `displaced-${randomBytes(6).toString('hex')}`);
  await fs.rename(path, aside);
  return aside;
}

/** Where a move stands, by what is at its two names. */
async function stateOf(fs: Fs, root: string, move: Move): Promise<ChangeState> {
  if (isThing(await lookAt(fs, below(root, move.from)), move.inode)) return 'pending';
  const destination = await lookAt(fs, below(root, move.to));
  if (isThing(destination, move.inode)) return 'alreadyMade';
  if (move.before !== null && isThing(destination, move.before)) {
    throw refusal(
      journalPathOf(root),
      `what was staged for ${below(root, move.to)} has been deleted before it was published`,
    );
  }
  return 'superseded';
}

/** A symlink that another program put in place of a directory must not lead a recovery out of its root. */
async function checkInside(fs: Fs, root: string, move: Move): Promise<void> {
  for (const directory of new Set([move.from, move.to].map((path) => dirname(below(root, path))))) {
    if ((await lookAt(fs, directory)) === undefined) continue;
    if ((await fs.realpath(directory)) === directory) continue;
    throw refusal(journalPathOf(root), `a symlink now leads ${directory} elsewhere`);
  }
}

/** Syncs several directories side by side. */
export async function syncDirectories(
  fs: Fs,
  directories: ReadonlySet<string>,
  outcome: 'unchanged' | 'committed',
): Promise<void> {
  await Promise.all([...directories].map((path) => syncDirectory(fs, path, outcome)));
}

function directoriesOf(root: string, journal: Journal): ReadonlySet<string> {
  return new Set(
    journal.moves.flatMap(({ from, to }) => [dirname(below(root, from)), dirname(below(root, to))]),
  );
}

/** What the caller named. */
function pathOf(root: string, move: Move): string {
  return below(root, move.kind === 'remove' ? move.from : move.to);
}

function isThing(stat: FileStat | undefined, inode: bigint | null): boolean {
  return stat !== undefined && stat.ino === inode;
}

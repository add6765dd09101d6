/**
 * Rolls a journal forward: brings what it says to its one right end, however often it was begun before.
 *
 * 1. look at every move: is the thing still where it was staged, or has it moved?
 * 2. make the moves that were not made: exchange with what is to be replaced, or rename onto a free name
 * 3. sync every directory that a name moved out of or into
 * 4. remove the journal, sync the root
 * 5. discard what was replaced or removed
 *
 * What is replaced or removed gets another name, and is not discarded before the journal is gone for good. So while a
 * journal exists, every inode that it names is in use, no new file can get its number, and "the thing with this inode is
 * no longer at `from`" proves that its move was made. A crash anywhere in 1 to 4 leaves a journal, and rolling it forward again does the rest; a
 * crash in 5 leaves orphans, which are swept.
 *
 * A file that goes to another directory gets its new name first, and loses the old one when the new one is durable: names
 * of two directories reach the disk one by one, and a file that is under neither is lost. A crash in between leaves it
 * under both, and then only the old name is taken away. A directory cannot have two names; there one rename has to do,
 * which a filesystem with a journal does as one change.
 *
 * Another program may have put something else at a destination meanwhile. A file that is replaced by a file is replaced,
 * as a rename would; anything else in the way is set aside under the name `displaced-<id>`, never destroyed.
 */
import { errnoOf, type Outcome } from '../errors.js';
import { crypto } from '../os/lazy-modules.js';
import type { FileStat, Fs } from '../os/fs.js';
import { dirname } from '../os/paths.js';
import { lookAt } from '../os/look-at.js';
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
  /** Where it was. */
  readonly was: string;
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

/**
 * Takes back the moves that were made, the last one first, and removes the journal. Gives what is then on disk: with
 * `committed` the journal is still there to be rolled forward, with `unknown` a power loss may bring it back. The caller
 * holds all the locks, so nobody has seen anything.
 */
export async function takeBack(fs: Fs, root: string, journal: Journal): Promise<Outcome> {
  let outcome: Outcome = 'committed';
  try {
    for (const move of journal.moves) if (!(await canTakeBack(fs, root, move))) return outcome;
    for (const move of journal.moves.toReversed()) await takeBackMove(fs, root, move);
    await syncDirectories(fs, directoriesOf(root, journal), 'committed');
    await fs.unlink(journalPathOf(root));
    outcome = 'unknown';
    await syncDirectory(fs, root, outcome);
    return 'unchanged';
  } catch {
    return outcome;
  }
}

/** What a move has replaced must still be there, under one of its two names. */
async function canTakeBack(fs: Fs, root: string, move: Move): Promise<boolean> {
  const state = await stateOf(fs, root, move);
  if (state !== 'alreadyMade' || move.before === null) return state !== 'superseded';
  return (await hasThing(fs, root, move.from, move.before)) || isInTrash(fs, root, move);
}

async function takeBackMove(fs: Fs, root: string, move: Move): Promise<void> {
  const from = below(root, move.from);
  const to = below(root, move.to);
  if (await hasThing(fs, root, move.from, move.before)) await fs.exchange(from, to);
  else if (await hasThing(fs, root, move.to, move.inode)) await relocate(fs, to, from);
  if (!(await isInTrash(fs, root, move))) return;
  const trash = below(root, move.trash as string);
  // The old file never lost its name, and this is its second one. A file that is open on Windows keeps it, to be swept.
  if (await hasThing(fs, root, move.to, move.before))
    return fs.unlink(trash).catch(() => undefined);
  // Were this name to persist without the one before, nothing would lead to what the journal speaks of.
  await syncDirectory(fs, dirname(to), 'committed');
  await fs.rename(trash, to);
}

async function isInTrash(fs: Fs, root: string, move: Move): Promise<boolean> {
  return move.trash !== null && hasThing(fs, root, move.trash, move.before);
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
    const was = pathOf(root, move);
    if (move.kind === 'remove') return [{ path: below(root, move.to), inode: move.inode, was }];
    if (move.trash === null || move.before === null) return [];
    // An exchange left the old thing where the new one was staged; where there is no exchange it is in the trash.
    const inode = move.before;
    return [move.from, move.trash].map((name) => ({ path: below(root, name), inode, was }));
  });
}

async function makeMove(fs: Fs, root: string, move: Move): Promise<ChangeReport> {
  const from = below(root, move.from);
  const to = below(root, move.to);
  const report = { kind: move.kind, path: pathOf(root, move) };
  const state = await stateOf(fs, root, move);
  if (state !== 'pending') return { ...report, state };
  const occupant = await lookAt(fs, to);
  if (move.trash !== null && isThing(occupant, move.before)) {
    await swap(fs, move, from, to, below(root, move.trash));
    return { ...report, state: 'made' };
  }
  const displacedTo = isInTheWay(move, occupant) ? await setAside(fs, to) : undefined;
  await relocate(fs, from, to);
  return displacedTo === undefined
    ? { ...report, state: 'made' }
    : { ...report, state: 'made', displacedTo };
}

/** Gives a thing another name, which nothing has but perhaps the thing itself, from a time when this was begun before. */
async function relocate(fs: Fs, from: string, to: string): Promise<void> {
  if (!(await hasSecondName(fs, from, to))) return fs.rename(from, to);
  if (dirname(from) !== dirname(to)) await syncDirectory(fs, dirname(to), 'committed');
  await fs.unlink(from);
}

/** Whether a thing has the second name now: where the names are of two directories, a file is given it. */
async function hasSecondName(fs: Fs, name: string, second: string): Promise<boolean> {
  const { ino, kind } = await fs.lstat(name);
  if (isThing(await lookAt(fs, second), ino)) return true;
  if (kind !== 'file' || dirname(name) === dirname(second)) return false;
  try {
    await fs.link(name, second);
    return true;
  } catch (error) {
    if (noSecondName.includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
}

const cannotCall: readonly string[] = ['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'];
/** FAT has no second names; a file of another user may be given none (proc_sys_fs(5)), nor one that has too many. */
const noSecondName: readonly string[] = [...cannotCall, 'EPERM', 'EMLINK'];

/**
 * Puts one thing in the place of another and keeps the other: an exchange, or where the filesystem has none, a second
 * name for a file that is replaced, and two renames for a directory, which only the journal makes safe.
 */
async function swap(fs: Fs, move: Move, from: string, to: string, trash: string): Promise<void> {
  try {
    await fs.exchange(from, to);
  } catch (error) {
    if (!cannotCall.includes(errnoOf(error) ?? '')) throw error;
    // A filesystem without second names (FAT) loses the old file here, and with it the way back.
    if (replacesFile(move)) await fs.link(to, trash).catch(() => undefined);
    else await fs.rename(to, trash);
    await fs.rename(from, to);
  }
}

/** Whether what is at the destination is something that the rename must not, or cannot, replace. */
function isInTheWay(move: Move, occupant: FileStat | undefined): boolean {
  if (occupant === undefined || occupant.ino === move.inode) return false;
  return !replacesFile(move) || occupant.kind === 'directory';
}

function replacesFile(move: Move): boolean {
  return move.kind === 'replaceFile' || move.kind === 'updateJson';
}

async function setAside(fs: Fs, path: string): Promise<string> {
  const aside = below(dirname(path), `displaced-${crypto().randomBytes(6).toString('hex')}`);
  await fs.rename(path, aside);
  return aside;
}

/** Where a move stands, by what is at its two names. */
async function stateOf(fs: Fs, root: string, move: Move): Promise<ChangeState> {
  if (await hasThing(fs, root, move.from, move.inode)) return 'pending';
  if (await hasThing(fs, root, move.to, move.inode)) return 'alreadyMade';
  if (!(await hasThing(fs, root, move.to, move.before))) return 'superseded';
  throw refusal(
    journalPathOf(root),
    `what was staged for ${below(root, move.to)} has been deleted before it was published`,
  );
}

async function hasThing(
  fs: Fs,
  root: string,
  relative: string,
  inode: bigint | null,
): Promise<boolean> {
  return isThing(await lookAt(fs, below(root, relative)), inode);
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

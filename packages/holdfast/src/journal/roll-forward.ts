/**
 * Rolls a journal forward: brings what it says to its one right end, however often it was begun
 * before.
 *
 * 1. look at every move: is the thing still where it was staged, or has it moved?
 * 2. make the moves that were not made: exchange with what is to be replaced, or rename onto a free
 *    name
 * 3. sync every directory that a name moved out of or into
 * 4. remove the journal, sync the root
 * 5. discard what was replaced or removed
 *
 * What is replaced or removed gets another name, and is not discarded before the journal is gone
 * for good. So while a journal exists, every inode that it names is in use, no new file can get its
 * number, and "the thing with this inode is no longer at `from`" proves that its move was made. A
 * crash anywhere in 1 to 4 leaves a journal, and rolling it forward again does the rest; a crash in
 * 5 leaves orphans, which are swept.
 *
 * A file that goes to another directory gets its new name first, and loses the old one when the new
 * one is durable: names of two directories reach the disk one by one, and a file that is under
 * neither is lost. A crash in between leaves it under both, and then only the old name is taken
 * away. A directory cannot have two names; there one rename has to do, which a filesystem with a
 * journal does as one change.
 *
 * Every name is reached through its directory's descriptor (open-root.ts), so none of this leaves
 * the root.
 *
 * Another program may have put something else at a destination meanwhile. A file that is replaced
 * by a file is replaced, as a rename would; anything else in the way is set aside under the name
 * `displaced-<id>`, never destroyed.
 */
import { errnoOf, type Outcome } from '../errors.js';
import { crypto } from '../os/lazy-modules.js';
import type { FileStat, Fs } from '../os/fs.js';
import { filesystemOf } from '../os/filesystem.js';
import { othersMayRename, userOf } from '../os/owner.js';
import { dirname, join } from '../os/paths.js';
import {
  JOURNAL_NAME,
  below,
  directoryNotSynced,
  journalPathOf,
  refusal,
  removeJournal,
  syncDirectory,
} from './journal-file.js';
import type { ChangeKind, Journal, Move } from './journal.js';
import { OpenRoot } from './open-root.js';

/**
 * - `pending`: the move is not made yet (only a dry run says so in the end).
 * - `made`: this call made it.
 * - `alreadyMade`: it had been made before.
 * - `superseded`: what was to move is neither at its old nor at its new name; another program has
 *   taken over.
 */
export type ChangeState = 'pending' | 'made' | 'alreadyMade' | 'superseded';

/** What became of one change. */
export interface ChangeReport {
  readonly kind: ChangeKind;
  /** The path that was changed; of a rename, the new one. */
  readonly path: string;
  readonly state: ChangeState;
  /** Where something was put that another program had left in the way. */
  readonly displacedTo?: string | undefined;
}

/** Something that a commit has replaced or removed, and that is to be discarded. */
export interface Discard {
  readonly path: string;
  readonly inode: bigint;
  /**
   * The name was drawn for the second name of a file that is replaced, which on some filesystems
   * (sshfs, mergerfs) has an inode number of its own: a file there is that one, whatever its
   * number.
   */
  readonly isByName: boolean;
  /** Where it was. */
  readonly was: string;
}

/**
 * Does steps 2 to 4. The caller holds the journal's lock and has looked at the moves. What a system
 * call throws passes as it is; the journal stays then, and the next call under the root tries
 * again.
 */
export function rollForward(
  fs: Fs,
  path: string,
  journal: Journal,
): Promise<readonly ChangeReport[]> {
  return OpenRoot.use(fs, path, async (root) => {
    const reports: ChangeReport[] = [];
    for (const move of journal.moves) reports.push(await makeMove(root, move));
    await syncAll(root, journal);
    await removeJournal(fs, root.handle);
    return reports;
  });
}

/**
 * Takes back the moves that were made, the last one first, and removes the journal. Gives what is
 * then on disk: with `committed` the journal is still there to be rolled forward, with `unknown` a
 * power loss may bring it back. The caller holds all the locks, so nobody has seen anything.
 */
export async function takeBack(fs: Fs, path: string, journal: Journal): Promise<Outcome> {
  let outcome: Outcome = 'committed';
  try {
    await OpenRoot.use(fs, path, async (root) => {
      for (const move of journal.moves) if (!(await canTakeBack(root, move))) return;
      for (const move of journal.moves.toReversed()) await takeBackMove(root, move);
      await syncAll(root, journal);
      await fs.unlink(root.handle.at(JOURNAL_NAME));
      outcome = 'unknown';
      await root.handle.sync();
      outcome = 'unchanged';
    });
    return outcome;
  } catch {
    return outcome;
  }
}

/** What a move has replaced must still be there, under one of its two names. */
async function canTakeBack(root: OpenRoot, move: Move): Promise<boolean> {
  const state = await stateOf(root, move);
  if (state !== 'alreadyMade' || move.before === null) return state !== 'superseded';
  return (await hasThing(root, move.from, move.before)) || isInTrash(root, move);
}

async function takeBackMove(root: OpenRoot, move: Move): Promise<void> {
  const { fs } = root;
  await root.beginMove();
  if (await hasThing(root, move.from, move.before)) {
    await fs.exchange(await root.at(move.from), await root.at(move.to));
  } else if (await hasThing(root, move.to, move.inode)) {
    await relocate(root, move.to, move.from);
  }
  if (!(await isInTrash(root, move))) return;
  const trash = await root.at(move.trash as string);
  // The old file never lost its name, and this is its second one. A file that is open on Windows
  // keeps it, to be swept.
  if (await hasThing(root, move.to, move.before)) {
    return fs.unlink(trash).catch(() => undefined);
  }
  // Were this name to persist without the one before, nothing would lead to what the journal speaks
  // of.
  await syncDirectoryOf(root, move.to);
  await fs.rename(trash, await root.at(move.to));
}

async function isInTrash(root: OpenRoot, move: Move): Promise<boolean> {
  return move.trash !== null && hasThing(root, move.trash, move.before);
}

/**
 * Step 1: where every move stands.
 *
 * @throws HoldfastError DAMAGED_JOURNAL when a staged thing was destroyed, or a symlink leads a
 *   move out of the root
 */
export function lookAtMoves(
  fs: Fs,
  path: string,
  journal: Journal,
): Promise<readonly ChangeReport[]> {
  return OpenRoot.use(fs, path, async (root) => {
    const reports: ChangeReport[] = [];
    for (const move of journal.moves) {
      await root.beginMove();
      const state = await stateOf(root, move);
      reports.push({ kind: move.kind, path: pathOf(path, move), state });
    }
    return reports;
  });
}

/**
 * Refuses to be the hand of another user. Where others may take away names of ours and give them
 * anew, in the root or in a directory above it, a file of ours can come to be called a journal. So
 * there it moves only what belongs to this user, or to the one user whose two directories it lies
 * in and goes to, who could make that move alone.
 *
 * @throws HoldfastError DAMAGED_JOURNAL
 */
export function refuseMovesOfOthers(fs: Fs, path: string, journal: Journal): Promise<void> {
  return OpenRoot.use(fs, path, async (root) => {
    if (!(await mayOthersRename(root))) return;
    for (const move of journal.moves) {
      await root.beginMove();
      const thing = await root.lookAt(move.from);
      if (!isThing(thing, move.inode) || (await mayMove(root, move, thing))) continue;
      const owner = `what it moves from ${root.pathOf(move.from)} belongs to another user`;
      throw refusal(journalPathOf(path), `${owner} (${thing.uid}), and others may write here`);
    }
  });
}

async function mayOthersRename({ fs, handle }: OpenRoot): Promise<boolean> {
  if (!(await filesystemOf(fs, handle.at('.'))).keepsOwners) return false;
  if (othersMayRename(fs, await handle.stat())) return true;
  for (let path = handle.path; path !== dirname(path); path = dirname(path)) {
    if (othersMayRename(fs, await fs.stat(dirname(path)))) return true;
  }
  return false;
}

async function mayMove(root: OpenRoot, move: Move, thing: FileStat): Promise<boolean> {
  if (thing.uid === userOf(root.fs)) return true;
  for (const name of [move.from, move.to]) {
    const directory = await root.directoryOf(name);
    if (directory && (await directory.stat()).uid !== thing.uid) return false;
  }
  return true;
}

/** What a journal leaves to be discarded once it is gone. */
export function discardsOf(root: string, journal: Journal): readonly Discard[] {
  return journal.moves.flatMap((move) => {
    const was = pathOf(root, move);
    if (move.kind === 'remove') {
      return [{ path: below(root, move.to), inode: move.inode, isByName: false, was }];
    }
    if (move.trash === null || move.before === null) return [];
    // An exchange left the old thing where the new one was staged; where there is no exchange it is
    // in the trash.
    const inode = move.before;
    return [
      { path: below(root, move.from), inode, isByName: false, was },
      { path: below(root, move.trash), inode, isByName: replacesFile(move), was },
    ];
  });
}

/** Whether what is at the place of a discard now is what was to be discarded. */
export function isDiscarded({ inode, isByName }: Discard, there: FileStat | undefined): boolean {
  return there !== undefined && (there.ino === inode || (isByName && there.kind === 'file'));
}

async function makeMove(root: OpenRoot, move: Move): Promise<ChangeReport> {
  await root.beginMove();
  const report = { kind: move.kind, path: pathOf(root.handle.path, move) };
  const state = await stateOf(root, move);
  if (state !== 'pending') return { ...report, state };
  const occupant = await root.lookAt(move.to);
  if (move.trash !== null && isThing(occupant, move.before)) {
    await swap(root, move, move.trash);
    return { ...report, state: 'made' };
  }
  const displacedTo = isInTheWay(move, occupant) ? await setAside(root, move.to) : undefined;
  await relocate(root, move.from, move.to);
  return displacedTo === undefined
    ? { ...report, state: 'made' }
    : { ...report, state: 'made', displacedTo };
}

/**
 * Gives a thing another name, which nothing has but perhaps the thing itself, from a time when this
 * was begun before.
 */
async function relocate(root: OpenRoot, from: string, to: string): Promise<void> {
  const { fs } = root;
  if (!(await hasSecondName(root, from, to))) {
    return fs.rename(await root.at(from), await root.at(to));
  }
  if (dirname(from) !== dirname(to)) await syncDirectoryOf(root, to);
  await fs.unlink(await root.at(from));
}

/**
 * Whether a thing has the second name now: where the names are of two directories, a file is given
 * it.
 */
async function hasSecondName(root: OpenRoot, name: string, second: string): Promise<boolean> {
  const { fs } = root;
  const { ino, kind } = await fs.lstat(await root.at(name));
  if (isThing(await root.lookAt(second), ino)) return true;
  if (kind !== 'file' || dirname(name) === dirname(second)) return false;
  try {
    await fs.link(await root.at(name), await root.at(second));
    return true;
  } catch (error) {
    // Where there are no second names a rename has to do. FUSE says so in any words (rclone EIO,
    // cryfs ERANGE); elsewhere an error that says something else is one, and a rename could lose
    // the file of which both names are in doubt.
    const cannot =
      cannotLink.includes(errnoOf(error) ?? '') ||
      !(await filesystemOf(fs, root.handle.path)).isLocal;
    if (cannot && (await root.lookAt(second)) === undefined) return false;
    throw error;
  }
}

const cannotCall: readonly string[] = ['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'];
/**
 * FAT has no second names; a file of another user may be given none (proc_sys_fs(5)), nor one that
 * has too many.
 */
const cannotLink: readonly string[] = [...cannotCall, 'EPERM', 'EMLINK'];

/**
 * Puts one thing in the place of another and keeps the other: an exchange, or where the filesystem
 * has none, a second name for a file that is replaced, and two renames for a directory, which only
 * the journal makes safe.
 */
async function swap(root: OpenRoot, move: Move, trash: string): Promise<void> {
  const { fs } = root;
  const [from, to] = [await root.at(move.from), await root.at(move.to)];
  try {
    await fs.exchange(from, to);
  } catch (error) {
    if (!cannotCall.includes(errnoOf(error) ?? '')) throw error;
    const aside = await root.at(trash);
    // A filesystem without second names (FAT) loses the old file here, and with it the way back.
    if (replacesFile(move)) await fs.link(to, aside).catch(() => undefined);
    else await fs.rename(to, aside);
    await fs.rename(from, to);
  }
}

/** Whether what is at the destination is something that the rename must not, or cannot, replace. */
function isInTheWay(move: Move, occupant: FileStat | undefined): boolean {
  if (occupant === undefined || occupant.ino === move.inode) return false;
  return !replacesFile(move) || occupant.kind === 'directory';
}

function replacesFile(move: Move): boolean {
  return ['replaceFile', 'updateJson', 'updateFile'].includes(move.kind);
}

async function setAside(root: OpenRoot, name: string): Promise<string> {
  const aside = join(dirname(name), `displaced-${crypto().randomBytes(6).toString('hex')}`);
  await root.fs.rename(await root.at(name), await root.at(aside));
  return root.pathOf(aside);
}

/** Where a move stands, by what is at its two names. */
async function stateOf(root: OpenRoot, move: Move): Promise<ChangeState> {
  if (await hasThing(root, move.from, move.inode)) return 'pending';
  if (await hasThing(root, move.to, move.inode)) return 'alreadyMade';
  if (!(await hasThing(root, move.to, move.before))) return 'superseded';
  throw refusal(
    journalPathOf(root.handle.path),
    `what was staged for ${root.pathOf(move.to)} has been deleted before it was published`,
  );
}

async function hasThing(root: OpenRoot, relative: string, inode: bigint | null): Promise<boolean> {
  return isThing(await root.lookAt(relative), inode);
}

/** Step 3: syncs every directory that a name moved out of or into, side by side. */
async function syncAll(root: OpenRoot, journal: Journal): Promise<void> {
  const oneOfEach = new Map(
    journal.moves.flatMap(({ from, to }) => [from, to]).map((name) => [dirname(name), name]),
  );
  await Promise.all([...oneOfEach.values()].map((name) => syncDirectoryOf(root, name)));
}

async function syncDirectoryOf(root: OpenRoot, name: string): Promise<void> {
  try {
    await root.syncDirectoryOf(name);
  } catch (error) {
    throw directoryNotSynced(dirname(root.pathOf(name)), 'committed', error);
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

/** What the caller named. */
function pathOf(root: string, move: Move): string {
  return below(root, move.kind === 'remove' ? move.from : move.to);
}

function isThing(stat: FileStat | undefined, inode: bigint | null): stat is FileStat {
  return stat !== undefined && stat.ino === inode;
}

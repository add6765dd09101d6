/** Which of the core's unit tests cannot hold under Wine, each with its reason. Everything else passes there. */

const modes = 'permission bits: Windows has a read-only attribute and access control lists instead';
const links = 'symlinks: Wine makes none';
const exchange = 'exchanges two names, which no filesystem of Windows can';
const tickets = 'orders processes by tickets, which only Linux has';
const reader =
  'a file is open while it is replaced, which Wine refuses (TARGET_IN_USE, as documented)';
const removed =
  'another program removes or replaces what Holdfast has open: Wine keeps its name until it is closed';
const linuxOnly = 'a call, signal or program that only Linux has';

/** Tests that are run and whose result says nothing, by name: they may pass and they may fail. */
export const notJudged: Readonly<Record<string, string>> = {
  'a waiter uses less than 2 % of one core':
    "measures processor time, to which Wine's own is added",
};

/** Tests that fail, by name. One that passes nevertheless is an error of this table. */
export const failingTests: Readonly<Record<string, string>> = {
  // file/
  'the mode of the old file is kept, a new file gets 0666 less the umask, a named mode is exact':
    modes,
  'a secret is readable by its owner alone from the first byte, whatever the old file was': modes,
  'the stage is never wider than the old file, while it is being written': modes,
  'symlinks are followed: relative, in a chain, out of another directory, and dangling': links,
  'a symlink is refused on request, and a circle of them always': links,
  // lock/
  'every name of a file means one lock: a symlink, and a path that takes a detour': links,
  'one who waits on a lock file that is deleted meanwhile ends up with the file at the path':
    removed,
  'a lock file that is replaced between open and flock is opened again': removed,
  'a lock file that goes away again and again is LOCK_LOST in the end, and each descriptor is closed once':
    removed,
  'a burst of calls in one process lets another process in after a turn, not at its end': tickets,
  'processes that wait get their turns in the order in which they came': tickets,
  'a waiter whose process is stopped does not keep others from a free lock': linuxOnly,
  'one that is not first in line does not so much as try a lock that is free': tickets,
  // journal/
  'a path reached through a symlink finds the journal of the directory it really lies in': links,
  'a journal that is a symlink, a directory or a FIFO is refused': links,
  'a symlink that was put where a directory was leads no move out of the root': links,
  'the journal of another user is not followed; in a directory for everyone it is not even minded':
    modes,
  'a journal is private': modes,
  // stage/
  'a sweeper that takes a stage in the instant before its lock costs a retry, never a lost write':
    removed,
  'a symlink with the name of an orphan is not followed': links,
  // json/
  'every name of a document means one document': links,
  'a path through a symlink and .. is the document that the kernel finds there': links,
  'a document that becomes a symlink while its lock is waited for is updated under the lock of the other':
    links,
  'the mode of a document is kept, and a secret one is for its owner alone': modes,
  'an update whose lock file was deleted meanwhile is given up before it writes': removed,
  // records/
  'the log is written in place: mode, hard links and symlinks stay, a dangling symlink is followed':
    links,
  'a path through a symlink and .. is the log that reading it reads': links,
  'a new log gets the mode that the caller names': modes,
  'mode and symlink stay': links,
  'what is appended, compacted or cut while reading does not disturb it': reader,
  // directory/
  'a symlink is published as it is, a dangling one too, and counts as a file': links,
  'a target that another program replaced meanwhile is left as that program made it': removed,
  'a tree that another program put there right before the exchange is put back': exchange,
  'a FIFO in the stage is refused, a symlink is kept and not followed': linuxOnly,
  'a socket in the stage is refused': linuxOnly,
  'a path that leaves the stage is refused, through a symlink too': links,
  'a replaced directory keeps its mode, also one that its owner may not write': modes,
  // transaction/
  'a path that leaves the root is refused, however it leaves': links,
  'one file under two names is refused': links,
  'what somebody destroyed before it was published undoes all': removed,
  'a removed symlink goes, what it leads to stays': links,
  'a replaced file keeps its mode, a new one takes the mode given': modes,
  // os/
  'each open file sees the lowest ticket of the others, until it is dropped or its file is closed':
    tickets,
  'tickets and flock do not know of each other': tickets,
  'renameNoReplace refuses an existing name, exchange swaps two': exchange,
  'a stat without times says what the one of Node says, of every kind of file': linuxOnly,
  'syncFilesystem resolves, and names the error of a descriptor that is none': linuxOnly,
};

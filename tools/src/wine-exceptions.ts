/**
 * Which of the core's unit tests cannot hold under Wine, each with its reason. Everything else
 * passes there.
 */

const modes = 'permission bits: Windows has a read-only attribute and access control lists instead';
const links = 'symlinks: Wine makes none';
const exchange = 'exchanges two names, which no filesystem of Windows can';
const tickets = 'orders processes by tickets, which only Linux has';
const reader =
  'a file is open while it is replaced, which Wine refuses (TARGET_IN_USE, as documented)';
const removed =
  'another program removes or replaces what Holdfast has open: Wine keeps its name until it is closed';
const names =
  'takes away one of the names of a file that is open: Wine does so when the file is closed';
const owners =
  'whose a file is: to Windows every one is of the same user, and the mode tells nothing';
const errnos = 'an error number that Windows has no name for (ESTALE, ENOTSUP)';
const types = 'a filesystem that is known by the number that statfs(2) of Linux gives';
const linuxOnly = 'a call, signal or program that only Linux has';

const births = 'by what Wine tells of the birth of a file, which was not looked into';

const permissions =
  "runs Node's permission model on paths of Windows: what it refuses there was not looked into";

const openWhileReplaced =
  'a log is open while it is replaced or renamed, or its directory is watched: not tried under Wine';

const replacedAtOnce =
  'the lock of a tree that is replaced is a file that goes when it is closed: now and then Wine still denies it then, and the publish gives up after its ten seconds (TARGET_CHANGED)';

/** Tests that are run and whose result says nothing, by name: they may pass and they may fail. */
export const notJudged: Readonly<Record<string, string>> = {
  'a directory of another program excludes every call that has the guard, until it goes':
    'the directory of the test is removed while Wine still keeps a name in it that has been taken away',
  'many publishers that replace one tree all succeed in turn, each what the one before has made':
    replacedAtOnce,
  'many publishers that replace what one of them makes all succeed in turn, each what the one before has made':
    replacedAtOnce,
  'processes that replace one tree all succeed in turn, and nothing of theirs is left but the last tree':
    replacedAtOnce,
  // records/
  'follow: a rotated log that may not be read is an error, not looked at for ever':
    openWhileReplaced,
  'follow: what is there, and what is appended, whoever appends it': openWhileReplaced,
  'follow: a log that is missing, with its directory, is waited for': openWhileReplaced,
  'follow: a log that was missing is read from its first record on, rotated or not':
    openWhileReplaced,
  'follow: a log that is rotated while the reading begins is read from its first record on':
    openWhileReplaced,
  'follow: a reader that rests goes through all rotated logs that came meanwhile':
    openWhileReplaced,
  'follow: while another goes on appending and rotating, each record once and in order':
    openWhileReplaced,
  'follow: a compaction gives nothing twice, and what comes after it is given': openWhileReplaced,
  'follow: compactions and rotations in turn, by appends that keep the log short':
    openWhileReplaced,
  'follow: a repair gives the records that were hidden in damaged lines, and no other again':
    openWhileReplaced,
  'follow: a log that was overwritten where it is grows like any other': openWhileReplaced,
  'follow: a log that is renamed by another program, and made anew, is followed': openWhileReplaced,
  'follow: a log that is emptied in place begins anew, one that is cut back is read on':
    openWhileReplaced,
  'follow: a log that is cut in the middle of a line that was read is TARGET_CHANGED':
    openWhileReplaced,
  'follow: what was read and is something else now is TARGET_CHANGED': openWhileReplaced,
  'follow: where the kernel tells of nothing it is looked at again and again': openWhileReplaced,
  'follow: a name that leads to another file for a moment (ESTALE) is opened again':
    openWhileReplaced,
  'follow: leaving ends what is waited for, the signal is ABORTED': openWhileReplaced,
  'follow: across rotations, every file is kept': openWhileReplaced,
  'follow: across rotations, few are kept, and nothing is missed that was read in time':
    openWhileReplaced,
  'repair: a log that another program makes longer meanwhile is left as it is': openWhileReplaced,
  'a rotation that died with two names for the log is brought to its end by an append':
    openWhileReplaced,
  'a rotation that died with two names for the log is brought to its end by a compaction':
    openWhileReplaced,
  'a rotation that died with two names for the log is brought to its end by a repair':
    openWhileReplaced,
};

/** Tests that fail, by name. One that passes nevertheless is an error of this table. */
export const failingTests: Readonly<Record<string, string>> = {
  // document/
  'a restored secret stays one, whatever the broken file lets others do': modes,
  // file/
  'an overwrite keeps inode and mode, and leaves its lock file alone': modes,
  'all hard links of a file see what is written by one of them, and what a crash has left by any':
    modes,
  "a copy is believed of who owns the file, and of its group where the directory is that group's alone":
    owners,
  'a lock in the state directory says nothing of a younger file with the same inode number': births,
  'the copy of a secret is for this user alone, and no copy is for more people than the file':
    modes,
  'what a mode keeps from others it keeps before the first byte of the new content is there': modes,
  'a name of ours that leads elsewhere is neither followed nor touched': links,
  'a file that is missing is made again from its latest version': modes,
  'what a dead replacement had linked is no version, and the next one uses it': names,
  'nobody may read a version who could not read the file, and a secret has secret versions': modes,
  'a program with set-ID bits is kept without them': modes,
  'a file that is overwritten in place is kept by a copy': names,
  'names that are no files of ours are neither listed, followed, replaced nor swept': links,
  "ifExists 'fail' is refused, not failed, where there is neither such a rename nor a link (s3fs, rclone, cryfs)":
    errnos,
  'the mode of the old file is kept, a new file gets 0666 less the umask, a named mode is exact':
    modes,
  'a secret is readable by its owner alone from the first byte, whatever the old file was': modes,
  'set-ID bits of the old file pass to the new content only when that is asked for': modes,
  'in place, set-ID bits go and a secret is not written to a file of another user': modes,
  'the stage is never wider than the old file, while it is being written': modes,
  'symlinks are followed: relative, in a chain, out of another directory, and dangling': links,
  'a symlink is refused on request, and a circle of them always': links,
  // lock/
  'HOLDFAST_LOCK_DIRECTORY moves the locks of a whole program, one for each file, whatever its name':
    links,
  'every name of a file means one lock: a symlink, and a path that takes a detour': links,
  "a stranger's symlink in a sticky directory for all is not followed": links,
  "one's own symlink there is followed": links,
  "the directory owner's symlink there is followed": links,
  "a stranger's symlink in a sticky directory of a group is followed": links,
  "a stranger's symlink in a directory for all that is not sticky is followed": links,
  'one who waits on a lock file that is deleted meanwhile ends up with the file at the path':
    removed,
  'a lock file that is replaced between open and flock is opened again': removed,
  'a lock file that goes away again and again is LOCK_LOST in the end, and each descriptor is closed once':
    removed,
  'a burst of calls in one process lets another process in after a turn, not at its end': tickets,
  'processes that wait get their turns in the order in which they came': tickets,
  'whoever frees the lock wakes the next in line, and each reader the next: nobody needs to look':
    tickets,
  'one that gives up when it is its turn wakes the next': tickets,
  'a waiter whose process is stopped does not keep others from a free lock': linuxOnly,
  'one that is not first in line does not so much as try a lock that is free': tickets,
  // journal/
  'a path reached through a symlink finds the journal of the directory it really lies in': links,
  'a journal that is a symlink, a directory or a FIFO is refused': links,
  'a symlink that was put where a directory was leads no move out of the root': links,
  'a journal is private': modes,
  'the journal of another user is not followed, and stops only calls on files of that user': owners,
  'a journal of root is believed, one that others may write or that has two names is not': owners,
  'where others may rename what is ours, a journal moves nothing of theirs': owners,
  'a recovery is told to who listens, whoever made it': owners,
  'a symlink that takes the place of a directory at any instant leads no move out of the root':
    links,
  // stage/
  'what only looks like it stays: other names, symlinks, directories, what belongs to another file':
    links,
  'on vfat the only whole copy of a document is kept, and nothing is begun anew beside it': types,
  'on exfat the only whole copy of a document is kept, and nothing is begun anew beside it': types,
  'on ext2 the only whole copy of a document is kept, and nothing is begun anew beside it': types,
  'on a filesystem that keeps names, stages have no mark, and a missing document is just missing':
    types,
  'a sweeper that takes a stage in the instant before its lock costs a retry, never a lost write':
    removed,
  'a symlink with the name of an orphan is not followed': links,
  // json/
  'a document that was emptied long after it was made is known for that by a process that never saw it full':
    'is known by the time of birth, for which Wine gives the time of the last change',
  'a document that becomes a symlink while its updater runs is not replaced': links,
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
  'a torn tail is put aside with the mode of the log': modes,
  'mode and symlink stay': links,
  'repair: mode and symlink stay, and so do those of what is kept': links,
  'mode, header and byte order mark are those of the log before, and a symlink stays one': links,
  'where there are no hard links the log is renamed': modes,
  'what is appended, compacted or cut while reading does not disturb it': reader,
  // directory/
  'a symlink is published as it is, a dangling one too, and counts as a file': links,
  'what is left of a target whose name holds a line break is an orphan like any other':
    'a line break in a name, which Windows does not allow',
  'a target that another program replaced meanwhile is, on request, left as that program made it':
    removed,
  'a tree that another program put there right before the exchange is, on request, put back':
    exchange,
  'a FIFO in the stage is refused, a symlink is kept and not followed': linuxOnly,
  'a socket in the stage is refused': linuxOnly,
  'a path that leaves the stage is refused, through a symlink too': links,
  'a replaced directory keeps its mode, also one that its owner may not write': modes,
  // transaction/
  'a transaction moves a file where link gives ENOTSUP, and blocks nothing': errnos,
  'a path that leaves the root is refused, however it leaves': links,
  'one file under two names is refused': links,
  'what somebody destroyed before it was published undoes all': removed,
  'a removed symlink goes, what it leads to stays': links,
  'a replaced file keeps its mode, a new one takes the mode given': modes,
  // watch/
  'a file is followed through symlinks, and into another directory in the place of its own': links,
  // os/
  "under Node's permission model a file is written and synced where addons are allowed, else the flag is named":
    permissions,
  'a bundle that is CommonJS writes with koffi beside it, and without it says what to leave outside': `${linuxOnly} (esbuild's), and ${links}`,
  'ESTALE of open alone: a document between lstat and open is there (readDocument)': errnos,
  'ESTALE of realpath alone: the directory of a document is there (readDocument)': errnos,
  'ESTALE of readlink alone: a symlink to a document is there (readByLink)': errnos,
  'ESTALE of open alone: a lock file is there (updateDocument)': errnos,
  'ESTALE of lstat alone: a lock file that is locked is there (updateDocument)': errnos,
  'ESTALE of open alone: a file that a caller has named is there (openAsGiven)': errnos,
  'ESTALE of openDirectory alone: a tree to be replaced is there (publishTree)': errnos,
  'a log that is replaced between its name and its descriptor is opened again': errnos,
  'a tree that its server has removed is not replaced, though its number is that of the one that is there':
    errnos,
  'where a name may lead nowhere for a moment, ESTALE is no missing document for a reader': errnos,
  'an update begins nothing anew because of ESTALE': errnos,
  'a log is neither empty nor made anew because of ESTALE': errnos,
  'an ESTALE that stays is told by its name': errnos,
  'what another machine has replaced between name and descriptor is looked up anew': errnos,
  'an error that Node cannot name is named, in code and message': errnos,
  'a file of another user is not ours, one of root is believed': owners,
  'what is not ours keeps its content when it was to be emptied': owners,
  'each open file sees the lowest ticket of the others, until it is dropped or its file is closed':
    tickets,
  '3,000 updates and 3,000 appends at once all succeed where 256 files may be open': linuxOnly,
  '3,000 reads and 3,000 replacements at once, and more in updaters, all succeed where 256 files may be open':
    linuxOnly,
  'a tree is published under the guard of its target, which is taken when it is filled': exchange,
  'updates whose updaters wait for other updates, more of them than work at a time, all end':
    linuxOnly,
  'who shows a ticket is woken by it, and nobody else is': tickets,
  'tickets and flock do not know of each other': tickets,
  'renameNoReplace refuses an existing name, exchange swaps two': exchange,
  'a stat without times says what the one of Node says, of every kind of file': linuxOnly,
  'syncFilesystem resolves, and names the error of a descriptor that is none': linuxOnly,
  'every directory on the way is opened, from the top, before the way is resolved':
    'the way begins at the root, and not at a drive',
  // sync/
  'async: a mode is kept, or given': modes,
  'async: a symlink stays, and what it leads to is replaced': links,
  'async: a lock whose file is gone is lost': removed,
  'sync: a mode is kept, or given': modes,
  'sync: a symlink stays, and what it leads to is replaced': links,
  'sync: a lock whose file is gone is lost': removed,
};

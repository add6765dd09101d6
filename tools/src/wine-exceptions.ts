/** What of the core's unit tests is not run or cannot hold under Wine, each with its reason. Everything else passes there. */

const pipes = 'starts processes and talks to them through pipes, which fail under Wine';
const modes = 'permission bits: Windows has a read-only attribute and access control lists instead';
const links = 'symlinks: Wine shows none';
const trees = 'has symlinks in all its trees, and compares them by paths with slashes';
const exchange = 'replaces a directory by an exchange; windows.wine.ts replaces one by two renames';
const reader =
  'a file is open while it is replaced, which Wine refuses (TARGET_IN_USE, as documented)';
const separators = 'compares a path that Node made with one that Holdfast made';
const hook = 'takes a file away while it is open, which Wine refuses';

/** Files that are not run, by the end of their path. */
export const filesNotRun: Readonly<Record<string, string>> = {
  'directory/killed-publish.test.js': exchange,
  'directory/orphans.test.js': pipes,
  'directory/publish-directory.test.js': exchange,
  'file/replace-file-killed.test.js': `${pipes}; windows.wine.ts terminates a process at each step`,
  'json/update-json.test.js': `${pipes}; windows.wine.ts updates a document by 50 processes`,
  'lock/lock-processes.test.js': `${pipes}; windows.wine.ts takes a lock from two processes`,
  'lock/lock.test.js': pipes,
  'os/native.test.js': 'tickets, exchange and syncfs, which only Linux has',
  'records/append-processes.test.js': pipes,
  'transaction/crash.test.js': trees,
  'transaction/kill.test.js': pipes,
  'transaction/locks.test.js': pipes,
  'transaction/model.test.js': trees,
  'transaction/transaction.test.js': trees,
};

/** Tests that fail, by name. One that passes nevertheless is an error of this table. */
export const failingTests: Readonly<Record<string, string>> = {
  'the mode of the old file is kept, a new file gets 0666 less the umask, a named mode is exact':
    modes,
  'a secret is readable by its owner alone from the first byte, whatever the old file was': modes,
  'the stage is never wider than the old file, while it is being written': modes,
  'symlinks are followed: relative, in a chain, out of another directory, and dangling': links,
  'a symlink is refused on request, and a circle of them always': links,
  'a path reached through a symlink finds the journal of the directory it really lies in': links,
  'a dry run tells what it would do and changes nothing': separators,
  'a journal that is a symlink, a directory or a FIFO is refused': links,
  'a symlink that was put where a directory was leads no move out of the root': links,
  'the journal of another user is not followed; in a directory for everyone it is not even minded':
    modes,
  'a journal is private, and before it has its name it is an orphan like any other': modes,
  'every call that writes below the root finds the commit made': separators,
  'the log is written in place: mode, hard links and symlinks stay, a dangling symlink is followed':
    links,
  'a new log gets the mode that the caller names': modes,
  'mode and symlink stay': links,
  'what is appended, compacted or cut while reading does not disturb it': reader,
  'a sweeper that takes a stage in the instant before its lock costs a retry, never a lost write':
    hook,
  'a symlink with the name of an orphan is not followed': links,
  'a path that leaves the root is refused, however it leaves': links,
  'one file under two names is refused': links,
};

/** What notices each mutant: found by trying every scenario, kept so that it need not be found again. */
import type { Evidence } from './mutant-engine.js';
import type { MutantEngine } from './mutant-run.js';

/** By engine and scenario, the mutants that it notices. */
const noticedBy: Readonly<Record<MutantEngine, Readonly<Record<string, readonly string[]>>>> = {
  race: {
    'writeTiledVrt: two processes': [
      'write/write-mosaic.js: lock: withLock(path, () => writeLocked(plan, pool), { fs, signal, timeoutMs })',
      'write/write-mosaic.js: order: await publishIndex(placed, manifest); await retire(plan, placed.tilesPath);',
    ],
    'writeTiledVrt: while somebody recovers': [
      'write/recover-vrt.js: lock: withLock(mosaic, () => typed(mosaic, clear), { fs, timeoutMs: lockTimeoutMs })',
    ],
    'writeTiledVrt: while somebody reads': [
      "write/tiles-directory.js: lock: directory.tryLock('exclusive')",
    ],
    'appendRecords: after a torn tail': [
      'records/log-tail.js: repair: await log.file.truncate(offsetBytes)',
    ],
    'compactRecords: the log becomes shorter meanwhile': [
      'records/compact-records.js: count check: if (got === 0)',
    ],
    'publishDirectory: a stage that another run took over': [
      'stage/ownership.js: inode check: named.ino === own.ino && named.dev === own.dev',
    ],
    'publishDirectory: between the two renames of a commit': [
      'directory/orphans.js: pending commit: isCommitted(fs, path)',
    ],
    'recover: a damaged journal': [
      "journal/journal.js: checksum: !checksumOf(signed).startsWith(headerChecksum ?? '-')",
      'journal/journal.js: checksum: checksumOf(body) === bodyChecksum',
    ],
    'replaceFile: a filesystem that lies about counts': [
      'stage/staged-file.js: count check: if (stat.sizeBytes !== sizeBytes)',
    ],
    'replaceFile: two processes': ["stage/ownership.js: lock: handle.tryLock('exclusive')"],
    'sweepOrphans: above a killed commit': [
      'directory/orphans.js: pending commit: isCommitted(fs, found.path)',
    ],
    'sweepOrphans: beside a living publishDirectory': [
      "directory/swing.js: lock: old.handle.tryLock('exclusive')",
    ],
    'sweepOrphans: beside a living transaction': [
      "journal/journal-file.js: lock: file.tryLock('exclusive')",
    ],
    'sweepOrphans: while a commit dies': [
      'stage/ownership.js: pending commit: isCommitPending(fs, handle.path)',
    ],
    'transaction: a lock file is deleted': [
      'transaction/commit.js: lock still held: await lock.assertHeld()',
    ],
    'transaction: its target is replaced meanwhile': [
      'transaction/changes.js: inode check: old.ino === there.ino && old.dev === there.dev',
    ],
    'transaction: without exchange': [
      'journal/roll-forward.js: order: await fs.rename(to, trash); await fs.rename(from, to);',
    ],
    'updateJson: the lock file is deleted': [
      'json/commit-group.js: lock still held: await lock.assertHeld()',
    ],
    'updateJson: two processes': ['lock/kernel-lock.js: lock: this.#file.tryLock(mode)'],
    'withLock: its file is deleted while another waits': [
      'lock/kernel-lock.js: inode check: named.ino === locked.ino && named.dev === locked.dev',
    ],
  },
  model: {
    'appendRecords: a whole last line without its end': [
      'records/log-tail.js: fsync: log.file.sync()',
    ],
    'appendRecords: alone': [
      'records/append-round.js: call of a sync: await syncData(file)',
      'records/append-round.js: call of a sync: await syncName(fs, path)',
      'records/append-round.js: fsync: file.dataSync()',
      'records/append-round.js: fsync: opened.sync()',
    ],
    'appendRecords: another program replaces the log': [
      'records/open-log.js: inode check: inode.ino === stat.ino && inode.dev === stat.dev',
    ],
    'publishDirectory: one sync of the filesystem': [
      'directory/sync-tree.js: filesystem sync: stage.handle.syncFilesystem()',
    ],
    'publishDirectory: previous trees': ['directory/previous.js: directory sync: parent.sync()'],
    'publishDirectory: resume': [
      'directory/prepare-tree.js: call of a sync: await syncDirectory(fs, parent)',
      'directory/prepare-tree.js: order: await fs.rename(stage.path, path); await syncDirectory(fs, parent);',
    ],
    'publishDirectory: two processes': [
      'directory/prepare-tree.js: call of a sync: await syncTree(fs, stage, strategy, concurrency, options.signal)',
      'directory/sync-tree.js: call of a sync: await syncEach(fs, stage, concurrency, signal)',
      'directory/sync-tree.js: fsync: handle.sync()',
      'directory/sync-tree.js: fsync: stage.handle.sync()',
    ],
    'publishDirectory: two renames, then removed': [
      'directory/old-tree.js: call of a sync: await syncDirectory(fs, path)',
      'directory/old-tree.js: order: await syncDirectory(fs, path); await removeTree(fs, path);',
      'directory/publish-directory.js: call of a sync: await syncParent(parent)',
      'directory/publish-directory.js: directory sync: parent.sync()',
      'directory/tree.js: directory sync: directory.sync()',
    ],
    'recover: after a killed commit': [
      "journal/pending.js: call of a sync: await syncDirectory(fs, root, 'unchanged')",
    ],
    'replaceFile: first, then over it': [
      'stage/directory-sync.js: directory sync: directory.sync()',
      'stage/staged-file.js: call of a sync: await syncDirectory(this.#fs, this.#directory)',
      'stage/staged-file.js: call of a sync: await syncFile(file)',
      'stage/staged-file.js: fsync: file.sync()',
    ],
    'sweepOrphans: a replaced tree': [
      'directory/orphans.js: call of a sync: await syncDirectory(fs, dirname(path))',
    ],
    'sweepOrphans: a tree to be kept': [
      'directory/previous.js: call of a sync: await syncDirectory(fs, place.parent)',
    ],
    'sweepOrphans: a tree to be put back': [
      'directory/orphans.js: call of a sync: await syncDirectory(fs, dirname(path)) (2)',
      'directory/orphans.js: order: await fs.rename(path, target); await syncDirectory(fs, dirname(path));',
    ],
    'sweepOrphans: salvage': [
      'directory/orphans.js: call of a sync: await syncDirectory(fs, directory)',
    ],
    'transaction: a long journal': [
      'journal/journal-file.js: order: await file.sync(); await fs.rename(file.path, journalPathOf(root));',
    ],
    'transaction: every kind of change': [
      "journal/roll-forward.js: call of a sync: await syncDirectory(fs, dirname(to), 'committed') (2)",
      "journal/roll-forward.js: order: await syncDirectory(fs, dirname(to), 'committed'); await fs.unlink(from);",
    ],
    'transaction: then its file is replaced': [
      "journal/journal-file.js: call of a sync: await syncDirectory(fs, root, 'committed')",
      "journal/journal-file.js: order: await fs.unlink(journalPathOf(root)); await syncDirectory(fs, root, 'committed');",
    ],
    'transaction: two files, twice': [
      "journal/journal-file.js: call of a sync: await syncDirectory(fs, root, 'unknown')",
      'journal/journal-file.js: directory sync: directory.sync()',
      'journal/journal-file.js: fsync: file.sync()',
      "journal/roll-forward.js: call of a sync: await syncDirectories(fs, directoriesOf(root, journal), 'committed')",
      "journal/roll-forward.js: order: await syncDirectories(fs, directoriesOf(root, journal), 'committed'); await removeJournal(fs, root);",
      "transaction/commit.js: call of a sync: await syncDirectories(fs, directories, 'unchanged')",
      'transaction/commit.js: call of a sync: await syncStages(fs, changes)',
    ],
    'updateJson: in new directories': [
      'json/make-directories.js: call of a sync: await syncPath(fs, parent)',
      'json/make-directories.js: directory sync: directory.sync()',
    ],
    'updateJson: nothing to change': [
      'json/commit-group.js: call of a sync: await syncAndClose(await fs.openDirectory(dirname(document.path)))',
      'json/commit-group.js: call of a sync: await syncDocument(fs, document, options)',
      'json/commit-group.js: fsync: handle.sync()',
    ],
    'writeTiledVrt: first': [
      "write/write-mosaic.js: durability: durability = 'durable'",
      "write/write-mosaic.js: durability: durability = 'durable' (2)",
    ],
    'writeTiledVrt: two processes': [
      'write/tiles-directory.js: directory sync: directory.sync()',
      'write/tiles-directory.js: order: await directory.sync(); await unlinkIfThere(fs, join(tilesPath, manifestName));',
    ],
  },
  error: {
    'appendRecords: alone': [
      'records/append-round.js: fsync: file.dataSync() (2)',
      'records/append-round.js: repair: await file.truncate(startBytes)',
      'records/log-bytes.js: count check: if (written === bytes.length)',
    ],
    'publishDirectory: first': ['directory/prepare-tree.js: settle barrier: await group.close()'],
    'publishDirectory: two processes': [
      'stage/file-data.js: count check: if (taken !== piece.length)',
    ],
    'publishDirectory: two renames': [
      'directory/old-tree.js: call of a sync: await syncDirectory(fs, path) (2)',
    ],
    'transaction: two files, twice': [
      'journal/journal-file.js: count check: if (countBytes === 0)',
      "journal/roll-forward.js: call of a sync: await syncDirectories(fs, directoriesOf(root, journal), 'committed') (2)",
      'journal/roll-forward.js: call of a sync: await syncDirectory(fs, root, outcome)',
      "journal/roll-forward.js: order: await syncDirectories(fs, directoriesOf(root, journal), 'committed'); await fs.unlink(journalPathOf(root));",
    ],
    'transaction: without exchange': [
      "journal/roll-forward.js: call of a sync: await syncDirectory(fs, dirname(to), 'committed')",
      "journal/roll-forward.js: order: await syncDirectory(fs, dirname(to), 'committed'); await fs.rename(trash, to);",
    ],
  },
};

export const evidence: Evidence = Object.fromEntries(
  (Object.keys(noticedBy) as MutantEngine[]).flatMap((engine) =>
    Object.entries(noticedBy[engine]).flatMap(([scenario, names]) =>
      names.map((name) => [name, { engine, scenario }] as const),
    ),
  ),
);

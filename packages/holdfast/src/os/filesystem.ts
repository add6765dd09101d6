/**
 * What is known of the filesystem that holds a path, and how far it can be trusted: the one place
 * that decides it.
 *
 * The mount table decides (/proc/self/mountinfo), by the row that has the device number of the
 * path. statfs(2) alone may not be believed: QEMU's 9p gives the number of the host's filesystem
 * (ext4), all of FUSE has one number, and ext2 has that of ext4. Where the table has no such row,
 * the number of statfs(2) decides (<linux/magic.h>), unless it is that of a filesystem on a disk
 * and the device number is none of a disk. docs/filesystems.md has what was seen of each.
 */
import { release } from 'node:os';
import type { FilesystemStat, Fs } from './fs.js';

/**
 * Whom a flock(2) on a file excludes: `everyone` who can reach the file, `thisMachine` alone, those
 * who come by `thisMount` alone, or `nobody` reliably, not even two processes side by side.
 */
export type LockReach = 'everyone' | 'thisMachine' | 'thisMount' | 'nobody' | 'unknown';

/** What Holdfast needs to know of a filesystem. */
export interface Filesystem {
  /** As the mount table spells it: `ext4`, `fuse.sshfs`. */
  readonly name: string;
  /**
   * Only this machine can reach it, by one kernel that keeps its names and attributes: a flock(2)
   * on a directory speaks for every process there is, byte locks and flock(2) are apart, and what a
   * name leads to is never out of date.
   */
  readonly isLocal: boolean;
  readonly locks: LockReach;
  /**
   * Its syncfs(2) waits for data, metadata and the disk's cache, and reports errors of writing
   * back.
   */
  readonly hasReliableSyncfs: boolean;
  /**
   * False when it lives in memory, has no journal or none that is replayed, or syncs nothing;
   * `undefined` when it is not known.
   */
  readonly survivesPowerLoss: boolean | undefined;
  /** Why it does not survive a power loss. */
  readonly becauseOfPower: string;
  /**
   * A name that is replaced by rename(2) leads to the old file or to the new one, whatever happens.
   * Where it does not, a staged file may be the only whole copy of what its target should be.
   */
  readonly keepsNames: boolean;
  /**
   * A file belongs to who made it. Elsewhere the mount, or a server, says who owns what: also what
   * this process makes may belong to somebody else.
   */
  readonly keepsOwners: boolean;
  /**
   * A rename onto a file that somebody has open fails, and the kernel deletes that file when it is
   * closed.
   */
  readonly deletesAfterFailedRename: boolean;
}

type Known = Omit<Filesystem, 'name'>;

const disk: Known = {
  isLocal: true,
  locks: 'everyone',
  hasReliableSyncfs: true,
  survivesPowerLoss: true,
  becauseOfPower: '',
  keepsNames: true,
  keepsOwners: true,
  deletesAfterFailedRename: false,
};
const local: Known = { ...disk, hasReliableSyncfs: false };
const memory: Known = {
  ...disk,
  survivesPowerLoss: false,
  becauseOfPower: 'it lives in memory',
};
const WITHOUT_JOURNAL = 'it has no journal: a power loss may leave a name that leads nowhere';
const withoutJournal: Known = {
  ...local,
  survivesPowerLoss: false,
  becauseOfPower: WITHOUT_JOURNAL,
  keepsNames: false,
};
const withoutOwners: Known = { ...withoutJournal, keepsOwners: false };
const shared: Known = {
  ...local,
  isLocal: false,
  keepsOwners: false,
  locks: 'unknown',
  survivesPowerLoss: undefined,
};
const network: Known = { ...shared, locks: 'everyone' };
const smb: Known = {
  ...network,
  keepsNames: false,
  deletesAfterFailedRename: true,
};
const oneMount: Known = { ...shared, locks: 'thisMount' };
/** FUSE filesystems that pass a rename on as one, but not the sync of a directory. */
const withoutDirectorySync: Known = {
  ...oneMount,
  survivesPowerLoss: false,
  becauseOfPower: "a directory's sync does nothing there: the old file may be back",
};
const fuse: Known = { ...oneMount, keepsNames: false };
const syncsNothing: Known = {
  ...fuse,
  survivesPowerLoss: false,
  becauseOfPower: 'its syncs do nothing',
};

/**
 * What an ext4 is called here that was made without a journal: in the mount table it is just
 * `ext4`.
 */
export const EXT4_WITHOUT_JOURNAL = 'ext4 without a journal';

/** By their name in the mount table. */
const byName: Readonly<Record<string, Known>> = {
  ext2: withoutJournal,
  ext3: disk,
  ext4: disk,
  // The root of many virtual machines. Its rename changes the entry of the target in its place
  // (ext4_rename), so the name that may lead nowhere is never missing, and what a killed process
  // left is swept as on any ext4.
  [EXT4_WITHOUT_JOURNAL]: {
    ...disk,
    survivesPowerLoss: false,
    becauseOfPower: WITHOUT_JOURNAL,
  },
  xfs: disk,
  btrfs: disk,
  tmpfs: memory,
  ramfs: memory,
  f2fs: local,
  zfs: local,
  bcachefs: local,
  // Its kernel replays no journal, and the program that does fails (docs/filesystems.md).
  jfs: {
    ...local,
    survivesPowerLoss: false,
    becauseOfPower:
      'fsck.jfs (jfsutils 1.1.15) fails to replay its journal: what was synced is gone, and a file may hold what was written to another',
  },
  nilfs2: local,
  reiserfs: local,
  ntfs3: { ...local, keepsOwners: false },
  ntfs: { ...local, keepsOwners: false },
  udf: withoutOwners,
  minix: withoutJournal,
  hfs: withoutOwners,
  hfsplus: withoutJournal,
  vfat: withoutOwners,
  msdos: withoutOwners,
  exfat: withoutOwners,
  ecryptfs: { ...local, survivesPowerLoss: undefined },
  // It does not pass on what its upper layer failed to write back, and another overlay over the
  // same layers locks other files.
  overlay: { ...local, locks: 'thisMount' },
  nfs: network,
  nfs4: network,
  cifs: smb,
  smb3: smb,
  ceph: network,
  gfs2: network,
  ocfs2: network,
  gpfs: network,
  lustre: shared,
  afs: shared,
  '9p': oneMount,
  virtiofs: oneMount,
  vboxsf: oneMount,
  // Docker Desktop shows one directory of the Mac through several superblocks behind one path.
  fakeowner: { ...shared, locks: 'nobody' },
  fuse,
  fuseblk: { ...fuse, locks: 'thisMachine' },
  'fuse.ntfs-3g': { ...fuse, locks: 'thisMachine' },
  'fuse.bindfs': withoutDirectorySync,
  'fuse.mergerfs': withoutDirectorySync,
  'fuse.unionfs': withoutDirectorySync,
  'fuse.unionfs-fuse': withoutDirectorySync,
  'fuse.sshfs': withoutDirectorySync,
  'fuse.encfs': { ...withoutDirectorySync, keepsNames: false },
  'fuse.gocryptfs': oneMount,
  'fuse.fuse-overlayfs': oneMount,
  'fuse.glusterfs': network,
  'fuse.ceph-fuse': network,
  'fuse.cryfs': syncsNothing,
  'fuse.rclone': syncsNothing,
};

/** What statfs(2) calls them. */
const byMagic: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0xf2f52010, 'f2fs'],
  [0x2fc12fc1, 'zfs'],
  [0xca451a4e, 'bcachefs'],
  [0x3153464a, 'jfs'],
  [0x3434, 'nilfs2'],
  [0x52654973, 'reiserfs'],
  [0x15013346, 'udf'],
  [0x137f, 'minix'],
  [0x138f, 'minix'],
  [0x2468, 'minix'],
  [0x2478, 'minix'],
  [0x4d5a, 'minix'],
  [0x4244, 'hfs'],
  [0x482b, 'hfsplus'],
  [0x4d44, 'vfat'],
  [0x2011bab0, 'exfat'],
  [0x7366746e, 'ntfs3'],
  [0xf15f, 'ecryptfs'],
  [0x794c7630, 'overlay'],
  [0x6969, 'nfs'],
  [0xfe534d42, 'smb3'],
  [0xff534d42, 'cifs'],
  [0x65735546, 'fuse'],
  [0x01021997, '9p'],
  [0x00c36400, 'ceph'],
  [0x0bd00bd0, 'lustre'],
  [0x47504653, 'gpfs'],
  [0x01161970, 'gfs2'],
  [0x7461636f, 'ocfs2'],
  [0x786f4256, 'vboxsf'],
]);

/** These lie on a device of their own, which has a major number. */
const onDisks: readonly string[] = [
  'ext4',
  'xfs',
  'f2fs',
  'jfs',
  'nilfs2',
  'reiserfs',
  'udf',
  'minix',
  'hfs',
  'hfsplus',
  'vfat',
  'exfat',
  'ntfs3',
];

/**
 * What is known of the filesystem that holds a path; of an unknown one nothing good is believed.
 */
export async function filesystemOf(fs: Fs, path: string): Promise<Filesystem> {
  return judgeFilesystem(await fs.statFilesystem(path));
}

/** The same, from what was asked of the kernel already. */
export function judgeFilesystem({
  type: magic,
  device,
  mount,
}: Pick<FilesystemStat, 'type' | 'device' | 'mount'>): Filesystem {
  const counted = nameByMagic(magic, device);
  const tabled = mount?.type ?? counted;
  // A row that is out of date, or another namespace's, must not make a filesystem of others into
  // one of this machine.
  const name =
    byMagic.has(magic >>> 0) && !knownAs(counted).isLocal ? mostExact(tabled, counted) : tabled;
  const known = knownAs(name);
  return { name, ...known, locks: lockReach(known, mount?.options ?? []) };
}

function knownAs(name: string): Known {
  return byName[name] ?? (name.startsWith('fuse.') ? fuse : shared);
}

/**
 * Of what the table says and what the number says, the one that promises less; the table knows
 * subtypes.
 */
function mostExact(tabled: string, counted: string): string {
  return knownAs(tabled).isLocal ? counted : tabled;
}

function nameByMagic(magic: number, device: string | undefined): string {
  // Node gives f_type as the signed word that some libraries make of it.
  const unsigned = magic >>> 0;
  const name = byMagic.get(unsigned);
  const hasNoDisk = device?.startsWith('0:') === true;
  if (name === undefined || (hasNoDisk && onDisks.includes(name))) {
    return `unknown (0x${unsigned.toString(16)})`;
  }
  return name;
}

/** Mount options that keep locks from the server (nfs(5), mount.cifs(8), mount.lustre(8)). */
const keepLocksHere: Readonly<Record<string, LockReach>> = {
  nolock: 'thisMachine',
  'local_lock=flock': 'thisMachine',
  'local_lock=all': 'thisMachine',
  nobrl: 'thisMount',
  localflock: 'thisMachine',
};

function lockReach({ locks, isLocal }: Known, options: readonly string[]): LockReach {
  if (isLocal) return locks;
  const option = options.find((name) => name in keepLocksHere);
  return option === undefined ? locks : (keepLocksHere[option] ?? locks);
}

/**
 * Before Linux 5.8 syncfs(2) returned no error for data that could not be written back (BUGS in its
 * man page).
 */
export function kernelReportsSyncfsErrors(kernel: string = release()): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map(Number);
  return major > 5 || (major === 5 && minor >= 8);
}

/** What is known of the filesystems of Linux by their type (`statfs(2)`, <linux/magic.h>). */
import { release } from 'node:os';

/** What Holdfast needs to know of a type of filesystem. */
export interface FilesystemType {
  readonly name: string;
  /** Only this machine can reach it, so that a flock(2) on a directory speaks for every process there is. */
  readonly isLocal: boolean;
  /** Its syncfs(2) waits for data, metadata and the disk's cache, and reports errors of writing back. */
  readonly hasReliableSyncfs: boolean;
  /** False when it lives in memory; `undefined` when it is not known. */
  readonly survivesPowerLoss: boolean | undefined;
}

const local = { isLocal: true, hasReliableSyncfs: false, survivesPowerLoss: true };
const disk = { isLocal: true, hasReliableSyncfs: true, survivesPowerLoss: true };
const memory = { isLocal: true, hasReliableSyncfs: true, survivesPowerLoss: false };
const shared = { isLocal: false, hasReliableSyncfs: false, survivesPowerLoss: undefined };

const types: ReadonlyMap<number, FilesystemType> = new Map([
  [0xef53, { name: 'ext2/ext3/ext4', ...disk }],
  [0x58465342, { name: 'xfs', ...disk }],
  [0x9123683e, { name: 'btrfs', ...disk }],
  [0x01021994, { name: 'tmpfs', ...memory }],
  [0x858458f6, { name: 'ramfs', ...memory }],
  [0xf2f52010, { name: 'f2fs', ...local }],
  [0x2fc12fc1, { name: 'zfs', ...local }],
  [0xca451a4e, { name: 'bcachefs', ...local }],
  [0x4d44, { name: 'vfat', ...local }],
  [0x2011bab0, { name: 'exfat', ...local }],
  [0x7366746e, { name: 'ntfs3', ...local }],
  // overlayfs does not pass on what its upper layer failed to write back.
  [0x794c7630, { name: 'overlayfs', ...local }],
  [0x6969, { name: 'nfs', ...shared }],
  [0xfe534d42, { name: 'smb', ...shared }],
  [0xff534d42, { name: 'cifs', ...shared }],
  [0x65735546, { name: 'fuse or virtiofs', ...shared }],
  [0x01021997, { name: '9p', ...shared }],
  [0x00c36400, { name: 'ceph', ...shared }],
  [0x0bd00bd0, { name: 'lustre', ...shared }],
  [0x47504653, { name: 'gpfs', ...shared }],
  [0x01161970, { name: 'gfs2', ...shared }],
  [0x7461636f, { name: 'ocfs2', ...shared }],
]);

/** What is known of a type; of an unknown one nothing good is believed. */
export function filesystemType(magic: number): FilesystemType {
  // Node gives f_type as the signed word that some libraries make of it.
  const unsigned = magic >>> 0;
  return types.get(unsigned) ?? { name: `unknown (0x${unsigned.toString(16)})`, ...shared };
}

/** Before Linux 5.8 syncfs(2) returned no error for data that could not be written back (BUGS in its man page). */
export function kernelReportsSyncfsErrors(kernel: string = release()): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map(Number);
  return major > 5 || (major === 5 && minor >= 8);
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeFileSystem } from 'holdfast/os';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { filesystemOf, judgeFilesystem } from '#src/os/filesystem.js';
import { findMount, parseMountInfo, spelledDevice } from '#src/os/mount-table.js';

const EXT4 = 0xef53;
const FUSE = 0x65735546;
const NFS = 0x6969;

const mounted = (type: string, ...options: string[]): { type: string; options: string[] } => ({
  type,
  options,
});

test("the mount table decides: QEMU's 9p, which gives its host's number, is no ext4", () => {
  const host = judgeFilesystem({ type: EXT4, device: '254:0', mount: mounted('ext4') });
  const guest = judgeFilesystem({
    type: EXT4,
    device: '0:50',
    mount: mounted('9p', 'trans=virtio'),
  });
  assert.equal(host.isLocal, true);
  assert.deepEqual(
    [guest.name, guest.isLocal, guest.locks, guest.survivesPowerLoss, guest.hasReliableSyncfs],
    ['9p', false, 'thisMount', undefined, false],
  );
});

test('the number of a disk filesystem is not believed of a device that is no disk', () => {
  assert.equal(judgeFilesystem({ type: EXT4, device: '0:50' }).isLocal, false);
  assert.equal(judgeFilesystem({ type: EXT4, device: '254:0' }).isLocal, true);
  assert.equal(judgeFilesystem({ type: 0x01021994, device: '0:50' }).isLocal, true);
});

test('a row of the table never makes a filesystem of other machines into one of this machine', () => {
  assert.equal(judgeFilesystem({ type: NFS, device: '0:50', mount: mounted('ext4') }).name, 'nfs');
  assert.equal(judgeFilesystem({ type: NFS, device: '0:50', mount: mounted('nfs4') }).name, 'nfs4');
});

test('FUSE filesystems, which share one number, are told apart by their subtype', () => {
  const of = (type: string): unknown => {
    const { isLocal, locks, survivesPowerLoss, keepsNames } = judgeFilesystem({
      type: FUSE,
      device: '0:51',
      mount: mounted(type),
    });
    return [isLocal, locks, survivesPowerLoss, keepsNames];
  };
  assert.deepEqual(of('fuse.bindfs'), [false, 'thisMount', false, true]);
  assert.deepEqual(of('fuse.gocryptfs'), [false, 'thisMount', undefined, true]);
  assert.deepEqual(of('fuse.cryfs'), [false, 'thisMount', false, false]);
  assert.deepEqual(of('fuse.rclone'), [false, 'thisMount', false, false]);
  assert.deepEqual(of('fuseblk'), [false, 'thisMachine', undefined, false]);
  assert.deepEqual(of('fuse.of-tomorrow'), [false, 'thisMount', undefined, false]);
});

test('what has no journal does not survive a power loss, also under a number of a filesystem that has one', () => {
  const of = (type: string): readonly unknown[] => {
    const judged = judgeFilesystem({ type: EXT4, device: '7:0', mount: mounted(type) });
    return [judged.isLocal, judged.survivesPowerLoss, judged.keepsNames];
  };
  for (const type of ['ext2', 'vfat', 'exfat', 'minix', 'hfsplus']) {
    assert.deepEqual(of(type), [true, false, false], type);
  }
  for (const type of ['ext4 without a journal', 'jfs']) {
    assert.deepEqual(of(type), [true, false, true], type);
  }
  for (const type of ['nilfs2', 'f2fs', 'ext3']) {
    assert.deepEqual(of(type), [true, true, true], type);
  }
});

test('an option that keeps locks from the server keeps them on this machine, or on this mount', () => {
  const locks = (type: string, ...options: string[]): string =>
    judgeFilesystem({ type: NFS, device: '0:52', mount: mounted(type, ...options) }).locks;
  assert.equal(locks('nfs4', 'rw', 'vers=4.2', 'local_lock=none'), 'everyone');
  assert.equal(locks('nfs', 'rw', 'nolock'), 'thisMachine');
  assert.equal(locks('nfs', 'local_lock=all'), 'thisMachine');
  assert.equal(locks('cifs', 'nobrl'), 'thisMount');
  assert.equal(locks('fakeowner'), 'nobody');
  assert.equal(locks('9p', 'nolock'), 'thisMachine');
});

test('the row of a path is found by its device number, and named as the table names it', async (t) => {
  const path = temporaryDirectory(t);
  const { name, isLocal } = await filesystemOf(nodeFileSystem, path);
  assert.equal(isLocal, true);
  const stat = await nodeFileSystem.statFilesystem(path);
  if (process.platform !== 'linux') return;
  assert.equal(name, stat.mount?.type);
  assert.equal(stat.device, spelledDevice((await nodeFileSystem.stat(path)).dev));
});

const mountInfo = `\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,nobarrier
30 22 0:40 / /var/with\\040space rw,nosuid shared:2 master:3 - tmpfs tmpfs rw,size=1k
31 22 0:41 /sub /data rw - btrfs /dev/vdb rw,subvol=/sub
32 22 0:42 / /data rw - overlay overlay rw,volatile
`;

test('the mount of a path is the last one on the longest mount point above it', () => {
  const mounts = parseMountInfo(mountInfo);
  assert.equal(findMount(mounts, '/data')?.type, 'overlay');
  assert.equal(findMount(mounts, '/database')?.type, 'ext4');
  assert.equal(findMount(mounts, '/var/with space/x')?.type, 'tmpfs');
  assert.ok(findMount(mounts, '/')?.options.includes('nobarrier'));
  assert.equal(mounts[2]?.rootInFilesystem, '/sub');
  assert.equal(mounts[2]?.device, '0:41');
});

test('device numbers beyond a byte are spelled as the table spells them', () => {
  assert.equal(spelledDevice(0xfe00n), '254:0');
  assert.equal(spelledDevice(0x0010_0f05n), '15:261');
  assert.equal(spelledDevice((0x1000n << 32n) | 0x34n), '4096:52');
});

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { TestContext } from 'node:test';

export type MountableFilesystem = 'ext4' | 'xfs' | 'btrfs' | 'tmpfs';

const makeFilesystem: Record<Exclude<MountableFilesystem, 'tmpfs'>, readonly string[]> = {
  ext4: ['mkfs.ext4', '-q', '-F'],
  xfs: ['mkfs.xfs', '-q', '-f'],
  btrfs: ['mkfs.btrfs', '-q', '-f'],
};

/**
 * Mounts a fresh filesystem for a test (root only) and unmounts it when the test ends, also when it
 * fails. Disk filesystems live in a sparse image file under a loop device.
 */
export function mountFilesystem(
  t: TestContext,
  type: MountableFilesystem,
  options: { readonly sizeMb?: number; readonly mountOptions?: string } = {},
): string {
  // Not temporaryDirectory: its removal would come before the unmounting, and empty the mounted
  // filesystem.
  const scratch = mkdtempSync(`${realpathSync(tmpdir())}/holdfast-test-`);
  const mountPoint = `${scratch}/mount`;
  mkdirSync(mountPoint);
  const extra = options.mountOptions ? [options.mountOptions] : [];
  if (type === 'tmpfs') {
    const mountOptions = [`size=${options.sizeMb ?? 64}m`, ...extra].join(',');
    execFileSync('mount', ['-t', 'tmpfs', '-o', mountOptions, 'holdfast-test', mountPoint]);
  } else {
    const image = `${scratch}/image`;
    writeFileSync(image, '');
    // 320 MB is just over the smallest that mkfs.xfs makes.
    truncateSync(image, (options.sizeMb ?? 320) * 1024 * 1024);
    const [program, ...flags] = makeFilesystem[type];
    execFileSync(program as string, [...flags, image]);
    execFileSync('mount', ['-t', type, '-o', ['loop', ...extra].join(','), image, mountPoint]);
  }
  t.after(() => {
    execFileSync('umount', ['--lazy', mountPoint]);
    rmSync(scratch, { recursive: true, force: true });
  });
  return mountPoint;
}

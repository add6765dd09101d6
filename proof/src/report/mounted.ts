/** A fresh filesystem to work on, for as long as some work takes (root only). */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type MountedKind = 'ext4' | 'xfs' | 'btrfs' | 'tmpfs';

const make: Readonly<Record<MountedKind, readonly string[]>> = {
  ext4: ['mkfs.ext4', '-q', '-F'],
  xfs: ['mkfs.xfs', '-q', '-f'],
  btrfs: ['mkfs.btrfs', '-q', '-f'],
  tmpfs: [],
};
/** Just over the smallest that mkfs.xfs makes. */
const SIZE_MB = 320;

export async function onMounted<T>(
  kind: MountedKind,
  work: (directory: string) => Promise<T>,
): Promise<T> {
  const scratch = mkdtempSync(join(tmpdir(), 'holdfast-mounted-'));
  const directory = `${scratch}/mount`;
  mkdirSync(directory);
  try {
    mount(kind, `${scratch}/image`, directory);
    try {
      return await work(directory);
    } finally {
      execFileSync('umount', ['--lazy', directory]);
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function mount(kind: MountedKind, image: string, directory: string): void {
  const [program, ...flags] = make[kind];
  if (program === undefined) {
    execFileSync('mount', ['-t', 'tmpfs', 'holdfast-crash', directory]);
    return;
  }
  writeFileSync(image, '');
  truncateSync(image, SIZE_MB * 2 ** 20);
  execFileSync(program, [...flags, image]);
  execFileSync('mount', ['-t', kind, '-o', 'loop', image, directory]);
}

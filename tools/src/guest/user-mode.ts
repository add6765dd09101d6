/**
 * Debian's user-mode-linux: a kernel that runs as a process, with this machine's files as its own.
 */
import { existsSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { Guest, Machine } from './guest.js';

const KERNEL = '/usr/bin/linux.uml';
const MODULES = '/usr/lib/uml/modules';
const SHARED_MEMORY = '/dev/shm';
const MEMORY_MIB = 768;

export const userMode: Machine = {
  needs: [KERNEL, MODULES],
  packages: 'user-mode-linux',
  bootLimitMs: 60_000,
  modules: () => MODULES,
  mountShared: (shared) => `mount -t hostfs -o '${shared}' none /mnt/shared`,
  command: (folder, { disks = [], memoryMiB = MEMORY_MIB }) => [
    KERNEL,
    `mem=${memoryMiB}M`,
    ...disks.map((disk, index) => `ubd${'abcdefgh'[index]}=${disk}`),
    `init=${folder}/init`,
    `uml_dir=${folder}`,
    ...'root=/dev/root rootfstype=hostfs rootflags=/ ro con=null con0=null,fd:1 quiet'.split(' '),
  ],
  environment: (guest) => ({ TMPDIR: placeForMemory(guest) }),
};

/** The guest's memory is a file without a name: in memory where there is room for it. */
function placeForMemory({ memoryMiB = MEMORY_MIB }: Guest): string {
  if (!existsSync(SHARED_MEMORY)) return tmpdir();
  const { bavail, bsize } = statfsSync(SHARED_MEMORY);
  return bavail * bsize > memoryMiB * 2 ** 20 ? SHARED_MEMORY : tmpdir();
}

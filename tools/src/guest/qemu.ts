/**
 * A PC that QEMU emulates, with the kernel of Debian's package for such machines and this machine's
 * files over QEMU's own 9p. Nothing of the processor's is asked for: it runs where there is no KVM,
 * and where KVM in a virtual machine does not.
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Machine } from './guest.js';

const EMULATOR = '/usr/bin/qemu-system-x86_64';
const BUSYBOX = '/usr/bin/busybox';
const KERNEL_PACKAGE = 'linux-image-amd64';
const OVER_9P = 'trans=virtio,version=9p2000.L,msize=512000';
/** What the root is mounted with. */
const ROOT_MODULES = ['virtio_pci', '9pnet_virtio', '9p'];

const cache = fileURLToPath(new URL('../../../.cache/guest-kernel', import.meta.url));

export const qemu: Machine = {
  needs: [EMULATOR, BUSYBOX],
  packages: 'qemu-system-x86 busybox-static',
  bootLimitMs: 180_000,
  modules: () => `${kernelFolder()}/lib/modules`,
  mountShared: () =>
    `${mountCommand('shared', '/mnt/shared')} && mkdir /mnt/again && ${mountCommand('again', '/mnt/again')}`,
  command(folder, { disks = [], shared, memoryMiB = 1024 }) {
    const release = releaseOf(kernelFolder());
    return [
      EMULATOR,
      ...'-accel tcg -cpu max -smp 2 -display none -serial stdio -monitor none -no-reboot'.split(
        ' ',
      ),
      '-m',
      String(memoryMiB),
      '-kernel',
      `${kernelFolder()}/boot/vmlinuz-${release}`,
      '-initrd',
      makeInitramfs(folder, release),
      '-append',
      'console=ttyS0 quiet panic=-1',
      ...disks.flatMap((disk) => ['-drive', `file=${disk},if=virtio,format=raw`]),
      ...exported('/', 'root', ',readonly=on'),
      // A tag is mounted once: a second mount of the directory has a second one.
      ...(shared === undefined
        ? []
        : [...exported(shared, 'shared'), ...exported(shared, 'again')]),
    ];
  },
  environment: () => ({}),
};

function exported(path: string, tag: string, more = ''): string[] {
  const options = `local,path=${path},mount_tag=${tag},security_model=none,multidevs=remap${more}`;
  return ['-virtfs', options];
}

function mountCommand(tag: string, point: string, more = ''): string {
  return `mount -t 9p -o ${OVER_9P}${more} ${tag} ${point}`;
}

let found: string | undefined;

/** The kernel and its modules, unpacked into the cache on first use. */
function kernelFolder(): string {
  found ??= unpackKernel();
  return found;
}

function unpackKernel(): string {
  const dependencies = textOf('apt-cache', ['depends', KERNEL_PACKAGE]);
  const name = /Depends: (linux-image-[\w.+-]+)/.exec(dependencies)?.[1];
  if (name === undefined)
    throw new Error(`${KERNEL_PACKAGE} depends on no kernel: ${dependencies}`);
  const folder = `${cache}/${name}`;
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(`${cache}/new-`);
  try {
    execFileSync('apt-get', ['download', '-qq', name], { cwd: fresh, stdio: 'pipe' });
    execFileSync('sh', ['-c', 'dpkg-deb -x *.deb . && rm *.deb'], { cwd: fresh });
    execFileSync('depmod', ['-b', fresh, releaseOf(fresh)]);
    renameSync(fresh, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return folder;
}

function releaseOf(folder: string): string {
  return textOf('ls', [`${folder}/lib/modules`]).trim();
}

/** What mounts this machine's files as the root, and starts the guest's first program there. */
function makeInitramfs(folder: string, release: string): string {
  const tree = `${folder}/initramfs`;
  mkdirSync(`${tree}/root`, { recursive: true });
  mkdirSync(`${tree}/bin`);
  cpSync(BUSYBOX, `${tree}/bin/busybox`);
  const modules = ROOT_MODULES.flatMap((name) =>
    textOf('modprobe', ['-d', kernelFolder(), '-S', release, '--show-depends', name])
      .split('\n')
      .filter((line) => line.startsWith('insmod '))
      .map((line) => line.replace('insmod ', '').trim()),
  );
  for (const path of modules) cpSync(path, `${tree}/${basename(path)}`);
  const insert = [...new Set(modules)].map((path) => `$b insmod /${basename(path)}`);
  const script = [
    '#!/bin/busybox sh',
    'b=/bin/busybox',
    ...insert,
    `$b ${mountCommand('root', '/root', ',ro,cache=loose')}`,
    '$b mount -t devtmpfs dev /root/dev',
    `exec $b switch_root /root '${folder}/init'`,
    '',
  ];
  writeFileSync(`${tree}/init`, script.join('\n'), { mode: 0o755 });
  const pack = `find . | ${BUSYBOX} cpio -o -H newc 2>/dev/null | gzip -1 >../initramfs.gz`;
  execFileSync('sh', ['-c', pack], { cwd: tree });
  return `${folder}/initramfs.gz`;
}

function textOf(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8' });
}

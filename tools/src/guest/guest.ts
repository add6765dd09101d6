/**
 * A second machine without hardware, with a whole Linux kernel of its own. It sees this machine's
 * files read-only as its own root, so Node and the repository are there, and it may mount what this
 * machine's kernel cannot or must not: NFS served and mounted by itself, filesystems whose modules
 * are not here.
 *
 * The guest runs one script as root and ends with it. It has no network but its own loopback, and
 * what it writes elsewhere is gone with it. Everything of it is one process group, which dies with
 * it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { qemu } from './qemu.js';
import { userMode } from './user-mode.js';

export { serveByNfs } from './nfs-server.js';

const BOOTS = 2;

/** In place of the exit status of a guest that has lost its power. */
export const POWER_LOST = -1;

export interface Guest {
  /**
   * `userMode` by default: a kernel that runs as a process, up in two seconds. `qemu`: a PC that is
   * emulated, up in half a minute and ten times slower, with every module of Debian's kernel.
   */
  readonly machine?: MachineName;
  /**
   * Bash, run by root in the guest. `/mnt` is an empty tmpfs, `$TMPDIR` a directory in it, and
   * `load MODULE ...` loads kernel modules; those that the kernel asks for by itself (filesystems,
   * tables of characters, ciphers) it gets. Its exit status is the guest's.
   */
  readonly script: string;
  /**
   * Images of disks: `/dev/ubda`, `/dev/ubdb`, … in a user-mode guest, `/dev/vda`, … in the other.
   */
  readonly disks?: readonly string[];
  /**
   * A directory of this machine that the guest may write to: `/mnt/shared` there, and with QEMU, by
   * a mount of its own, `/mnt/again`.
   */
  readonly shared?: string;
  readonly memoryMiB?: number;
  /** How long the guest may live, from the start of its script. */
  readonly timeLimitMs: number;
  /**
   * Ends the guest at once, as a loss of power does: its disks hold what had come to them. Its exit
   * status is `POWER_LOST` then.
   */
  readonly powerLoss?: AbortSignal;
  /** Is given each line that the script writes, and what the kernel says. */
  readonly onLine: (line: string) => void;
}

export type MachineName = 'userMode' | 'qemu';

/** What runs the kernel of a guest. */
export interface Machine {
  /** Programs and folders of which none may be missing, and the Debian packages that bring them. */
  readonly needs: readonly string[];
  readonly packages: string;
  /** A kernel that has not run its script by then hangs. */
  readonly bootLimitMs: number;
  /** Where `lib/modules` of the kernel lies; made when it is not there yet. */
  readonly modules: () => string;
  /** The command by which the guest mounts the shared directory. */
  readonly mountShared: (shared: string) => string;
  /**
   * Makes what the kernel starts from, if it needs anything, and gives the command line that starts
   * it.
   */
  readonly command: (folder: string, guest: Guest) => readonly string[];
  readonly environment: (guest: Guest) => NodeJS.ProcessEnv;
}

const machines: Readonly<Record<MachineName, Machine>> = { userMode, qemu };

function machineOf({ machine = 'userMode' }: Guest): Machine {
  return machines[machine];
}

/**
 * Runs a guest and resolves to the exit status of its script. One that does not come up is started
 * once more.
 *
 * @throws Error when it does not come up, ends without an exit status, or outlives its time; its
 *   process is gone then
 */
export async function runGuest(guest: Guest): Promise<number> {
  const { needs, packages } = machineOf(guest);
  const missing = needs.find((path) => !existsSync(path));
  if (missing !== undefined)
    throw new Error(`${missing} is missing: apt-get install ${packages} kmod`);
  const folder = mkdtempSync(`${realpathSync(tmpdir())}/holdfast-guest-`);
  try {
    prepare(folder, guest);
    for (let boot = 1; ; boot += 1) {
      const ended = await start(folder, guest);
      if (ended.isUp || boot === BOOTS) return statusOf(ended);
      guest.onLine(`the guest did not come up (${ended.why}); it is started once more`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * modprobe(8) looks for modules in `lib/modules` below the directory that it is given. The kernel
 * runs the program that /proc/sys/kernel/modprobe names.
 */
function prepare(folder: string, guest: Guest): void {
  mkdirSync(`${folder}/lib`);
  symlinkSync(machineOf(guest).modules(), `${folder}/lib/modules`);
  writeFileSync(`${folder}/script`, guest.script);
  const modprobe = `#!/bin/sh\nexec modprobe -d '${folder}' "$@"\n`;
  writeFileSync(`${folder}/modprobe`, modprobe, { mode: 0o755 });
  writeFileSync(`${folder}/init`, init(folder, guest), { mode: 0o755 });
}

const UP = 'holdfast-guest-is-up';
const ENDED = 'holdfast-guest-ended';

/** The first program of the guest. Its kernel turns itself off when the script has ended. */
function init(folder: string, guest: Guest): string {
  const { shared } = guest;
  const mountShared = shared && `mkdir /mnt/shared && ${machineOf(guest).mountShared(shared)}`;
  return `#!/bin/bash
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /mnt
mkdir -p /dev/shm /mnt/tmp
mount -t tmpfs tmpfs /dev/shm
${mountShared ?? ''}
ip link set lo up
export TMPDIR=/mnt/tmp
echo '${folder}/modprobe' >/proc/sys/kernel/modprobe
load() { for module in "$@"; do modprobe -d '${folder}' "$module" || return; done; }
export -f load
cd /mnt
echo ${UP}
bash '${folder}/script'
echo ${ENDED} $?
sync
echo 1 >/proc/sys/kernel/sysrq
echo o >/proc/sysrq-trigger
sleep 60
`;
}

/** How a guest ended. */
interface Ended {
  readonly isUp: boolean;
  readonly status: number | undefined;
  readonly why: string;
}

async function start(folder: string, guest: Guest): Promise<Ended> {
  const { command, environment, bootLimitMs } = machineOf(guest);
  const [program = '', ...args] = command(folder, guest);
  const kernel = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, ...environment(guest) },
  });
  let [isUp, why] = [false, 'it ended by itself'];
  let status: number | undefined;
  const kill = (reason: string): void => {
    why = reason;
    killGroup(kernel);
  };
  let timer = setTimeout(kill, bootLimitMs, 'no script ran in time');
  const losePower = (): void => {
    status = POWER_LOST;
    killGroup(kernel);
  };
  guest.powerLoss?.addEventListener('abort', losePower, { once: true });
  const onExit = (): void => {
    killGroup(kernel);
    rmSync(folder, { recursive: true, force: true });
  };
  const onSignal = (): never => process.exit(1);
  process.once('exit', onExit);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, onSignal);
  try {
    await readLines(kernel, (line) => {
      const end = line.startsWith(ENDED) ? Number(line.slice(ENDED.length)) : undefined;
      if (line === UP) {
        isUp = true;
        clearTimeout(timer);
        timer = setTimeout(kill, guest.timeLimitMs, `it outlived ${guest.timeLimitMs} ms`);
      } else if (end === undefined) guest.onLine(line);
      else status = end;
    });
    return { isUp, status, why };
  } finally {
    clearTimeout(timer);
    guest.powerLoss?.removeEventListener('abort', losePower);
    process.off('exit', onExit);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, onSignal);
    killGroup(kernel);
  }
}

/** Settles when the process has ended and all its lines were given. */
async function readLines(child: ChildProcess, onLine: (line: string) => void): Promise<void> {
  const outputs = [child.stdout, child.stderr].map(async (output) => {
    if (!output) return;
    for await (const line of createInterface({ input: output })) onLine(line.replace(/\r$/, ''));
  });
  await Promise.all([
    ...outputs,
    new Promise<void>((resolve, reject) => {
      child.on('exit', () => resolve());
      child.on('error', reject);
    }),
  ]);
}

/** The kernel and the processes in which it runs its own. */
function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended, and so have they.
  }
}

function statusOf({ isUp, status, why }: Ended): number {
  if (status !== undefined) return status;
  throw new Error(isUp ? `the guest ended early: ${why}` : `the guest does not come up: ${why}`);
}

/**
 * Filesystems of other people, mounted for a test and unmounted after it, also when it fails. Root
 * only.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestContext } from 'node:test';

/**
 * Where a filesystem is mounted; `second` is another mount of the same files without shared caches.
 */
export interface Mounted {
  readonly path: string;
  readonly second?: string;
  /** The file that is its disk, where it has one. */
  readonly image?: string;
}

/**
 * A folder for images, stores and mount points, and what undoes what was done in it, last first.
 */
export class MountedTest {
  readonly folder: string;
  readonly #undo: (() => void)[] = [];

  constructor(t: TestContext) {
    this.folder = mkdtempSync(`${realpathSync(tmpdir())}/holdfast-mounts-`);
    t.after(() => {
      for (const undo of this.#undo.toReversed()) undo();
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    });
  }

  directory(name: string): string {
    const path = `${this.folder}/${name}`;
    mkdirSync(path);
    return path;
  }

  onEnd(undo: () => void): void {
    this.#undo.push(undo);
  }

  run(program: string, args: readonly string[], input = ''): void {
    execFileSync(program, args, { input, stdio: ['pipe', 'pipe', 'pipe'], timeout: 30_000 });
  }

  /** Makes a mount point, runs what mounts something there, and unmounts it in the end. */
  mount(name: string, by: (point: string) => void): string {
    const point = this.directory(name);
    by(point);
    this.onEnd(() => void spawnSync('umount', ['--lazy', point]));
    return point;
  }

  /** The same for two mounts of one thing. */
  twice(by: (point: string) => void): Mounted {
    return { path: this.mount('mount', by), second: this.mount('second', by) };
  }

  /** A disk filesystem in an image under a loop device. */
  image(type: string, make: readonly string[], sizeMb = 64, name = 'mount'): string {
    const image = `${this.folder}/image`;
    writeFileSync(image, '');
    truncateSync(image, sizeMb * 1024 * 1024);
    const [program = '', ...flags] = make;
    this.run(program, [...flags, image]);
    return this.mount(name, (point) => this.run('mount', ['-t', type, '-o', 'loop', image, point]));
  }

  /**
   * An sshd of its own on the loopback, which serves this machine's files to the user of the test.
   */
  async sshServer(): Promise<{ port: number; key: string }> {
    const port = await freePort();
    const key = `${this.folder}/key`;
    for (const path of [key, `${this.folder}/host`]) {
      this.run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
    }
    const config = `${this.folder}/sshd`;
    const lines = [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${this.folder}/host`,
      `AuthorizedKeysFile ${key}.pub`,
      'PermitRootLogin yes',
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      'Subsystem sftp internal-sftp',
    ];
    writeFileSync(config, `${lines.join('\n')}\n`);
    mkdirSync('/run/sshd', { recursive: true });
    this.#serve('/usr/sbin/sshd', ['-D', '-e', '-f', config]);
    return { port, key };
  }

  /** A Samba on the loopback, and two mounts of what it shares, as of two machines. */
  async samba(): Promise<Mounted> {
    const port = await freePort();
    const [store, own] = [this.directory('store'), this.directory('samba')];
    const directories = ['private dir', 'lock directory', 'state directory', 'cache directory'];
    const lines = [
      '[global]',
      `smb ports = ${port}`,
      'interfaces = 127.0.0.1',
      'bind interfaces only = yes',
      'server role = standalone server',
      'map to guest = Bad User',
      'guest account = root',
      'load printers = no',
      ...[...directories, 'pid directory'].map((name) => `${name} = ${own}`),
      `ncalrpc dir = ${own}/rpc`,
      `log file = ${own}/log`,
      '[share]',
      `path = ${store}`,
      'guest ok = yes',
      'read only = no',
    ];
    writeFileSync(`${own}/conf`, `${lines.join('\n')}\n`);
    this.#serve('/usr/sbin/smbd', ['--foreground', '--no-process-group', '-s', `${own}/conf`]);
    const options = `ip=127.0.0.1,port=${port},username=root,password=,nosharesock`;
    const mount = ['-i', '-t', 'cifs', '-o', options, '//127.0.0.1/share'];
    await answers(port);
    return this.twice((point) => this.run('mount', [...mount, point]));
  }

  /**
   * A server of 9P2000.L over a disk of its own, and two mounts of what it serves. Like QEMU's it
   * gives the type number of the server's filesystem for that of the mount (`-p`).
   */
  async diod(): Promise<Mounted> {
    const store = this.image('ext4', ['mkfs.ext4', '-q', '-F'], 64, 'store');
    const socket = `${this.folder}/socket`;
    this.#serve('/usr/sbin/diod', ['-f', '-n', '-p', '-l', socket, '-e', store, '-U', 'root']);
    const options = `trans=unix,version=9p2000.L,uname=root,access=any,aname=${store}`;
    const mount = ['-i', '-t', '9p', '-o', options, socket];
    await answers(socket);
    return this.twice((point) => this.run('mount', [...mount, point]));
  }

  #serve(program: string, args: readonly string[]): void {
    // Of a process group of its own: what a server starts ends with it, and it ends nothing else
    // (smbd does).
    const server = spawn(program, args, { stdio: 'ignore', detached: true });
    const { pid } = server;
    if (pid !== undefined) this.onEnd(() => void process.kill(-pid));
  }
}

/** Set in a guest kernel (tools/src/guest), to the name of its machine. */
export const IN_GUEST = 'HOLDFAST_IN_GUEST';

/** The machine of the guest kernel that this is; `undefined` where it is none. */
export function machineHere(): string | undefined {
  return process.env[IN_GUEST];
}

/** The program that the kernel runs for a module; a kernel without modules has no such file. */
const MODPROBE = '/proc/sys/kernel/modprobe';

/** Whether the kernel has a filesystem, after its module was asked for as the kernel would. */
export function kernelHas(type: string): boolean {
  if (existsSync(MODPROBE)) {
    spawnSync(readFileSync(MODPROBE, 'utf8').trim(), ['--quiet', `fs-${type}`]);
  }
  return readFileSync('/proc/filesystems', 'utf8')
    .split('\n')
    .some((line) => line.split('\t').at(-1) === type);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/**
 * Resolves when a server accepts connections on a port of the loopback, or on a socket with a path.
 */
async function answers(address: number | string): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = typeof address === 'number' ? connect(address, '127.0.0.1') : connect(address);
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (isUp) return;
    await sleep(200);
  }
  throw new Error(`nobody answers on ${address}`);
}

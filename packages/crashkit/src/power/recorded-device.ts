/** A loop device whose every write, flush and mark is logged (root only). */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseBlockLog, type BlockRecord } from './block-log.js';
import { markIn } from './mark.js';

const serverProgram = fileURLToPath(new URL('nbd-server.js', import.meta.url));

export class RecordedDevice {
  /** The loop device. */
  readonly path: string;
  readonly markPath: string;
  readonly markedPath: string;
  readonly #scratch: string;
  readonly #server: ChildProcess;
  readonly #fuse: ChildProcess;

  private constructor(scratch: string, path: string, server: ChildProcess, fuse: ChildProcess) {
    this.path = path;
    this.#scratch = scratch;
    this.#server = server;
    this.#fuse = fuse;
    this.markPath = `${scratch}/mark`;
    this.markedPath = `${scratch}/marked`;
  }

  /** Makes a device with nothing on it; its files lie in an existing, empty directory. */
  static async create(scratch: string, sizeBytes: number): Promise<RecordedDevice> {
    execFileSync('mkfifo', [`${scratch}/mark`, `${scratch}/marked`]);
    mkdirSync(`${scratch}/fuse`);
    const files = [`${scratch}/socket`, String(sizeBytes), `${scratch}/log`];
    const fifos = [`${scratch}/mark`, `${scratch}/marked`];
    const server = spawn(process.execPath, [serverProgram, ...files, ...fifos], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(server.stdout, 'data');
    const nbd = ['--unix', `${scratch}/socket`];
    const fuse = spawn('nbdfuse', [`${scratch}/fuse/device`, ...nbd], { stdio: 'inherit' });
    for (let tries = 0; !existsSync(`${scratch}/fuse/device`) && tries < 500; tries += 1) {
      await sleep(10);
    }
    const loop = execFileSync('losetup', ['--find', '--show', `${scratch}/fuse/device`]);
    return new RecordedDevice(scratch, loop.toString().trim(), server, fuse);
  }

  mark(label: string): void {
    markIn(this.markPath, this.markedPath, label);
  }

  /** Everything that happened to the device so far. */
  records(): BlockRecord[] {
    return parseBlockLog(readFileSync(`${this.#scratch}/log`));
  }

  /** Takes the device away. It must not be mounted. */
  async remove(): Promise<void> {
    execFileSync('losetup', ['--detach', this.path]);
    await sleep(20);
    execFileSync('fusermount3', ['-u', '-z', `${this.#scratch}/fuse`]);
    this.#server.kill('SIGKILL');
    if (this.#fuse.exitCode === null) this.#fuse.kill();
  }
}

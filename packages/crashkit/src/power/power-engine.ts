/**
 * The power engine: a real filesystem on a recorded device. At each flush and each mark, what was
 * flushed before and some of the blocks that were on their way make an image; it is mounted, as
 * after a power loss, and checked. Root only.
 *
 * This judges what the model assumes: the real journal, its recovery, and what the kernel really
 * sends.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync } from 'node:fs';
import { existsSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../explore/message.js';
import { prepare } from '../explore/record.js';
import { subsets } from '../explore/subsets.js';
import type { Violation } from '../explore/violation.js';
import { freshFs, runChild } from '../kill/kill-engine.js';
import { loadScenario } from '../kill/load-scenario.js';
import { Hasher } from '../model/hasher.js';
import { readTree } from '../model/tree.js';
import { Random } from '../random.js';
import { BLOCK_BYTES, type BlockRecord } from './block-log.js';
import { RecordedDevice } from './recorded-device.js';

/** The filesystems that are cut. */
export type PowerFilesystem = 'ext4' | 'xfs' | 'btrfs';

/** How each is made, and the smallest device it takes with room to work. */
const filesystems: Readonly<
  Record<PowerFilesystem, { readonly make: readonly string[]; readonly sizeMb: number }>
> = {
  ext4: { make: ['mkfs.ext4', '-q', '-F', '-E', 'nodiscard'], sizeMb: 32 },
  xfs: { make: ['mkfs.xfs', '-q', '-f', '-K'], sizeMb: 320 },
  btrfs: { make: ['mkfs.btrfs', '-q', '-f', '-K'], sizeMb: 128 },
};

/** Which filesystem, and how many cuts. */
export interface PowerOptions {
  /** The module whose `scenarios` has the scenario, as a URL. */
  readonly module: string;
  readonly scenario: string;
  readonly filesystem: PowerFilesystem;
  readonly seed?: number | undefined;
  /** How many random subsets of the blocks in flight, at each flush and mark; 24 by default. */
  readonly subsets?: number | undefined;
  /**
   * The write of the device, counted from the begin of the program, that fails; none by default.
   */
  readonly failingWrite?: number | undefined;
}

/** What was found when the power was cut. */
export interface PowerExploration {
  readonly scenario: string;
  readonly filesystem: PowerFilesystem;
  /** Distinct images that were mounted and checked. */
  readonly images: number;
  readonly flushes: number;
  readonly violations: readonly Violation[];
}

const childProgram = fileURLToPath(new URL('power-child.js', import.meta.url));
const BEGIN = 'holdfast: begin';

/**
 * Runs a scenario on a recorded device, and checks what a power loss at each flush and mark may
 * leave.
 */
export async function explorePower(options: PowerOptions): Promise<PowerExploration> {
  const scratch = mkdtempSync(`${existsSync('/dev/shm') ? '/dev/shm' : tmpdir()}/holdfast-power-`);
  mkdirSync(`${scratch}/mount`);
  try {
    const records = await recordProgram(options, scratch);
    return await checkImages(options, scratch, records);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function recordProgram(
  options: PowerOptions,
  scratch: string,
): Promise<readonly BlockRecord[]> {
  const { make, sizeMb } = filesystems[options.filesystem];
  mkdirSync(`${scratch}/device`);
  const device = await RecordedDevice.create(`${scratch}/device`, sizeMb * 2 ** 20);
  try {
    execFileSync(make[0] as string, [...make.slice(1), device.path]);
    execFileSync('mount', ['-t', options.filesystem, device.path, `${scratch}/mount`]);
    try {
      return await runProgram(options, scratch, device);
    } finally {
      execFileSync('umount', ['--lazy', `${scratch}/mount`]);
    }
  } finally {
    await device.remove();
  }
}

async function runProgram(
  options: PowerOptions,
  scratch: string,
  device: RecordedDevice,
): Promise<readonly BlockRecord[]> {
  const root = `${scratch}/mount/d`;
  const scenario = await loadScenario(options.module, options.scenario, root);
  await prepare(freshFs(), scenario);
  execFileSync('sync', ['--file-system', `${scratch}/mount`]);
  device.mark(BEGIN);
  if (options.failingWrite !== undefined) device.mark(`fail ${options.failingWrite}`);
  const fifos = [device.markPath, device.markedPath];
  const args = [childProgram, options.module, options.scenario, root, ...fifos];
  if (options.failingWrite !== undefined) args.push('failing');
  const { status, stderr } = await runChild(process.execPath, args);
  if (status !== 0) throw new Error(`the program on ${options.filesystem} failed: ${stderr}`);
  return device.records();
}

async function checkImages(
  options: PowerOptions,
  scratch: string,
  records: readonly BlockRecord[],
): Promise<PowerExploration> {
  const checker = new ImageChecker(options, scratch);
  await checker.run(records);
  const { scenario, filesystem } = options;
  const { images, flushes, violations } = checker;
  return { scenario, filesystem, images, flushes, violations: [...violations.values()] };
}

/** Blocks by index. */
type Blocks = Map<number, Buffer>;

class ImageChecker {
  readonly violations = new Map<string, Violation>();
  images = 0;
  flushes = 0;
  readonly #options: PowerOptions;
  readonly #scratch: string;
  readonly #random: Random;
  readonly #seen = new Set<number>();
  readonly #flushed: Blocks = new Map();
  #inFlight: [number, Buffer][] = [];
  #latest: Blocks = new Map();
  #begun = false;
  #acknowledged: string[] = [];

  constructor(options: PowerOptions, scratch: string) {
    this.#options = options;
    this.#scratch = scratch;
    this.#random = new Random(options.seed ?? 1);
  }

  async run(records: readonly BlockRecord[]): Promise<void> {
    for (const record of records) {
      if (record.kind === 'write' || record.kind === 'zero') this.#put(record);
      else if (record.kind === 'flush') await this.#flush();
      else await this.#mark(record.label);
    }
    await this.#crashHere();
  }

  async #flush(): Promise<void> {
    await this.#crashHere();
    if (this.#begun) this.flushes += 1;
    for (const [index, block] of this.#inFlight) this.#flushed.set(index, block);
    this.#inFlight = [];
  }

  async #mark(label: string): Promise<void> {
    if (label === BEGIN) {
      await this.#flush();
      this.#begun = true;
      return;
    }
    this.#acknowledged.push(label);
    await this.#crashHere();
  }

  /** Puts a write in flight, a block at a time. */
  #put(record: BlockRecord & { readonly kind: 'write' | 'zero' }): void {
    const { offsetBytes } = record;
    const lengthBytes = record.kind === 'write' ? record.data.length : record.lengthBytes;
    for (let from = 0; from < lengthBytes;) {
      const index = Math.floor((offsetBytes + from) / BLOCK_BYTES);
      const within = (offsetBytes + from) % BLOCK_BYTES;
      const count = Math.min(BLOCK_BYTES - within, lengthBytes - from);
      const block = Buffer.from(this.#latest.get(index) ?? Buffer.alloc(BLOCK_BYTES));
      if (record.kind === 'write') record.data.copy(block, within, from, from + count);
      else block.fill(0, within, within + count);
      this.#latest.set(index, block);
      this.#inFlight.push([index, block]);
      from += count;
    }
  }

  /** Power goes here: some of what is in flight made it. */
  async #crashHere(): Promise<void> {
    if (!this.#begun) return;
    const limits = { exhaustiveUpTo: 4, randomPerStep: this.#options.subsets ?? 24 };
    let made = 0;
    for (const kept of subsets(this.#inFlight.length, limits, this.#random)) {
      if (made > limits.randomPerStep * 2) break;
      made += 1;
      const blocks = new Map(this.#flushed);
      for (const [position, [index, block]] of this.#inFlight.entries()) {
        if (kept[position] === 1) blocks.set(index, block);
      }
      await this.#check(blocks);
    }
  }

  async #check(blocks: Blocks): Promise<void> {
    if (!this.#isNew(blocks)) return;
    this.images += 1;
    const image = `${this.#scratch}/image`;
    const mount = `${this.#scratch}/mount`;
    writeImage(image, blocks, filesystems[this.#options.filesystem].sizeMb * 2 ** 20);
    try {
      if (!this.#isMounted(image, mount)) return;
      try {
        await this.#checkMounted(`${mount}/d`);
      } finally {
        execFileSync('umount', [mount]);
      }
    } finally {
      rmSync(image);
    }
  }

  /**
   * A device that failed to write may have broken the filesystem itself, which no program on it
   * could help.
   */
  #isMounted(image: string, mount: string): boolean {
    const { filesystem, failingWrite } = this.#options;
    try {
      execFileSync('mount', ['-t', filesystem, '-o', 'loop', image, mount], { stdio: 'pipe' });
      return true;
    } catch (error) {
      if (failingWrite === undefined) throw error;
      this.images -= 1;
      return false;
    }
  }

  async #checkMounted(root: string): Promise<void> {
    const { module, scenario: name, filesystem, seed = 1 } = this.#options;
    const scenario = await loadScenario(module, name, root);
    const tree = existsSync(root) ? readTree(root) : [];
    const acknowledged = [...this.#acknowledged];
    const message = await messageOf(async () => {
      await scenario.recover?.(freshFs());
      await scenario.check(freshFs(), acknowledged);
    });
    if (message === undefined || this.violations.has(message)) return;
    const where = `power lost after ${this.flushes} flushes on ${filesystem}, ${this.#inFlight.length} blocks in flight`;
    const trace = [
      ...acknowledged.map((label) => ({ text: `ACK ${label}`, fate: '' })),
      { text: where, fate: '' },
    ];
    this.violations.set(message, {
      engine: 'power',
      scenario: name,
      seed,
      message,
      trace,
      acknowledged,
      tree,
    });
  }

  #isNew(blocks: Blocks): boolean {
    const hasher = new Hasher();
    hasher.number(this.#acknowledged.length);
    let sum = 0;
    for (const [index, block] of blocks) sum = (sum + blockHash(index, block)) % 2 ** 52;
    hasher.number(sum);
    const key = hasher.digest();
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }
}

const hashes = new WeakMap<Buffer, number>();

function blockHash(index: number, block: Buffer): number {
  const known = hashes.get(block);
  if (known !== undefined) return known;
  const hasher = new Hasher();
  hasher.number(index);
  hasher.number(Hasher.ofPage(Uint8Array.from(block)));
  hashes.set(block, hasher.digest());
  return hasher.digest();
}

const ZERO_BLOCK = Buffer.alloc(BLOCK_BYTES);

function writeImage(path: string, blocks: Blocks, sizeBytes: number): void {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, sizeBytes);
  for (const [index, block] of blocks) {
    if (!block.equals(ZERO_BLOCK)) writeSync(fd, block, 0, BLOCK_BYTES, index * BLOCK_BYTES);
  }
  closeSync(fd);
}

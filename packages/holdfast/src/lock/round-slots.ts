/**
 * How many rounds of this process (group-queue.ts), and how many of its reads and replacements,
 * work at a time. Thousands that are asked for at once would each open its lock file, and then none
 * could open what it needs besides (EMFILE). Rounds take half of the descriptors that a process may
 * have, reads and replacements an eighth each, of their own, since an updater may await one; the
 * last quarter is the program's.
 *
 * A round that waits for its lock leaves its slot, and one that works for very long too (an updater
 * may await another call), so that none ever keeps those from working that it waits for.
 */
import { openFilesLimit } from '../os/processes.js';

/** A lock file, its directory, a log or document, a stage and its directory, and some to spare. */
const FILES_OF_A_ROUND = 8;
/** A document, its directory and that of a symlink to it, and one to spare. */
const FILES_OF_A_READ = 4;
/** A stage, its directory and the old file, and one to spare. */
const FILES_OF_A_REPLACEMENT = 4;
/** More gain nothing: the disk has few queues, and Node's pool few threads. */
const MOST_SLOTS = 64;
const LEAST_SLOTS = 4;
/** What macOS gives a process that does not ask for more. */
const USUAL_LIMIT = 256;
const LONG_WORK_MS = 2000;

class Slots {
  readonly waiting: (() => void)[] = [];
  readonly #filesOfEach: number;
  readonly #share: number;
  #free: number | undefined;

  constructor(filesOfEach: number, share: number) {
    this.#filesOfEach = filesOfEach;
    this.#share = share;
  }

  get free(): number {
    return (this.#free ??= this.#count());
  }

  set free(count: number) {
    this.#free = count;
  }

  #count(): number {
    const files = (openFilesLimit() ?? USUAL_LIMIT) * this.#share;
    return Math.max(LEAST_SLOTS, Math.min(Math.floor(files / this.#filesOfEach), MOST_SLOTS));
  }
}

const ofRounds = new Slots(FILES_OF_A_ROUND, 1 / 2);
type Kind = 'read' | 'replace';

const ofOthers: Readonly<Record<Kind, Slots>> = {
  read: new Slots(FILES_OF_A_READ, 1 / 8),
  replace: new Slots(FILES_OF_A_REPLACEMENT, 1 / 8),
};

/** Works when few others of this kind do. */
export async function inSlot<T>(kind: Kind, work: () => Promise<T>): Promise<T> {
  const slot = new RoundSlot(ofOthers[kind]);
  await slot.enter();
  try {
    return await work();
  } finally {
    slot.leave();
  }
}

/** One round's leave to work. */
export class RoundSlot {
  readonly #slots: Slots;
  #state: 'outside' | 'inside' | 'exempt' = 'outside';
  #admit: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(slots: Slots = ofRounds) {
    this.#slots = slots;
  }

  /** Waits for a slot, unless the round has one or needs none. */
  async enter(): Promise<void> {
    if (this.#state !== 'outside') return;
    if (this.#slots.free === 0) {
      await new Promise<void>((resolve) => this.#slots.waiting.push((this.#admit = resolve)));
      if (this.#isExempt()) return;
    } else this.#slots.free -= 1;
    this.#state = 'inside';
    this.#timer = setTimeout(() => this.leave(), LONG_WORK_MS);
  }

  /** Gives the slot to the next one. */
  leave(): void {
    clearTimeout(this.#timer);
    if (this.#state !== 'inside') return;
    this.#state = 'outside';
    const next = this.#slots.waiting.shift();
    if (next) next();
    else this.#slots.free += 1;
  }

  /** For a round that another one waits for, which may have the slot that it would wait for. */
  exempt(): void {
    this.leave();
    this.#state = 'exempt';
    const { waiting } = this.#slots;
    const index = this.#admit ? waiting.indexOf(this.#admit) : -1;
    if (index >= 0) waiting.splice(index, 1).forEach((admit) => admit());
  }

  #isExempt(): boolean {
    return this.#state === 'exempt';
  }
}

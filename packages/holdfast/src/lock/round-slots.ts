/**
 * How many rounds of this process (group-queue.ts) work at a time. Thousands that are asked for at
 * once would each open its lock file, and then none could open what it needs besides (EMFILE). They
 * take half of the descriptors that a process may have; the other half is the program's.
 *
 * A round that waits for its lock leaves its slot, and one that works for very long too (an updater
 * may await another call), so that none ever keeps those from working that it waits for.
 */
import { openFilesLimit } from '../os/processes.js';

/** A lock file, its directory, a log or document, a stage and its directory, and some to spare. */
const FILES_OF_A_ROUND = 8;
/** More gain nothing: the disk has few queues, and Node's pool few threads. */
const MOST_SLOTS = 64;
const LEAST_SLOTS = 4;
/** What macOS gives a process that does not ask for more. */
const USUAL_LIMIT = 256;
const LONG_WORK_MS = 2000;

let free: number | undefined;
const waiting: (() => void)[] = [];

/** One round's leave to work. */
export class RoundSlot {
  #state: 'outside' | 'inside' | 'exempt' = 'outside';
  #admit: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Waits for a slot, unless the round has one or needs none. */
  async enter(): Promise<void> {
    if (this.#state !== 'outside') return;
    free ??= slotCount();
    if (free === 0) {
      await new Promise<void>((resolve) => waiting.push((this.#admit = resolve)));
      if (this.#isExempt()) return;
    } else free -= 1;
    this.#state = 'inside';
    this.#timer = setTimeout(() => this.leave(), LONG_WORK_MS);
  }

  /** Gives the slot to the next one. */
  leave(): void {
    clearTimeout(this.#timer);
    if (this.#state !== 'inside') return;
    this.#state = 'outside';
    const next = waiting.shift();
    if (next) next();
    else free = (free ?? 0) + 1;
  }

  /** For a round that another one waits for, which may have the slot that it would wait for. */
  exempt(): void {
    this.leave();
    this.#state = 'exempt';
    const index = this.#admit ? waiting.indexOf(this.#admit) : -1;
    if (index >= 0) waiting.splice(index, 1).forEach((admit) => admit());
  }

  #isExempt(): boolean {
    return this.#state === 'exempt';
  }
}

function slotCount(): number {
  const slots = Math.floor((openFilesLimit() ?? USUAL_LIMIT) / 2 / FILES_OF_A_ROUND);
  return Math.max(LEAST_SLOTS, Math.min(slots, MOST_SLOTS));
}

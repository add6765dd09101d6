/**
 * Programs that poll a lock (filelock every 50 ms, portalocker every 250 ms). The kernel keeps
 * nothing of a try that was in vain, and a pause that is long enough for a poll would cost a busy
 * loop that nobody waits beside. But whoever tries has opened the lock file: each time anew, or
 * once for all tries. So while this process takes a lock again and again, it looks who else opens
 * the file, and leaves the lock free for one poll, twice a second at most, when somebody does. Who
 * keeps it open and does not take a lock that is free for so long hardly waits. But a busy machine
 * is late, and who opened the file before the look-out began was not seen: so all are asked again,
 * each time after twice as long.
 */
import type { Fs, OpenWatch } from '../os/fs.js';

/**
 * A little longer than the poll of one that opens the file each time, and of one that keeps it
 * open.
 */
const POLL_MS = 60;
const SLOW_POLL_MS = 270;
/** With the longer pause, less than a second. */
const BETWEEN_MS = 500;
/** After how long all are asked again: where somebody was seen, and where nobody was. */
const ASK_AGAIN_MS = 1000;
const ASK_ANYBODY_MS = 4000;
/** A run that went on would have said so by now. */
const IDLE_MS = 2000;

export class Pollers {
  #watch: OpenWatch | undefined;
  #idle: NodeJS.Timeout | undefined;
  /** How many have the file open that had not when the watch began. */
  #openCount = 0;
  /** How many of the others do not wait. */
  #idleCount = 0;
  #keptOpen = 0;
  #polls = 0;
  #wasAsked = false;
  #ownWait = false;
  #pausedAt = 0;
  #askAgainMs = ASK_ANYBODY_MS;

  /**
   * This process has had the lock for long: from now on others are looked for. The lock file is not
   * open here.
   */
  lookOut(fs: Fs, lockPath: string): void {
    if (this.#watch === undefined) {
      this.#watch = fs.watchOpens?.(lockPath);
      if (this.#watch === undefined) return;
      this.#idle = setTimeout(() => this.#end(), IDLE_MS).unref();
      this.#pausedAt = performance.now();
      this.#askAgainMs = ASK_ANYBODY_MS;
    }
    this.#idle?.refresh();
  }

  /** The lock was taken. What is opened and closed from now on is not by the owner of this. */
  began(): void {
    if (this.#watch === undefined) return;
    this.#count();
    const others = this.#openCount - 1;
    // Whoever waited had time to come.
    if (this.#wasAsked && others >= this.#keptOpen) this.#idleCount = others;
    this.#wasAsked = false;
    this.#idleCount = Math.min(this.#idleCount, others);
    this.#keptOpen = others;
  }

  /**
   * The lock is about to be freed.
   *
   * @param ownWaiters - whether processes of Holdfast wait, which have the file open too and come
   *   to their turns by themselves
   */
  ended(ownWaiters: () => boolean): void {
    if (this.#watch === undefined) return;
    this.#polls += this.#count();
    this.#keptOpen = this.#openCount - 1;
    this.#ownWait = ownWaiters();
  }

  /** How long the lock is to be left free for them now; 0 for not at all. */
  pauseMs(): number {
    const now = performance.now();
    const sinceMs = now - this.#pausedAt;
    if (this.#watch === undefined || sinceMs < BETWEEN_MS) return 0;
    const isNewcomer = this.#keptOpen > this.#idleCount && !this.#ownWait;
    const isAskedAgain = sinceMs >= this.#askAgainMs && !this.#ownWait;
    const ms = isNewcomer || isAskedAgain ? SLOW_POLL_MS : this.#polls > 0 ? POLL_MS : 0;
    if (ms === 0) return 0;
    if (isNewcomer) this.#askAgainMs = ASK_AGAIN_MS;
    else if (isAskedAgain) this.#askAgainMs *= 2;
    this.#wasAsked = isNewcomer || isAskedAgain;
    this.#polls = 0;
    this.#pausedAt = now + ms;
    return ms;
  }

  /**
   * Counts who has come and gone, while this process has the file open itself.
   *
   * @returns how many have opened and closed it
   */
  #count(): number {
    const { opened, closed } = this.#watch?.take() ?? { opened: 0, closed: 0 };
    // Who closes it may have opened it before the look-out began.
    this.#openCount = Math.max(1, this.#openCount + opened - closed);
    return Math.min(opened, closed);
  }

  #end(): void {
    this.#watch?.close();
    this.#watch = undefined;
    this.#openCount = 0;
    this.#idleCount = 0;
    this.#keptOpen = 0;
    this.#polls = 0;
  }
}

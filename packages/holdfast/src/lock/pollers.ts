/**
 * Programs that poll a lock (filelock every 50 ms, portalocker every 250 ms). The kernel keeps
 * nothing of a try that was in vain, and a pause that is long enough for a poll would cost a busy
 * loop that nobody waits beside. But whoever tries has opened the lock file: each time anew, or
 * once for all tries. So while this process takes a lock again and again, it looks who else opens
 * the file, and leaves the lock free for one poll, twice a second at most, when somebody does. Who
 * keeps it open and does not take a lock that is free for so long does not wait, and is not asked
 * again.
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
    }
    this.#idle?.refresh();
  }

  /** The lock was taken. What is opened and closed from now on is not by the owner of this. */
  began(): void {
    if (this.#watch === undefined) return;
    const { opened, closed } = this.#watch.take();
    this.#openCount += opened - closed;
    const others = Math.max(0, this.#openCount - 1);
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
    const { opened, closed } = this.#watch.take();
    this.#openCount += opened - closed;
    this.#keptOpen = Math.max(0, this.#openCount - 1);
    this.#polls += Math.min(opened, closed);
    this.#ownWait = ownWaiters();
  }

  /** How long the lock is to be left free for them now; 0 for not at all. */
  pauseMs(): number {
    const now = performance.now();
    if (this.#watch === undefined || now - this.#pausedAt < BETWEEN_MS) return 0;
    const somebodyKeepsItOpen = this.#keptOpen > this.#idleCount && !this.#ownWait;
    const ms = somebodyKeepsItOpen ? SLOW_POLL_MS : this.#polls > 0 ? POLL_MS : 0;
    if (ms === 0) return 0;
    this.#wasAsked = somebodyKeepsItOpen;
    this.#polls = 0;
    this.#pausedAt = now + ms;
    return ms;
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

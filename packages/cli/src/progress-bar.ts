/**
 * Shows how far a write or a check has come: on a terminal one line that is drawn again and again,
 * elsewhere a plain line, one in ten seconds at most, so that a log of hours stays short.
 */

/** Where progress is shown; `process.stderr` is one. */
interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** How far the work has come. */
interface Progress {
  readonly tilesDone: number;
  readonly tileCount: number;
  /** Bytes of samples so far, before compression; without it no rate is shown. */
  readonly sampleBytes?: number;
}

const REDRAW_MS = 80;
const BAR_CELLS = 24;
const PLAIN_LINES_MS = 10_000;

export class ProgressBar {
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  readonly #startMs: number;
  #drawnMs = -Infinity;
  #toldMs = -Infinity;

  constructor(stream: ProgressStream, now: () => number = () => performance.now()) {
    this.#stream = stream;
    this.#now = now;
    this.#startMs = now();
  }

  update(progress: Progress): void {
    if (this.#stream.isTTY) this.#redraw(progress);
    else this.#tell(progress);
  }

  /** Leaves the terminal on a new, empty line. */
  end(): void {
    if (this.#stream.isTTY && this.#drawnMs > -Infinity) this.#stream.write('\r\x1b[2K');
  }

  #redraw(progress: Progress): void {
    const now = this.#now();
    const last = progress.tilesDone === progress.tileCount;
    if (!last && now - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = now;
    const full = Math.round((BAR_CELLS * progress.tilesDone) / progress.tileCount);
    const bar = '█'.repeat(full) + '░'.repeat(BAR_CELLS - full);
    const line = `${bar} ${this.#words(progress)}`;
    this.#stream.write(`\r${line.slice(0, (this.#stream.columns ?? 80) - 1)}\x1b[K`);
  }

  #tell(progress: Progress): void {
    const now = this.#now();
    if (now - this.#toldMs < PLAIN_LINES_MS) return;
    this.#toldMs = now;
    this.#stream.write(`${this.#words(progress)}\n`);
  }

  #words({ tilesDone, tileCount, sampleBytes }: Progress): string {
    const seconds = Math.max(0.001, (this.#now() - this.#startMs) / 1000);
    const left = (seconds * (tileCount - tilesDone)) / tilesDone;
    const rate =
      sampleBytes === undefined ? '' : `${(sampleBytes / 1e6 / seconds).toFixed(1)} MB/s  `;
    return `${tilesDone}/${tileCount} tiles  ${rate}ETA ${duration(left)}`;
  }
}

/** A time that is left, in words. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

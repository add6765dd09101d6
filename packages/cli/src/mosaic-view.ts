/**
 * Shows a mosaic that is being made: on a terminal the grid of its tiles, drawn again in its own
 * place, elsewhere a plain line whenever more is done.
 */
import type { MosaicProgress, TileState } from '@holdfast/raster';
import { duration } from './progress-bar.js';

/** Where a mosaic is shown; `process.stdout` is one. A terminal that knows no size says 0. */
interface ViewStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

const signs: Readonly<Record<TileState, string>> = { done: '█', begun: '▒', missing: '·' };

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const CLEAR_TO_END_OF_LINE = '\x1b[K';
const CLEAR_TO_END = '\x1b[J';

/** Lines beside the grid, and the one that the cursor stands on. */
const OTHER_LINES = 3;

export class MosaicView {
  readonly #stream: ViewStream;
  readonly #now: () => number;
  #first: { readonly ms: number; readonly doneCount: number } | undefined;
  #lineCount = 0;
  #told = '';

  constructor(stream: ViewStream, now: () => number = () => performance.now()) {
    this.#stream = stream;
    this.#now = now;
  }

  show(progress: MosaicProgress): void {
    const { state, partCount, done, begun } = progress;
    const parts = `${state}: ${done.length} of ${partCount} parts done, ${begun.length} more begun`;
    const tiles = this.#tileLine(progress);
    if (this.#stream.isTTY) this.#draw([parts, ...this.#grid(progress), tiles]);
    else if (parts !== this.#told) this.#stream.write(`${parts}, ${tiles}\n`);
    this.#told = parts;
  }

  /** Leaves what was drawn last, and the cursor below it. */
  end(): void {
    if (this.#lineCount > 0) this.#stream.write(SHOW_CURSOR);
    this.#lineCount = 0;
  }

  #draw(lines: readonly string[]): void {
    const back = this.#lineCount > 0 ? `\r\x1b[${this.#lineCount}A` : HIDE_CURSOR;
    const width = this.#width();
    const drawn = lines.map((line) => `${line.slice(0, width)}${CLEAR_TO_END_OF_LINE}\n`);
    this.#stream.write(`${back}${drawn.join('')}${CLEAR_TO_END}`);
    this.#lineCount = lines.length;
  }

  /** One sign a tile, or for a block of tiles where there are more than the terminal has room for. */
  #grid({ rowCount, columnCount, tiles }: MosaicProgress): string[] {
    const rowsInSign = Math.ceil(rowCount / Math.max(1, (this.#stream.rows || 24) - OTHER_LINES));
    const columnsInSign = Math.ceil(columnCount / this.#width());
    const lineOf = (row: number): string => {
      const columns = steps(columnCount, columnsInSign);
      return columns.map((column) => signs[stateOfBlock(row, column)]).join('');
    };
    const stateOfBlock = (top: number, left: number): TileState => {
      const states = new Set<TileState>();
      for (let row = top; row < Math.min(top + rowsInSign, rowCount); row += 1) {
        const end = row * columnCount + Math.min(left + columnsInSign, columnCount);
        for (let tile = row * columnCount + left; tile < end; tile += 1)
          states.add(tiles[tile] ?? 'missing');
      }
      return states.size === 1 ? ([...states][0] ?? 'missing') : 'begun';
    };
    return steps(rowCount, rowsInSign).map(lineOf);
  }

  /** The rate is that of the time in which was looked. */
  #tileLine({ tiles }: MosaicProgress): string {
    const doneCount = tiles.reduce((count, state) => count + (state === 'done' ? 1 : 0), 0);
    const ms = this.#now();
    this.#first ??= { ms, doneCount };
    const words = `${doneCount}/${tiles.length} tiles`;
    const seconds = (ms - this.#first.ms) / 1000;
    const sinceFirst = doneCount - this.#first.doneCount;
    if (sinceFirst === 0 || seconds === 0) return words;
    const left = (seconds * (tiles.length - doneCount)) / sinceFirst;
    return `${words}  ${(sinceFirst / seconds).toFixed(1)} tiles/s  ETA ${duration(left)}`;
  }

  #width(): number {
    return Math.max(1, (this.#stream.columns || 80) - 1);
  }
}

function steps(length: number, step: number): number[] {
  return Array.from({ length: Math.ceil(length / step) }, (_, index) => index * step);
}

/** How progress is looked at again and again. */
export interface Watching {
  readonly look: () => Promise<MosaicProgress>;
  readonly view: Pick<MosaicView, 'show' | 'end'>;
  /** Until the next look; false when there is to be none. */
  readonly pause: () => Promise<boolean>;
}

/**
 * Shows progress until all parts are done; whether they are. What a look throws, for one that the
 * session is gone, ends it.
 */
export async function watchMosaic({ look, view, pause }: Watching): Promise<boolean> {
  try {
    for (;;) {
      const progress = await look();
      view.show(progress);
      if (progress.done.length === progress.partCount) return true;
      if (!(await pause())) return false;
    }
  } finally {
    view.end();
  }
}

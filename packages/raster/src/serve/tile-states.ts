/**
 * The tiles of a mosaic on the map, each with what `verifyVrt` says of it. It is verified in
 * the background, when somebody first asks, and again when somebody wants that.
 */
import { dirname, relative } from 'node:path';
import { messageOf } from 'holdfast/errors';
import type { PixelRectangle } from '../read/vrt-document.js';
import { type ProblemKind, verifyVrt, type VerifyOptions } from '../verify/verify-vrt.js';
import type { ServedMosaic } from './served-mosaic.js';

/** Cells that a page draws: of more tiles, those of a block are one. */
const MOST_CELLS = 4096;
/** Problems that are named. */
const MOST_NAMED = 200;

export type TileState = 'unchecked' | 'good' | ProblemKind;

/** One tile, or a block of tiles: in pixels of the raster. */
export interface TileCell {
  readonly xPx: number;
  readonly yPx: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly tileCount: number;
  /** The worst of its tiles. */
  readonly state: TileState;
}

/** What is known of the tiles. */
export interface TileStates {
  readonly cells: readonly TileCell[];
  readonly tileCount: number;
  readonly checking: 'under way' | 'finished' | 'failed';
  readonly done: number;
  /** What is wrong, by paths relative to the index; the first of so many. */
  readonly problems: readonly {
    readonly kind: string;
    readonly path: string;
    readonly message: string;
  }[];
  readonly problemCount: number;
}

interface Placed {
  readonly path: string;
  readonly place: PixelRectangle;
}

let runs = 0;

export class TileCheck {
  readonly #run = (runs += 1);
  readonly #served: ServedMosaic;
  readonly #end = new AbortController();
  readonly #finished: Promise<void>;
  readonly #kinds = new Map<string, ProblemKind>();
  #checking: TileStates['checking'] = 'under way';
  #problems: TileStates['problems'] = [];
  #done = 0;

  /** @param progressed - told after each hundredth, and at the end */
  constructor(
    served: ServedMosaic,
    options: Pick<VerifyOptions, 'outside'>,
    progressed: () => void,
  ) {
    this.#served = served;
    this.#finished = this.#check(options, progressed);
  }

  /** Changes when what is known does. */
  get stamp(): string {
    return `${this.#run}-${this.#checking[0]}-${this.#done}`;
  }

  get hasEnded(): boolean {
    return this.#checking !== 'under way';
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#end.abort();
    await this.#finished;
  }

  states(): TileStates {
    const placed = placedTiles(this.#served);
    return {
      cells: cellsOf(placed, ({ path }) => this.#stateOf(path)),
      tileCount: placed.length,
      checking: this.#checking,
      done: this.#done,
      problems: this.#problems.slice(0, MOST_NAMED),
      problemCount: this.#problems.length,
    };
  }

  get progress(): Pick<TileStates, 'checking' | 'done' | 'tileCount' | 'problemCount'> {
    return {
      checking: this.#checking,
      done: this.#done,
      tileCount: this.#served.mosaic.tilePaths.length,
      problemCount: this.#problems.length,
    };
  }

  #stateOf(path: string): TileState {
    const kind = this.#kinds.get(path);
    return kind ?? (this.#checking === 'finished' ? 'good' : 'unchecked');
  }

  async #check(options: Pick<VerifyOptions, 'outside'>, progressed: () => void): Promise<void> {
    const { path } = this.#served.mosaic;
    const folder = dirname(path);
    const onProgress = ({ done, total }: { done: number; total: number }): void => {
      const isNext = hundredth(done, total) !== hundredth(this.#done, total);
      this.#done = done;
      if (isNext) progressed();
    };
    try {
      const { signal } = this.#end;
      const { problems } = await verifyVrt(path, { ...options, signal, onProgress });
      for (const problem of problems) this.#kinds.set(problem.path, problem.kind);
      this.#problems = problems.map((problem) => ({
        ...problem,
        path: relative(folder, problem.path),
      }));
      this.#checking = 'finished';
    } catch (error) {
      this.#problems = [{ kind: 'not checked', path: '', message: messageOf(error) }];
      this.#checking = 'failed';
    }
    if (!this.#end.signal.aborted) progressed();
  }
}

function hundredth(done: number, total: number): number {
  return Math.floor((100 * done) / total);
}

/** The tiles of all bands, each once. */
function placedTiles({ mosaic }: ServedMosaic): readonly Placed[] {
  const { widthPx, heightPx } = mosaic.info;
  const whole = { xPx: 0, yPx: 0, widthPx, heightPx };
  const found = new Map<string, Placed>();
  for (const { filename, destination } of mosaic.document.bands.flatMap((band) => band.sources)) {
    const path = mosaic.tilePathOf(filename);
    if (!found.has(path)) found.set(path, { path, place: destination ?? whole });
  }
  return [...found.values()];
}

/** Tiles, or blocks of neighbours where there are too many. */
function cellsOf(
  tiles: readonly Placed[],
  stateOf: (tile: Placed) => TileState,
): readonly TileCell[] {
  if (tiles.length <= MOST_CELLS)
    return tiles.map((tile) => ({ ...tile.place, tileCount: 1, state: stateOf(tile) }));
  const along = Math.ceil(Math.sqrt(tiles.length / MOST_CELLS));
  const [first] = tiles as [Placed];
  const [across, down] = [first.place.widthPx * along, first.place.heightPx * along];
  const blocks = new Map<string, TileCell>();
  for (const tile of tiles) {
    const { xPx, yPx } = tile.place;
    const name = `${Math.floor(xPx / across)} ${Math.floor(yPx / down)}`;
    const before = blocks.get(name);
    const alone = { ...tile.place, tileCount: 1, state: stateOf(tile) };
    blocks.set(name, before ? joined(before, alone) : alone);
  }
  return [...blocks.values()];
}

function joined(a: TileCell, b: TileCell): TileCell {
  const [xPx, yPx] = [Math.min(a.xPx, b.xPx), Math.min(a.yPx, b.yPx)];
  return {
    xPx,
    yPx,
    widthPx: Math.max(a.xPx + a.widthPx, b.xPx + b.widthPx) - xPx,
    heightPx: Math.max(a.yPx + a.heightPx, b.yPx + b.heightPx) - yPx,
    tileCount: a.tileCount + b.tileCount,
    state: worse(a.state, b.state),
  };
}

function worse(a: TileState, b: TileState): TileState {
  const isWrong = (state: TileState): boolean => state !== 'good' && state !== 'unchecked';
  return isWrong(b) && !isWrong(a) ? b : a;
}

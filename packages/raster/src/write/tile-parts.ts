/**
 * What the tiles give of the first overview while they are written: in a scratch file, each at a
 * place of its own, so that the size of the mosaic does not matter.
 */
import { dirname } from 'node:path';
import type { Stage } from 'holdfast';
import { closeQuietly, type FsFile, readFully, resolvedOnce, writeAll } from 'holdfast/os';
import { openScratchFile } from '../cog/scratch-file.js';
import { dataTypes, type Pixels, sampleBytes, type Window } from '../model.js';
import { tileOverviews, type Pyramid } from '../overview/pyramid.js';
import { type Block, BlockReader } from '../source/block-reader.js';
import { type Cell, columnCount, type Grid, largestCell } from '../source/grid.js';
import { emptyPixels, laidOut } from '../source/lay-out.js';
import type { MosaicPlan } from './mosaic-plan.js';
import { openStagedTile } from './staged-tile.js';

/** Decoded parts that are kept until all of each has been read. */
const KEPT_BYTES = 256 * 1024 * 1024;

export class TileParts {
  readonly #plan: MosaicPlan;
  readonly #pyramid: Pyramid;
  readonly #file: FsFile;
  /** Of the parts: edges between tiles, and of the mosaic, are multiples of the factor. */
  readonly #grid: Grid;
  readonly #mostBytes: number;
  /** Those that are there; the others are nodata. */
  readonly #added = new Set<number>();

  private constructor(plan: MosaicPlan, pyramid: Pyramid, file: FsFile) {
    this.#plan = plan;
    this.#pyramid = pyramid;
    this.#file = file;
    const [factor] = pyramid.factors;
    const scaled = (edges: readonly number[]): readonly number[] =>
      edges.map((edge) => edge / factor);
    const { columnEdgesPx, rowEdgesPx } = plan.grid;
    this.#grid = { columnEdgesPx: scaled(columnEdgesPx), rowEdgesPx: scaled(rowEdgesPx) };
    this.#mostBytes = this.#bytesOf({ xPx: 0, yPx: 0, ...largestCell(this.#grid) });
  }

  /** For a mosaic whose tiles give parts. */
  static async open(plan: MosaicPlan, stage: Stage): Promise<TileParts | undefined> {
    const { fs, pyramid } = plan;
    if (!pyramid?.hasParts) return undefined;
    const directory = dirname(stage.path);
    const file = await openScratchFile(resolvedOnce(fs, directory), directory);
    return new TileParts(plan, pyramid, file);
  }

  /** Takes the part of a tile. */
  async add(cell: Cell, part: Pixels): Promise<void> {
    const { data } = laidOut(part, this.#plan.source.interleave);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    await writeAll(this.#file, bytes, this.#placeOf(cell));
    this.#added.add(this.#indexOf(cell));
  }

  /** The same for a tile that was written by an earlier run. */
  async addFromFile(cell: Cell, stage: Stage, name: string): Promise<void> {
    const tile = await openStagedTile(this.#plan.fs, stage, name);
    try {
      const { widthPx, heightPx } = cell.window;
      const pixels = await tile.read({ xPx: 0, yPx: 0, widthPx, heightPx });
      const { nodata } = this.#plan.source.info;
      const { part } = tileOverviews(pixels, { ...this.#pyramid, tileFactors: [] }, nodata);
      if (part) await this.add(cell, part);
    } finally {
      await tile.close();
    }
  }

  /** Reads windows of the overview, once all parts are there. */
  reader(): (window: Window) => Promise<Pixels> {
    const { info, interleave } = this.#plan.source;
    const { columnEdgesPx, rowEdgesPx } = this.#grid;
    const [widthPx = 0, heightPx = 0] = [columnEdgesPx.at(-1), rowEdgesPx.at(-1)];
    const reader = new BlockReader({
      info: { ...info, widthPx, heightPx },
      interleave,
      blocks: this.#grid,
      load: async (cell) => this.#load(cell),
      keptBytes: KEPT_BYTES,
    });
    return async (window) => reader.read(window);
  }

  async close(): Promise<void> {
    await closeQuietly(this.#file);
  }

  async #load(cell: Cell): Promise<Block> {
    const { window } = cell;
    const { info, interleave } = this.#plan.source;
    if (!this.#added.has(this.#indexOf(cell)))
      return { data: emptyPixels({ ...info, ...window }, interleave).data, window };
    const buffer = new ArrayBuffer(this.#bytesOf(window));
    const count = await readFully(this.#file, new Uint8Array(buffer), this.#placeOf(cell));
    if (count < buffer.byteLength)
      throw new Error('the scratch file of an overview is shorter than what was written to it');
    return { data: new dataTypes[info.dataType].array(buffer), window };
  }

  #bytesOf(window: Window): number {
    const { dataType, bands } = this.#plan.source.info;
    return sampleBytes(window, { dataType, bandCount: bands.length });
  }

  #indexOf({ row, column }: Cell): number {
    return row * columnCount(this.#grid) + column;
  }

  #placeOf(cell: Cell): number {
    return this.#indexOf(cell) * this.#mostBytes;
  }
}

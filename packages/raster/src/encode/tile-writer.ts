/**
 * What is done with one tile, on whichever thread: look whether it is empty, encode it, take its
 * checksum, write it.
 */
import { createHash } from 'node:crypto';
import type { Fs } from 'holdfast/os';
import type { Pixels } from '../model.js';
import { isMean, tileOverviews } from '../overview/pyramid.js';
import { validityOf } from '../source/mask.js';
import { fewValuesOf } from '../statistics/few-values.js';
import { tileStatistics } from '../statistics/band-statistics.js';
import { isEmptyTile } from '../tiff/empty-tile.js';
import { TileEncoder } from '../tiff/tile-encoder.js';
import type { TileFormat } from '../tiff/tile-format.js';
import type { TileTask, TileTaskOptions, WrittenTile } from './tile-task.js';
import { writeTileFile } from './write-tile-file.js';

const NO_OVERVIEWS = { own: [], part: undefined };

/** Writes tiles of one format, on one thread. */
export class TileWriter {
  readonly #format: TileFormat;
  readonly #options: TileTaskOptions;
  readonly #fs: Fs;
  #encoder: TileEncoder | undefined;

  constructor(format: TileFormat, options: TileTaskOptions, fs: Fs) {
    this.#format = format;
    this.#options = options;
    this.#fs = fs;
  }

  /** Loads what compresses and takes checksums, which the first tile does otherwise. */
  open(): void {
    this.#encoder ??= new TileEncoder(this.#format);
    createHash('sha256');
  }

  /**
   * Writes a tile; `undefined` for an empty one that was left out. A library that is missing is the
   * error of a tile.
   */
  async write(
    { path, transform }: Omit<TileTask, 'samples'>,
    pixels: Pixels,
  ): Promise<WrittenTile | undefined> {
    const { nodata } = this.#format;
    const { skipEmpty, statistics: wanted, pyramid } = this.#options;
    this.#encoder ??= new TileEncoder(this.#format);
    const validity = this.#format.hasMask ? validityOf({ ...pixels, hasMask: true }) : undefined;
    const isEmpty = validity
      ? validity.every((value) => value === 0)
      : isEmptyTile(pixels.data, nodata);
    if (skipEmpty && isEmpty) return undefined;
    // Before encoding, which may change the samples in place.
    const given = validity ? { ...pixels, hasMask: true } : pixels;
    const statistics =
      wanted === 'none' ? undefined : tileStatistics({ ...given, validity }, nodata, wanted);
    const fewValues = pyramid && isMean(pyramid.method) ? fewValuesOf(pixels) : undefined;
    const { own, part } = pyramid ? tileOverviews(given, pyramid, nodata) : NO_OVERVIEWS;
    const isFinite = statistics?.every(({ valid, pixels: count }) => valid === count);
    const tile = this.#encoder.encode({ ...pixels, isFinite }, transform, own);
    try {
      const hash = createHash('sha256');
      for (const piece of tile.parts) hash.update(piece);
      await writeTileFile(this.#fs, path, tile.parts, this.#options.writeOut);
      return { sizeBytes: tile.sizeBytes, sha256: hash.digest('hex'), statistics, fewValues, part };
    } finally {
      tile.release();
    }
  }

  /** Frees the codec. */
  close(): void {
    this.#encoder?.close();
    this.#encoder = undefined;
  }
}

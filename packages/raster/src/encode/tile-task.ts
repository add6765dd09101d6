/** What is done with one tile, on whichever thread: look whether it is empty, encode it, take its checksum, write it. */
import { createHash } from 'node:crypto';
import type { Fs } from 'holdfast/os';
import type { Pixels, Transform, Window } from '../model.js';
import { type BandStatistics, tileStatistics } from '../statistics/band-statistics.js';
import { type Pyramid, tileOverviews } from '../overview/pyramid.js';
import { isEmptyTile } from '../tiff/empty-tile.js';
import type { TileEncoder } from '../tiff/tile-encoder.js';
import type { TileFormat } from '../tiff/tile-format.js';
import { writeTileFile } from './write-tile-file.js';

/** How all tiles of a pool are written. */
export interface TileTaskOptions {
  /** Whether the owner of the stage will sync the files, so that the disk may begin with each as soon as it is written. */
  readonly writeOut: boolean;
  /** Whether tiles that hold nothing but nodata are left out. */
  readonly skipEmpty: boolean;
  /** Whether the samples of each tile are gone over for statistics. */
  readonly statistics: boolean;
  /** The overviews that each tile gets. */
  readonly pyramid: Pyramid | undefined;
}

/** One tile to be written to a path that does not exist yet. */
export interface TileTask {
  readonly path: string;
  /** Its samples, or where they lie in a file. */
  readonly samples: Pixels | Window;
  readonly transform: Transform | undefined;
  /** Only the samples: without statistics and overviews, and also if all of them are nodata. */
  readonly samplesOnly?: boolean | undefined;
}

/** Whether samples are given, and not just where they lie. */
export function areGiven(samples: Pixels | Window): samples is Pixels {
  return 'data' in samples;
}

/** A tile file that was written. */
export interface WrittenTile {
  readonly sizeBytes: number;
  /** SHA-256 of the file, in hexadecimal. */
  readonly sha256: string;
  /** Of each band, when wanted. */
  readonly statistics: readonly BandStatistics[] | undefined;
  /** Its part of the first merged overview, if there is one. */
  readonly part: Pixels | undefined;
}

const SAMPLES_ONLY = { skipEmpty: false, statistics: false, pyramid: undefined };
const NO_OVERVIEWS = { own: [], part: undefined };

/** What all tasks of a thread have in common. */
export interface TaskSetup {
  readonly format: TileFormat;
  readonly options: TileTaskOptions;
  readonly fs: Fs;
}

/** Runs a task; `undefined` for an empty tile that was left out. */
export async function runTileTask(
  encoder: TileEncoder,
  task: Omit<TileTask, 'samples'>,
  pixels: Pixels,
  { format, options, fs }: TaskSetup,
): Promise<WrittenTile | undefined> {
  const { writeOut } = options;
  const { skipEmpty, statistics: wanted, pyramid } = task.samplesOnly ? SAMPLES_ONLY : options;
  if (skipEmpty && isEmptyTile(pixels.data, format.nodata)) return undefined;
  // Before encoding, which may change the samples in place.
  const statistics = wanted ? tileStatistics(pixels, format.nodata) : undefined;
  const { own, part } = pyramid ? tileOverviews(pixels, pyramid, format.nodata) : NO_OVERVIEWS;
  const tile = encoder.encode(pixels, task.transform, own);
  try {
    const hash = createHash('sha256');
    for (const piece of tile.parts) hash.update(piece);
    await writeTileFile(fs, task.path, tile.parts, writeOut);
    return { sizeBytes: tile.sizeBytes, sha256: hash.digest('hex'), statistics, part };
  } finally {
    tile.release();
  }
}

/**
 * The tiles of a stage that are finished, for a write that may be resumed. One that an earlier run
 * recorded is taken if its bytes on disk still have the recorded checksum; else it is removed, to
 * be made again.
 */
import { join } from 'node:path';
import { HoldfastError, type Stage } from 'holdfast';
import { errnoOf, type Fs, unlinkIfThere } from 'holdfast/os';
import { cells } from '../source/grid.js';
import { digestFile } from './file-digest.js';
import { keptIndexName } from './index-with-tiles.js';
import type { KeptWork } from './kept-work.js';
import { manifestName } from './manifest.js';
import type { MosaicPlan } from './mosaic-plan.js';
import { type FinishedTile, recordPath, ResumeRecord, type TileRecord } from './resume-record.js';
import { overviewsName } from './write-overviews.js';

/**
 * What is known of a tile that need not be made again: it is there, or it is empty and left out.
 */
interface TakenTile {
  readonly tile: FinishedTile | undefined;
}

export class FinishedTiles {
  readonly #fs: Fs;
  readonly #stage: Stage;
  readonly #earlier: ReadonlyMap<string, TileRecord> | undefined;
  readonly #record: ResumeRecord;

  private constructor(
    fs: Fs,
    stage: Stage,
    earlier: ReadonlyMap<string, TileRecord> | undefined,
    record: ResumeRecord,
  ) {
    this.#fs = fs;
    this.#stage = stage;
    this.#earlier = earlier;
    this.#record = record;
  }

  /**
   * Begins to record the tiles of a stage; the lines of an earlier run count if the stage is its.
   *
   * @throws HoldfastError TARGET_CHANGED when something else lies in the stage
   */
  static async open(
    plan: MosaicPlan,
    tilesName: string,
    stage: Stage,
    { job, path, record }: KeptWork,
  ): Promise<FinishedTiles> {
    const { fs, indexPath } = plan;
    const keep = stage.resumed && path !== undefined && record !== undefined;
    if (stage.resumed) await refuseStrangers(plan, stage);
    const lines = await ResumeRecord.begin(fs, recordPath(indexPath), { job, tilesName, keep });
    const earlier = keep ? record.tiles : new Map<string, TileRecord>();
    return new FinishedTiles(fs, stage, stage.resumed ? earlier : undefined, lines);
  }

  /**
   * The tile, if an earlier run finished it; `undefined` when it is to be made, and then nothing
   * lies in its place.
   */
  async take(name: string): Promise<TakenTile | undefined> {
    if (!this.#earlier) return undefined;
    const path = this.#stage.at(name);
    const known = this.#earlier.get(name);
    if (known && !('empty' in known) && (await this.#isWhole(path, known))) return { tile: known };
    await unlinkIfThere(this.#fs, path);
    return known && 'empty' in known ? { tile: undefined } : undefined;
  }

  /** Records a tile that was just finished; without one, that it is empty and left out. */
  async add(name: string, tile: FinishedTile | undefined): Promise<void> {
    await this.#record.add(tile ?? { name, empty: true });
  }

  async close(): Promise<void> {
    await this.#record.close();
  }

  /** A tile that cannot be read is no use either. */
  async #isWhole(path: string, known: FinishedTile): Promise<boolean> {
    try {
      const { sizeBytes, sha256 } = await digestFile(this.#fs, path, {
        isWorthReading: (size) => size === known.sizeBytes,
        owner: 'trusted',
      });
      return sizeBytes === known.sizeBytes && sha256 === known.sha256;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EIO') return false;
      throw error;
    }
  }
}

/** What somebody put into the stage would be published with it, and is not ours to remove. */
async function refuseStrangers(plan: MosaicPlan, stage: Stage): Promise<void> {
  const ours = new Set([manifestName, keptIndexName, overviewsName]);
  for (const cell of cells(plan.grid)) ours.add(plan.tileName(cell));
  const entries = await plan.fs.readDirectory(stage.at('.'));
  const stranger = entries.find(({ name, kind }) => kind !== 'file' || !ours.has(name));
  if (!stranger) return;
  throw new HoldfastError('TARGET_CHANGED', {
    message: 'This lies in the stage that is to be resumed and is no tile of it. Move it away.',
    step: 'resume',
    path: join(stage.path, stranger.name),
  });
}

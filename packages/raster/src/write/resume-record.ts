/**
 * The record of a write that may be resumed, `<index>.resume` beside the index: which job it is, and the tiles that are
 * finished. Each line is a checksum and a JSON value: each run adds one that says the job, then one a tile.
 *
 * 1. a tile is written whole into the stage; 2. its line is appended. Nothing is synced. So a kill leaves lines of
 * finished tiles only, and perhaps a torn one, which does not match its checksum and is passed over. A power loss may
 * leave lines whose tiles were never written: therefore the next run believes no line before it has read the tile.
 */
import { createHash } from 'node:crypto';
import { HoldfastError } from 'holdfast';
import { errnoOf, type Fs, type FsFile } from 'holdfast/os';
import type { BandStatistics } from '../statistics/band-statistics.js';
import { readPieces } from './file-digest.js';
import type { Job } from './job.js';
import type { ManifestTile } from './manifest.js';

/** A finished tile, with its statistics when they are wanted. */
export interface FinishedTile extends ManifestTile {
  readonly statistics: readonly BandStatistics[] | undefined;
}

/** What a record says of one tile: it was finished, or left out since it is empty. */
export type TileRecord = FinishedTile | { readonly name: string; readonly empty: true };

interface Head {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  readonly job: Job;
  /** The name of the tiles directory that the tiles are for. */
  readonly tilesName: string;
}

/** A record as it was found. */
export interface FoundRecord {
  readonly job: Job;
  readonly tilesName: string;
  readonly tiles: ReadonlyMap<string, TileRecord>;
}

const FORMAT = 'holdfast-resume';
const VERSION = 1;
const CHECK_DIGITS = 16;
const LINE_FEED = 10;

/** The path of the record of an index. */
export function recordPath(indexPath: string): string {
  return `${indexPath}.resume`;
}

/** Reads a record; `undefined` when there is none, or none that says its job. */
export async function readRecord(fs: Fs, path: string): Promise<FoundRecord | undefined> {
  const pieces: Uint8Array[] = [];
  try {
    await readPieces(fs, path, (piece) => pieces.push(piece.slice()));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  const tiles = new Map<string, TileRecord>();
  let head: Head | undefined;
  for (const line of linesOf(Buffer.concat(pieces))) {
    if (isHead(line)) head = line;
    else tiles.set(line.name, line);
  }
  return head && { job: head.job, tilesName: head.tilesName, tiles };
}

function isHead(line: Head | TileRecord): line is Head {
  return 'format' in line && line.format === FORMAT && line.version === VERSION;
}

/** A record that lines are being added to. */
export class ResumeRecord {
  readonly #file: FsFile;
  #endBytes: number;

  private constructor(file: FsFile, endBytes: number) {
    this.#file = file;
    this.#endBytes = endBytes;
  }

  /**
   * Begins to add to a record.
   *
   * @param keep - whether to add to the lines that are there, of the same job; otherwise they go
   */
  static async begin(
    fs: Fs,
    path: string,
    { job, tilesName, keep }: { job: Job; tilesName: string; keep: boolean },
  ): Promise<ResumeRecord> {
    const file = await fs.open(path, { access: 'write', create: 'ifMissing', truncate: !keep });
    const { sizeBytes } = await file.stat();
    const record = new ResumeRecord(file, sizeBytes);
    // Whatever is torn ends here.
    if (sizeBytes > 0) await record.#write(Buffer.from('\n'));
    await record.#append({ format: FORMAT, version: VERSION, job, tilesName });
    return record;
  }

  /** Says that a tile is finished. */
  async add(tile: TileRecord): Promise<void> {
    await this.#append(tile);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #append(value: Head | TileRecord): Promise<void> {
    const text = JSON.stringify(value);
    await this.#write(Buffer.from(`${checkOf(text)} ${text}\n`));
  }

  /** Lines may be on their way side by side: each has its place before it is written. */
  async #write(line: Uint8Array): Promise<void> {
    const offsetBytes = this.#endBytes;
    this.#endBytes += line.length;
    const count = await this.#file.write(line, offsetBytes);
    if (count === line.length) return;
    throw new HoldfastError('NO_SPACE', {
      message: `The disk took ${count} of ${line.length} bytes. Make room and try again.`,
      outcome: 'unchanged',
      step: 'record',
      path: this.#file.path,
    });
  }
}

/** The values of the lines that are whole; a hole or a torn line costs itself and what it runs into. */
function* linesOf(bytes: Buffer): Generator<Head | TileRecord> {
  for (let start = 0; start < bytes.length;) {
    const found = bytes.indexOf(LINE_FEED, start);
    const end = found < 0 ? bytes.length : found;
    const line = bytes.toString('utf8', start, end);
    const text = line.slice(CHECK_DIGITS + 1);
    if (checkOf(text) === line.slice(0, CHECK_DIGITS)) yield JSON.parse(text) as Head | TileRecord;
    start = end + 1;
  }
}

function checkOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, CHECK_DIGITS);
}

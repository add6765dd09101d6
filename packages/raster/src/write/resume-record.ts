/**
 * The record of a write that may be resumed, `<index>.resume` beside the index: which job it is,
 * and the tiles that are finished. Each line is a checksum and a JSON value: each run adds one that
 * says the job, then one a tile.
 *
 * 1. a tile is written whole into the stage; 2. its line is appended. Nothing is synced. So a kill
 * leaves lines of finished tiles only, and perhaps a torn one, which does not match its checksum
 * and is passed over. A power loss may leave lines whose tiles were never written: therefore the
 * next run believes no line before it has read the tile.
 */
import { createHash } from 'node:crypto';
import { HoldfastError } from 'holdfast';
import { type Fs, type FsFile, openOwn, openOwnIfThere, readAll, writeAll } from 'holdfast/os';
import type { BandStatistics } from '../statistics/band-statistics.js';
import { statisticsAsJson, statisticsFromJson } from '../statistics/statistics-as-json.js';
import { inItsDirectory } from './beside.js';
import type { Job } from './job.js';
import { isPlainName, isTile, type ManifestTile, parsedObject } from './manifest.js';

/** A finished tile, with its statistics when they are wanted. */
export interface FinishedTile extends ManifestTile {
  readonly statistics: readonly BandStatistics[] | undefined;
}

/** A tile for `JSON.stringify`. */
export function tileAsJson({ statistics, ...tile }: FinishedTile): object {
  return { ...tile, statistics: statisticsAsJson(statistics) };
}

/** A tile as it was before {@link tileAsJson}. */
export function tileFromJson({ statistics, ...tile }: FinishedTile): FinishedTile {
  return { ...tile, statistics: statisticsFromJson(statistics) };
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
/** A million tiles with statistics of several bands. */
const MOST_BYTES = 512 * 1024 * 1024;

/** The path of the record of an index. */
export function recordPath(indexPath: string): string {
  return `${indexPath}.resume`;
}

/**
 * Reads a record; `undefined` when there is none, or none that says its job.
 *
 * @throws HoldfastError NAME_TAKEN for a symlink, FIFO or device of its name, and for the file of
 *   another user; CORRUPT_DOCUMENT for one that is larger than any
 */
export async function readRecord(fs: Fs, path: string): Promise<FoundRecord | undefined> {
  const bytes = await readBytes(fs, path);
  if (!bytes) return undefined;
  const tiles = new Map<string, TileRecord>();
  let head: Head | undefined;
  for (const line of linesOf(bytes)) {
    if (isHead(line)) head = line;
    else tiles.set(line.name, line);
  }
  return head && { job: head.job, tilesName: head.tilesName, tiles };
}

async function readBytes(fs: Fs, path: string): Promise<Buffer | undefined> {
  const opened = await inItsDirectory(fs, path, (directory, name) =>
    openOwnIfThere(fs, directory.at(name), { access: 'read' }, { oneLink: true }),
  );
  if (!opened) return undefined;
  const { handle, stat } = opened;
  try {
    if (stat.sizeBytes <= MOST_BYTES) return await readAll(handle, stat.sizeBytes);
    throw new HoldfastError('CORRUPT_DOCUMENT', {
      message: `The record of finished tiles has ${stat.sizeBytes} bytes, over ${MOST_BYTES}. Look at it, and remove it.`,
      step: 'resume',
      path,
    });
  } finally {
    await handle.close();
  }
}

function isHead(line: Head | TileRecord): line is Head {
  return 'format' in line;
}

/** What a line holds, if that is something that we write; its checksum anybody can make. */
function parsed(text: string): Head | TileRecord | undefined {
  const value = parsedObject(text);
  if (!value) return undefined;
  if ('format' in value) return isOurHead(value) ? (value as unknown as Head) : undefined;
  const isEmpty = value['empty'] === true && isPlainName(value['name']);
  if (isEmpty) return value as unknown as TileRecord;
  return isFinished(value) ? tileFromJson(value as unknown as FinishedTile) : undefined;
}

function isOurHead({ format, version, job, tilesName }: Record<string, unknown>): boolean {
  return (
    format === FORMAT &&
    version === VERSION &&
    typeof job === 'object' &&
    job !== null &&
    isPlainName(tilesName)
  );
}

function isFinished(value: Record<string, unknown>): boolean {
  const { statistics } = value;
  const isObject = (each: unknown): boolean => typeof each === 'object' && each !== null;
  const isKnown = statistics === undefined || Array.isArray(statistics);
  return isTile(value) && isKnown && ((statistics as unknown[]) ?? []).every(isObject);
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
    const flags = { access: 'write', create: 'ifMissing', truncate: !keep } as const;
    const { handle, stat } = await inItsDirectory(fs, path, (directory, name) =>
      openOwn(fs, directory.at(name), flags, { oneLink: true }),
    );
    const { sizeBytes } = stat;
    const record = new ResumeRecord(handle, sizeBytes);
    // Whatever is torn ends here.
    if (sizeBytes > 0) await record.#write(Buffer.from('\n'));
    await record.#append({ format: FORMAT, version: VERSION, job, tilesName });
    return record;
  }

  /** Says that a tile is finished. */
  async add(tile: TileRecord): Promise<void> {
    await this.#append('empty' in tile ? tile : tileAsJson(tile));
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #append(value: object): Promise<void> {
    const text = JSON.stringify(value);
    await this.#write(Buffer.from(`${checkOf(text)} ${text}\n`));
  }

  /** Lines may be on their way side by side: each has its place before it is written. */
  async #write(line: Uint8Array): Promise<void> {
    const offsetBytes = this.#endBytes;
    this.#endBytes += line.length;
    await writeAll(this.#file, line, offsetBytes);
  }
}

/**
 * The values of the lines that are whole and ours; a hole or a torn line costs itself and what it
 * runs into.
 */
function* linesOf(bytes: Buffer): Generator<Head | TileRecord> {
  for (let start = 0; start < bytes.length;) {
    const found = bytes.indexOf(LINE_FEED, start);
    const end = found < 0 ? bytes.length : found;
    const line = bytes.toString('utf8', start, end);
    const text = line.slice(CHECK_DIGITS + 1);
    const value = checkOf(text) === line.slice(0, CHECK_DIGITS) ? parsed(text) : undefined;
    if (value) yield value;
    start = end + 1;
  }
}

function checkOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, CHECK_DIGITS);
}

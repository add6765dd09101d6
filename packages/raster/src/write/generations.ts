/**
 * What a mosaic remembers outside its index, in `<index>.generations`: since another program may
 * put back an older index (GDAL does, when it has computed statistics: it writes the index as it
 * had opened it).
 *
 * - `youngest`: the highest number that tiles of this mosaic ever had, so that no name is used by
 *   two generations: who has an old index open must never find other tiles under the names in it
 * - `acknowledged`: the tiles of the last index that a finished write left; an index that names
 *   older ones was put back
 * - `retired`: since when an index has not named which tiles, for those that are kept by age
 *
 * A first write makes no record: it has number 1, and no older index can come back. Replacements
 * write it right after the index, before they are acknowledged. A crash in between leaves an index
 * that names younger tiles than the record, which is in order. Before tiles that no index names are
 * removed, their number is recorded.
 */
import { dirname } from 'node:path';
import { type Durability, HoldfastError, replaceFile } from 'holdfast';
import {
  codeOfFailure,
  type FileStat,
  type Fs,
  isOurs,
  isTrusted,
  lookAt,
  nameTaken,
} from 'holdfast/os';
import { inItsDirectory } from './beside.js';
import { readOwnText } from './file-digest.js';

/** The tiles of an index. */
export interface NamedTiles {
  /** The name of the tiles directory, beside the index. */
  readonly tilesName: string;
  readonly generation: string;
}

/** What is remembered of a mosaic. */
export interface Generations {
  readonly youngest: number;
  readonly acknowledged: NamedTiles | undefined;
  /** Milliseconds since 1970, by the name of a tiles directory. */
  readonly retired: ReadonlyMap<string, number>;
}

const FORMAT = 'holdfast-generations';
const VERSION = 1;
/** Some lines for each generation that is kept. */
const MOST_BYTES = 16 * 1024 * 1024;

/** The path of the record of an index. */
function generationsPath(indexPath: string): string {
  return `${indexPath}.generations`;
}

/**
 * Reads the record; `undefined` where there is none.
 *
 * @throws HoldfastError CORRUPT_DOCUMENT for anything that we did not write; NAME_TAKEN for a
 *   symlink, FIFO or device of its name, and for the file of another user
 */
export async function readGenerations(fs: Fs, indexPath: string): Promise<Generations | undefined> {
  const path = generationsPath(indexPath);
  const own = await inItsDirectory(fs, path, (directory, name) =>
    readOwnText(fs, directory.at(name), MOST_BYTES),
  );
  if (own === undefined) return undefined;
  await refuseStrangers(fs, indexPath, own.stat);
  const found = parse(own.text);
  if (found) return found;
  throw new HoldfastError('CORRUPT_DOCUMENT', {
    message:
      'The record of the generations of a mosaic cannot be understood. Move it away; then numbers count from the tiles that are there.',
    step: 'check',
    path,
  });
}

/**
 * What it says may bring back an older index, and lets tiles go. So it is believed of this user and
 * root, of the owner of the directory by root, and of the owner of the index, who could put any
 * other in its place.
 */
async function refuseStrangers(fs: Fs, indexPath: string, stat: FileStat): Promise<void> {
  const path = generationsPath(indexPath);
  if (await isTrusted(fs, path, stat)) return;
  if (await isOurs(fs, path, stat, { directory: await fs.stat(dirname(path)) })) return;
  if ((await lookAt(fs, indexPath))?.uid === stat.uid) return;
  throw nameTaken(path, `a file of another user (${stat.uid})`);
}

/** Replaces the record. */
export async function writeGenerations(
  fs: Fs,
  indexPath: string,
  { youngest, acknowledged, retired }: Generations,
  durability: Durability,
): Promise<void> {
  const head = { format: FORMAT, version: VERSION, youngest, acknowledged };
  const text = `${JSON.stringify({ ...head, retired: Object.fromEntries(retired) }, undefined, 2)}\n`;
  await replaceFile(generationsPath(indexPath), text, { fs, durability });
}

/** The record right after an index that is in place already: what fails now does not undo it. */
export async function recordCommitted(
  ...about: Parameters<typeof writeGenerations>
): Promise<void> {
  try {
    await writeGenerations(...about);
  } catch (cause) {
    throw new HoldfastError(codeOfFailure(cause), {
      message:
        'The index is in place, and the record of its generation could not be written beside it: an older index that another program puts back will not be noticed.',
      outcome: 'committed',
      step: 'record',
      path: generationsPath(about[1]),
      cause,
    });
  }
}

function parse(text: string): Generations | undefined {
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    const { format, version, youngest, acknowledged, retired } = value;
    if (format !== FORMAT || version !== VERSION) return undefined;
    if (!Number.isSafeInteger(youngest) || !isNamed(acknowledged)) return undefined;
    const times = Object.entries(retired as Record<string, unknown>);
    if (!times.every(([, time]) => Number.isFinite(time))) return undefined;
    return {
      youngest: youngest as number,
      acknowledged,
      retired: new Map(times as [string, number][]),
    };
  } catch {
    return undefined;
  }
}

function isNamed(value: unknown): value is NamedTiles | undefined {
  if (value === undefined) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { tilesName, generation } = value as Record<string, unknown>;
  const plain = typeof tilesName === 'string' && /^[^/\0]+$/u.test(tilesName);
  return plain && typeof generation === 'string';
}

/**
 * An index that is not the one which the last acknowledged write left: another program has put back
 * an older one, as GDAL does after it has computed statistics, or broken it.
 */
import { basename, join } from 'node:path';
import type { Fs } from 'holdfast/os';
import { checkIndexDigest } from '../vrt/index-digest.js';
import {
  type Generations,
  type NamedTiles,
  readGenerations,
  recordCommitted,
} from './generations.js';
import { readText } from './file-digest.js';
import {
  anyones,
  isKeptWhole,
  keptIndexName,
  putInPlace,
  restoreCompanions,
  retireCompanions,
  tilesNamedBy,
} from './index-with-tiles.js';
import { numberOf, type TilesDirectory } from './tiles-directory.js';

/** What an index should be, and is not. */
export interface LostIndex {
  /** Where its tiles lie. */
  readonly tilesPath: string;
  readonly acknowledged: NamedTiles;
  /** What the index names; nothing of ours where it is broken or another program's. */
  readonly named: NamedTiles | undefined;
  readonly generations: Generations | undefined;
}

/**
 * Looks whether an index was lost: it is there, its tiles are whole by what their directory says,
 * and it names older ones, or does not hold what was written. One that names younger tiles is of a
 * write that died before it was acknowledged.
 */
export async function findLostIndex(
  fs: Fs,
  indexPath: string,
  directories: readonly TilesDirectory[],
): Promise<LostIndex | undefined> {
  if (!(await fs.exists(indexPath))) return undefined;
  const generations = await readGenerations(fs, indexPath);
  const named = await tilesNamedBy(fs, indexPath);
  const acknowledged = generations?.acknowledged ?? (await onlyTiles(fs, directories));
  const directory = directories.find(({ path }) => basename(path) === acknowledged?.tilesName);
  if (!directory || !acknowledged) return undefined;
  if (!(await isLost(fs, indexPath, directory, named))) return undefined;
  if (!(await isKeptWhole(fs, directory.path))) return undefined;
  return { tilesPath: directory.path, acknowledged, named, generations };
}

/** Without a record there was one write only. */
async function onlyTiles(
  fs: Fs,
  directories: readonly TilesDirectory[],
): Promise<NamedTiles | undefined> {
  const [first, ...others] = directories.filter(({ state }) => state.kind !== 'empty');
  if (first?.number !== 1 || others.length > 0) return undefined;
  const named = await tilesNamedBy(fs, join(first.path, keptIndexName));
  return named?.tilesName === basename(first.path) ? named : undefined;
}

async function isLost(
  fs: Fs,
  indexPath: string,
  { path, number }: TilesDirectory,
  named: NamedTiles | undefined,
): Promise<boolean> {
  const firstName = basename(path).replace(/\.\d+$/u, '');
  if (named && named.tilesName !== basename(path))
    return (numberOf(named.tilesName, firstName) ?? 0) < number;
  return isBroken(fs, indexPath, named);
}

/** As much as `openVrt` reads of an index. */
const MOST_JUDGED_BYTES = 256 * 1024 * 1024;

/**
 * Cut, or changed in place: no whole text of another program, which may have meant what it wrote.
 */
async function isBroken(
  fs: Fs,
  indexPath: string,
  named: NamedTiles | undefined,
): Promise<boolean> {
  const digest = await checkIndexDigest(fs, indexPath);
  if (digest !== 'unknown') return digest === 'damaged';
  // One that nothing here would read is not judged.
  if ((await fs.stat(indexPath)).sizeBytes > MOST_JUDGED_BYTES) return false;
  const text = (await readText(fs, indexPath, MOST_JUDGED_BYTES)) ?? '';
  return named === undefined ? !text.includes('</VRTDataset>') : !/<\/VRTDataset>\s*$/u.test(text);
}

/**
 * Puts the acknowledged index in place again. In a crash in between, the next look finds the same,
 * or that it is in order.
 */
export async function bringBack(
  fs: Fs,
  indexPath: string,
  { tilesPath, acknowledged, named, generations }: LostIndex,
  directories: readonly TilesDirectory[],
): Promise<void> {
  const old = directories.find(({ path }) => basename(path) === named?.tilesName)?.path;
  if (old !== tilesPath) await retireCompanions(fs, indexPath, old);
  await putInPlace(tilesPath, indexPath, anyones, { fs, ifExists: 'replace' });
  await restoreCompanions(fs, indexPath, tilesPath);
  if (!generations) return;
  const retired = new Map(generations.retired);
  retired.delete(acknowledged.tilesName);
  if (old !== undefined && old !== tilesPath) retired.set(basename(old), Date.now());
  await recordCommitted(fs, indexPath, { ...generations, retired }, 'durable');
}

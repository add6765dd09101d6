/**
 * The index as it lies among its tiles, `holdfast-index.vrt`, from where it is put in place: by the
 * write that made it, and again by `recoverVrt` when another program has put back an older one, or
 * broken it. Companions that other programs made beside an index (`<index>.ovr`, `<index>.aux.xml`)
 * go to its tiles when it is replaced: they are of its pixels.
 */
import { basename, join } from 'node:path';
import { type ReplaceFileOptions, replaceFile } from 'holdfast';
import {
  closeQuietly,
  type Demands,
  type Fs,
  type FsDirectory,
  type FsFile,
  openOwn,
  openOwnDirectory,
  readPieces,
} from 'holdfast/os';
import { checkIndexDigest } from '../vrt/index-digest.js';
import { besideInHead, type FilesBeside, tilesInHead } from '../vrt/vrt-text.js';
import { inItsDirectory } from './beside.js';
import { readText } from './file-digest.js';
import type { NamedTiles } from './generations.js';

/** The name of the index among its tiles. */
export const keptIndexName = 'holdfast-index.vrt';

/** What other programs leave beside an index and read with it, by what follows its name. */
export const companionSuffixes = ['.ovr', '.aux.xml'] as const;

/**
 * How far into an index its own facts may lie: before its bands, behind a CRS and whatever metadata
 * there is.
 */
const MOST_HEAD_BYTES = 16 * 1024 * 1024;
const FIRST_HEAD_BYTES = 4096;
/** A larger one is no mere list of statistics. */
const MOST_COMPANION_BYTES = 16 * 1024 * 1024;

/**
 * The tiles that an index names, if it is one of ours, also after another program wrote it anew;
 * `undefined` for any other, for one that is cut before it says so, and where there is none.
 */
export async function tilesNamedBy(fs: Fs, indexPath: string): Promise<NamedTiles | undefined> {
  for await (const head of headsOf(fs, indexPath)) {
    const named = tilesInHead(head);
    if (named) return named;
  }
  return undefined;
}

/** The files beside an index that it names for other readers; none where it names tiles of ours. */
export async function besideNamedBy(fs: Fs, indexPath: string): Promise<FilesBeside> {
  for await (const head of headsOf(fs, indexPath)) {
    if (tilesInHead(head)) return {};
    const named = besideInHead(head);
    if (Object.keys(named).length > 0) return named;
  }
  return {};
}

/** Its beginning, and if that ends before its bands, more of it. */
async function* headsOf(fs: Fs, indexPath: string): AsyncGenerator<string> {
  for (const mostBytes of [FIRST_HEAD_BYTES, MOST_HEAD_BYTES]) {
    const head = await readText(fs, indexPath, mostBytes);
    if (head) yield head;
    if (!head || head.includes('<VRTRasterBand')) return;
  }
}

/**
 * Puts the index that lies among tiles in place: the commit point of a write. A program that
 * exchanges the tiles, or their index for a symlink to what they may not read, has nothing of it
 * published.
 *
 * @param demands - what must be true of it among the tiles
 */
export async function putInPlace(
  tilesPath: string,
  indexPath: string,
  demands: Demands,
  options: ReplaceFileOptions & { readonly fs: Fs },
): Promise<void> {
  const file = await openKept(options.fs, tilesPath, demands);
  try {
    await replaceFile(indexPath, readPieces(file), options);
  } finally {
    await closeQuietly(file);
  }
}

function openKept(fs: Fs, tilesPath: string, demands: Demands): Promise<FsFile> {
  return inItsDirectory(fs, tilesPath, async (parent, name) => {
    const { handle: tiles } = await openOwnDirectory(fs, parent.at(name), anyones);
    try {
      return (await openOwn(fs, tiles.at(keptIndexName), { access: 'read' }, demands)).handle;
    } finally {
      await closeQuietly(tiles);
    }
  });
}

/** Whether the index among tiles is there and as it was written. */
export async function isKeptWhole(fs: Fs, tilesPath: string): Promise<boolean> {
  const path = join(tilesPath, keptIndexName);
  return (await fs.exists(path)) && (await checkIndexDigest(fs, path)) === 'whole';
}

/**
 * Takes the companions of an index out of its way: before it is replaced, so that no new index is
 * ever read with them. They go to its tiles; where it has none of ours, they get another name.
 * Nothing is replaced by it.
 *
 * @returns the names that they had
 */
export async function retireCompanions(
  fs: Fs,
  indexPath: string,
  tilesPath: string | undefined,
): Promise<readonly string[]> {
  return withCompanions(fs, indexPath, tilesPath, async ({ beside, retiredTo, retiredAs }) => {
    const retired: string[] = [];
    for (const suffix of companionSuffixes) {
      const name = `${basename(indexPath)}${suffix}`;
      if (!(await fs.exists(beside.at(name)))) continue;
      const place = await retiredTo();
      let newName = retiredAs(suffix);
      for (let number = 2; await fs.exists(place.at(newName)); number += 1)
        newName = retiredAs(suffix, number);
      await fs.rename(beside.at(name), place.at(newName));
      retired.push(name);
    }
    return retired;
  });
}

/** Where companions are, and where they go, and how they are called there. */
interface Companions {
  readonly beside: FsDirectory;
  readonly retiredTo: () => Promise<FsDirectory>;
  readonly retiredAs: (suffix: string, number?: number) => string;
}

/** Opens the tiles only when they are asked for: an index may name some that are gone. */
function withCompanions<T>(
  fs: Fs,
  indexPath: string,
  tilesPath: string | undefined,
  work: (companions: Companions) => Promise<T>,
): Promise<T> {
  return inItsDirectory(fs, indexPath, async (beside, indexName) => {
    let tiles: FsDirectory | undefined;
    const openTiles = async (path: string): Promise<FsDirectory> =>
      (tiles ??= (await openOwnDirectory(fs, beside.at(basename(path)), anyones)).handle);
    const stem = tilesPath === undefined ? `${indexName}.replaced` : keptIndexName;
    try {
      return await work({
        beside,
        retiredTo: async () => (tilesPath === undefined ? beside : openTiles(tilesPath)),
        retiredAs: (suffix, number) =>
          `${stem}${number === undefined ? '' : `.${number}`}${suffix}`,
      });
    } finally {
      if (tiles) await closeQuietly(tiles);
    }
  });
}

/** A tiles directory may be of another user who writes the mosaic too. */
export const anyones: Demands = { owner: 'anyone' };

/** Brings companions back to an index, where nothing is in their place. */
export async function restoreCompanions(
  fs: Fs,
  indexPath: string,
  tilesPath: string | undefined,
): Promise<void> {
  await withCompanions(fs, indexPath, tilesPath, async ({ beside, retiredTo, retiredAs }) => {
    const place = await retiredTo();
    for (const suffix of companionSuffixes) {
      const [retired, name] = [place.at(retiredAs(suffix)), `${basename(indexPath)}${suffix}`];
      if ((await fs.exists(retired)) && !(await fs.exists(beside.at(name))))
        await fs.rename(retired, beside.at(name));
    }
  });
}

/**
 * Of a name among tiles: something that other programs make of a file there, and that is of no use
 * without it.
 */
export function isCompanionOf(name: string, isOurs: (name: string) => boolean): boolean {
  const suffix = companionSuffixes.find((each) => name.endsWith(each));
  if (suffix === undefined) return false;
  const of = name.slice(0, -suffix.length);
  return isOurs(of) || /^holdfast-index\.vrt\.\d+$/u.test(of);
}

/**
 * A text without what stands between the tags of a name; a tag that is not closed stays, and all
 * behind it.
 */
function withoutElements(text: string, name: string): string {
  const [opening, closing] = [`<${name}>`, `</${name}>`];
  const kept: string[] = [];
  let from = 0;
  for (;;) {
    const start = text.indexOf(opening, from);
    const end = start === -1 ? -1 : text.indexOf(closing, start);
    if (end === -1) return kept.join('') + text.slice(from);
    kept.push(text.slice(from, start));
    from = end + closing.length;
  }
}

/**
 * Whether a companion holds nothing but what a program can compute again: overviews, statistics and
 * histograms.
 */
export async function isDerived(fs: Fs, path: string): Promise<boolean> {
  if (path.endsWith('.ovr')) return true;
  const text = (await readText(fs, path, MOST_COMPANION_BYTES)) ?? '';
  const left = withoutElements(text, 'Histograms')
    .replaceAll(/<MDI key="STATISTICS_\w+">[^<]*<\/MDI>/gu, '')
    .replaceAll(/<\/?(?:PAMDataset|PAMRasterBand(?: band="\d+")?|Metadata)\s*\/?>/gu, '');
  return text.length < MOST_COMPANION_BYTES && left.trim() === '';
}

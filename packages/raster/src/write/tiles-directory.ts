/**
 * The tiles directories of a mosaic, and whose each is.
 *
 * The first is `<stem>_tiles`, those of replacements are `<stem>_tiles.2`, `<stem>_tiles.3` and so
 * on; a higher number is always younger. One that is ours holds a manifest and nothing but the
 * files that the manifest lists. An index names the directory and the generation of its tiles; a
 * directory of ours that no index beside it names is dead: a younger one than the index's was left
 * by a run that died before its commit point, an older one belonged to an earlier index.
 *
 * A dead directory is removed tiles first, then the manifest, then the directory itself, so that
 * whatever is left at any instant is still recognised, or empty; a sync before the manifest goes,
 * so that this holds after a power loss too. A reader of a mosaic holds a shared lock on the
 * manifest of its tiles, and a directory whose manifest is locked is not removed. The manifest is
 * closed before the directory goes: NFS keeps a name for what is open.
 */
import { basename, dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { HoldfastError, isHoldfastError } from 'holdfast';
import {
  type DirectoryEntry,
  errnoOf,
  type Fs,
  type FsDirectory,
  isOurs,
  isTrusted,
  nameTaken,
  openOwn,
  openOwnDirectory,
  unlinkIfThere,
} from 'holdfast/os';
import { inItsDirectory } from './beside.js';
import { readOwnText } from './file-digest.js';
import { isCompanionOf, isDerived, keptIndexName, tilesNamedBy } from './index-with-tiles.js';
import { type Manifest, manifestName, MOST_MANIFEST_BYTES, parseManifest } from './manifest.js';

/** A directory where tiles of a mosaic lie, lay, or would go. */
export interface TilesDirectory {
  readonly path: string;
  /** 1 for `<stem>_tiles`. */
  readonly number: number;
  readonly state:
    | { readonly kind: 'empty' }
    | { readonly kind: 'dead'; readonly manifest: Manifest }
    /** Nothing may go there, for the `reason` given; `live` where an index names it. */
    | {
        readonly kind: 'taken';
        readonly live: boolean;
        readonly isDirectory: boolean;
        readonly reason: string;
      };
}

/** Removals between two turns of the event loop. */
const REMOVALS_PER_TURN = 256;

/**
 * All tiles directories of a mosaic, the oldest first, but for the one at `exceptPath`, which is
 * not looked into. `firstPath` is `<stem>_tiles`. Changes nothing.
 */
export async function listTilesDirectories(
  fs: Fs,
  firstPath: string,
  exceptPath?: string,
): Promise<readonly TilesDirectory[]> {
  const directory = dirname(firstPath);
  try {
    return await inItsDirectory(fs, firstPath, async (parent, firstName) => {
      const entries = await fs.readDirectory(parent.at('.'));
      const numbered = entries.flatMap(({ name }) => {
        const number = numberOf(name, firstName);
        const path = join(directory, name);
        return number === undefined || path === exceptPath ? [] : [{ number, path }];
      });
      const found: TilesDirectory[] = [];
      for (const { number, path } of numbered.toSorted((a, b) => a.number - b.number))
        found.push({ path, number, state: await stateOf(fs, parent, path, entries) });
      return found;
    });
  } catch (error) {
    throw unlistable(directory, error);
  }
}

/**
 * The dead directories younger than the one in use, and than those of the last acknowledged write;
 * all of them where there is neither. No index of a finished write has named them.
 */
export function leftoversOf(
  found: readonly TilesDirectory[],
  acknowledged: string | undefined,
): readonly TilesDirectory[] {
  const inUse = found.findLast(({ state }) => state.kind === 'taken' && state.live);
  const known = found.find(({ path }) => basename(path) === acknowledged);
  const youngest = Math.max(inUse?.number ?? 0, known?.number ?? 0);
  return found.filter(({ number, state }) => state.kind === 'dead' && number > youngest);
}

function unlistable(path: string, cause: unknown): HoldfastError {
  if (isHoldfastError(cause)) return cause;
  const missing = errnoOf(cause) === 'ENOENT';
  return new HoldfastError(missing ? 'NOT_FOUND' : 'IO', {
    message: missing
      ? 'The directory for the mosaic does not exist. Make it first.'
      : 'The directory for the mosaic cannot be read.',
    step: 'check',
    path,
    cause,
  });
}

/** The path of the first tiles directory of an index. */
export function firstTilesPath(indexPath: string): string {
  return join(dirname(indexPath), `${basename(indexPath).slice(0, -4)}_tiles`);
}

/** The path of the tiles directory of a number. */
export function numberedPath(firstPath: string, number: number): string {
  return number === 1 ? firstPath : `${firstPath}.${number}`;
}

export function numberOf(name: string, firstName: string): number | undefined {
  if (name === firstName) return 1;
  if (!name.startsWith(`${firstName}.`)) return undefined;
  const digits = /^[1-9]\d{0,14}$/u.exec(name.slice(firstName.length + 1))?.[0];
  return digits === undefined || digits === '1' ? undefined : Number(digits);
}

/** The error for tiles that cannot go where a first write puts them. */
export function inTheWay(
  path: string,
  { reason, isDirectory }: Extract<TilesDirectory['state'], { kind: 'taken' }>,
): HoldfastError {
  return new HoldfastError(isDirectory ? 'ALREADY_EXISTS' : 'UNSUPPORTED_TARGET', {
    message: `The place for the tiles is in use: ${reason}. Move it away, or write to another name.`,
    step: 'check',
    path,
  });
}

async function stateOf(
  fs: Fs,
  parent: FsDirectory,
  path: string,
  siblings: readonly DirectoryEntry[],
): Promise<TilesDirectory['state']> {
  const at = parent.at(basename(path));
  const { kind } = await fs.lstat(at);
  if (kind !== 'directory')
    return { ...taken(`it is a ${kind}, not a directory`), isDirectory: false };
  const { handle: directory, stat } = await openOwnDirectory(fs, at, { owner: 'anyone' });
  try {
    const entries = await fs.readDirectory(directory.at('.'));
    if (entries.length === 0) return { kind: 'empty' };
    // Whoever may make names beside the mosaic may make a whole directory that looks like one of
    // ours.
    if (!(await isOurs(fs, at, stat, { directory: await parent.stat() })))
      return taken(`it is a directory of another user (${stat.uid})`);
    return await stateOfOurs(fs, directory, entries, siblings);
  } finally {
    await directory.close();
  }
}

async function stateOfOurs(
  fs: Fs,
  directory: FsDirectory,
  entries: readonly DirectoryEntry[],
  siblings: readonly DirectoryEntry[],
): Promise<TilesDirectory['state']> {
  const manifest = await manifestIn(fs, directory);
  if (typeof manifest === 'string') return taken(manifest);
  const stranger = await strangerAmong(fs, directory, entries, manifest);
  if (stranger !== undefined) return taken(`it holds '${stranger}', which Holdfast did not write`);
  const index = await indexNaming(fs, directory.path, manifest.generation, siblings);
  if (index === undefined) return { kind: 'dead', manifest };
  return taken(`the index '${index}' refers to its tiles`, true);
}

/** The manifest, which decides what is removed; or why there is none that may be believed. */
async function manifestIn(fs: Fs, directory: FsDirectory): Promise<Manifest | string> {
  const path = directory.at(manifestName);
  try {
    const own = await readOwnText(fs, path, MOST_MANIFEST_BYTES);
    const manifest = own && parseManifest(own.text);
    if (!manifest) return 'it is not empty and not a tiles directory of Holdfast';
    const { stat } = own;
    const isOfUs =
      (await isTrusted(fs, path, stat)) ||
      (await isOurs(fs, path, stat, { directory: await directory.stat() }));
    return isOfUs ? manifest : `its manifest is a file of another user (${stat.uid})`;
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    return `its manifest cannot be believed (${error.message})`;
  }
}

function taken(reason: string, live = false): Extract<TilesDirectory['state'], { kind: 'taken' }> {
  return { kind: 'taken', live, isDirectory: true, reason };
}

async function strangerAmong(
  fs: Fs,
  directory: FsDirectory,
  entries: readonly DirectoryEntry[],
  manifest: Manifest,
): Promise<string | undefined> {
  const isListed = namesOf(manifest);
  for (const { name, kind } of entries) {
    if (kind !== 'file') return name;
    if (isListed(name)) continue;
    if (!isCompanionOf(name, isListed) || !(await isDerived(fs, directory.at(name)))) return name;
  }
  return undefined;
}

/** Tells the names of what we write into a tiles directory. */
export function namesOf(manifest: Manifest): (name: string) => boolean {
  const ours = new Set([manifestName, keptIndexName, ...manifest.tiles.map(({ name }) => name)]);
  return (name) => ours.has(name);
}

/**
 * The name of the index beside a tiles directory that names it, whatever the index is called now.
 */
async function indexNaming(
  fs: Fs,
  tilesPath: string,
  generation: string,
  siblings: readonly DirectoryEntry[],
): Promise<string | undefined> {
  for (const { name, kind } of siblings) {
    if (kind !== 'file' || !name.toLowerCase().endsWith('.vrt')) continue;
    const named = await tilesNamedBy(fs, join(dirname(tilesPath), name));
    if (named?.generation === generation && named.tilesName === basename(tilesPath)) return name;
  }
  return undefined;
}

/**
 * Removes a dead tiles directory, unless somebody reads it. May be interrupted anywhere and done
 * again.
 *
 * @returns whether it is gone
 */
export async function removeTiles(fs: Fs, tilesPath: string, manifest: Manifest): Promise<boolean> {
  return inItsDirectory(fs, tilesPath, async (parent, name) => {
    const anyones = { owner: 'anyone' } as const;
    const { handle: directory, stat } = await openOwnDirectory(fs, parent.at(name), anyones);
    try {
      if (!(await isOurs(fs, parent.at(name), stat, { directory: await parent.stat() })))
        throw nameTaken(tilesPath, `a directory of another user (${stat.uid})`);
      if (!(await removeFiles(fs, directory, manifest))) return false;
    } finally {
      await directory.close();
    }
    await fs.rmdir(parent.at(name));
    return true;
  });
}

/**
 * What lies in a tiles directory, the manifest last. The exclusive lock keeps others from beginning
 * to read meanwhile. All is reached through the directory itself, so that nothing goes that lies in
 * another one which takes its name.
 */
async function removeFiles(fs: Fs, directory: FsDirectory, manifest: Manifest): Promise<boolean> {
  const manifestPath = directory.at(manifestName);
  const { handle: locked } = await openOwn(
    fs,
    manifestPath,
    { access: 'readWrite' },
    { owner: 'anyone' },
  );
  try {
    if (!locked.tryLock('exclusive')) return false;
    for (const [count, { name }] of manifest.tiles.entries()) {
      await unlinkIfThere(fs, directory.at(name));
      if (count % REMOVALS_PER_TURN === REMOVALS_PER_TURN - 1) await setImmediate();
    }
    await unlinkIfThere(fs, directory.at(keptIndexName));
    const listed = namesOf(manifest);
    for (const { name } of await fs.readDirectory(directory.at('.')))
      if (isCompanionOf(name, listed)) await fs.unlink(directory.at(name));
    await directory.sync();
    await fs.unlink(manifestPath);
    return true;
  } finally {
    await locked.close();
  }
}

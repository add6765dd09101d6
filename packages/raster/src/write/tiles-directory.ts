/**
 * The tiles directories of a mosaic, and whose each is.
 *
 * The first is `<stem>_tiles`, those of replacements are `<stem>_tiles.2`, `<stem>_tiles.3` and so on; a higher number is
 * always younger. One that is ours holds a manifest and nothing but the files that the manifest lists. An index names the
 * directory and the generation of its tiles; a directory of ours that no index beside it names is dead: a younger one
 * than the index's was left by a run that died before its commit point, an older one belonged to an earlier index.
 *
 * A dead directory is removed tiles first, then the manifest, then the directory itself, so that whatever is left at any
 * instant is still recognised, or empty; a sync before the manifest goes, so that this holds after a power loss too. Who
 * reads a mosaic holds a shared lock on its tiles directory, and a directory that is locked is not removed.
 */
import { basename, dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { HoldfastError } from 'holdfast';
import { type DirectoryEntry, errnoOf, type Fs, type FsDirectory } from 'holdfast/os';
import { tilesInHead } from '../vrt/vrt-text.js';
import { type Manifest, manifestName, parseManifest } from './manifest.js';

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

/** How much of an index is read to find the tiles that it names. */
const INDEX_HEAD_BYTES = 4096;
/** Removals between two turns of the event loop. */
const REMOVALS_PER_TURN = 256;

/**
 * All tiles directories of a mosaic, the oldest first, but for the one at `exceptPath`, which is not looked into. `firstPath`
 * is `<stem>_tiles`. Changes nothing.
 */
export async function listTilesDirectories(
  fs: Fs,
  firstPath: string,
  exceptPath?: string,
): Promise<readonly TilesDirectory[]> {
  const [directory, firstName] = [dirname(firstPath), basename(firstPath)];
  const entries = await entriesOf(fs, directory);
  const numbered = entries.flatMap(({ name }) => {
    const number = numberOf(name, firstName);
    const path = join(directory, name);
    return number === undefined || path === exceptPath ? [] : [{ number, path }];
  });
  const found: TilesDirectory[] = [];
  for (const { number, path } of numbered.toSorted((a, b) => a.number - b.number))
    found.push({ path, number, state: await stateOf(fs, path, entries) });
  return found;
}

/** The dead directories younger than the one in use, or all of them when none is in use: no index has named them. */
export function leftoversOf(found: readonly TilesDirectory[]): readonly TilesDirectory[] {
  const inUse = found.findLast(({ state }) => state.kind === 'taken' && state.live);
  return found.filter(
    ({ number, state }) => state.kind === 'dead' && number > (inUse?.number ?? 0),
  );
}

async function entriesOf(fs: Fs, directory: string): Promise<readonly DirectoryEntry[]> {
  try {
    return await fs.readDirectory(directory);
  } catch (cause) {
    const missing = errnoOf(cause) === 'ENOENT';
    throw new HoldfastError(missing ? 'NOT_FOUND' : 'IO', {
      message: missing
        ? 'The directory for the mosaic does not exist. Make it first.'
        : 'The directory for the mosaic cannot be read.',
      outcome: 'unchanged',
      step: 'check',
      path: directory,
      cause,
    });
  }
}

/** The path of the tiles directory of a number. */
export function numberedPath(firstPath: string, number: number): string {
  return number === 1 ? firstPath : `${firstPath}.${number}`;
}

function numberOf(name: string, firstName: string): number | undefined {
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
    outcome: 'unchanged',
    step: 'check',
    path,
  });
}

async function stateOf(
  fs: Fs,
  path: string,
  siblings: readonly DirectoryEntry[],
): Promise<TilesDirectory['state']> {
  const { kind } = await fs.lstat(path);
  if (kind !== 'directory')
    return { ...taken(`it is a ${kind}, not a directory`), isDirectory: false };
  const entries = await fs.readDirectory(path);
  if (entries.length === 0) return { kind: 'empty' };
  const text = await readText(fs, join(path, manifestName));
  const manifest = text === undefined ? undefined : parseManifest(text);
  if (!manifest) return taken('it is not empty and not a tiles directory of Holdfast');
  const stranger = strangerAmong(entries, manifest);
  if (stranger !== undefined) return taken(`it holds '${stranger}', which Holdfast did not write`);
  const index = await indexNaming(fs, path, manifest.generation, siblings);
  if (index === undefined) return { kind: 'dead', manifest };
  return taken(`the index '${index}' refers to its tiles`, true);
}

function taken(reason: string, live = false): Extract<TilesDirectory['state'], { kind: 'taken' }> {
  return { kind: 'taken', live, isDirectory: true, reason };
}

function strangerAmong(entries: readonly DirectoryEntry[], manifest: Manifest): string | undefined {
  const ours = new Set([manifestName, ...manifest.tiles.map(({ name }) => name)]);
  return entries.find(({ name, kind }) => kind !== 'file' || !ours.has(name))?.name;
}

/** The name of the index beside a tiles directory that names it, whatever the index is called now. */
async function indexNaming(
  fs: Fs,
  tilesPath: string,
  generation: string,
  siblings: readonly DirectoryEntry[],
): Promise<string | undefined> {
  for (const { name, kind } of siblings) {
    if (kind !== 'file' || !name.toLowerCase().endsWith('.vrt')) continue;
    const head = await readText(fs, join(dirname(tilesPath), name), INDEX_HEAD_BYTES);
    const named = head === undefined ? undefined : tilesInHead(head);
    if (named?.generation === generation && named.tilesName === basename(tilesPath)) return name;
  }
  return undefined;
}

/** The text of a file or of its beginning; `undefined` when it is missing. */
async function readText(
  fs: Fs,
  path: string,
  mostBytes = Number.MAX_SAFE_INTEGER,
): Promise<string | undefined> {
  try {
    const file = await fs.open(path, { access: 'read' });
    try {
      const { sizeBytes } = await file.stat();
      const buffer = new Uint8Array(Math.min(sizeBytes, mostBytes));
      let done = 0;
      while (done < buffer.length) {
        const count = await file.read(buffer.subarray(done), done);
        if (count === 0) break;
        done += count;
      }
      return new TextDecoder().decode(buffer.subarray(0, done));
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Removes a dead tiles directory, unless somebody reads it. May be interrupted anywhere and done again.
 *
 * @returns whether it is gone
 */
export async function removeTiles(fs: Fs, tilesPath: string, manifest: Manifest): Promise<boolean> {
  const directory = await fs.openDirectory(tilesPath);
  try {
    if (!isUnread(directory)) return false;
    for (const [count, { name }] of manifest.tiles.entries()) {
      await unlinkIfThere(fs, join(tilesPath, name));
      if (count % REMOVALS_PER_TURN === REMOVALS_PER_TURN - 1) await setImmediate();
    }
    await directory.sync();
    await unlinkIfThere(fs, join(tilesPath, manifestName));
    await fs.rmdir(tilesPath);
    return true;
  } finally {
    await directory.close();
  }
}

/** Whether nobody holds a lock on a directory. The lock is ours then, so that nobody begins to read. */
function isUnread(directory: FsDirectory): boolean {
  return directory.tryLock('exclusive');
}

/** Removes a file, if it is there. */
export async function unlinkIfThere(fs: Fs, path: string): Promise<void> {
  try {
    await fs.unlink(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * What may lie where the tiles of a mosaic go, and whose it is.
 *
 * A tiles directory of ours holds a manifest and nothing but the files that the manifest lists. Indexes name the
 * generation of the tiles they go with; a directory of ours whose generation no index beside it names is what a run
 * left that died between publishing its tiles and its index. It is removed tiles first, then the manifest, then the
 * directory itself, so that whatever is left at any instant is still recognised, or empty.
 */
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { HoldfastError } from 'holdfast';
import { type DirectoryEntry, errnoOf, type Fs } from 'holdfast/os';
import { generationInHead } from '../vrt/vrt-text.js';
import { type Manifest, manifestName, parseManifest } from './manifest.js';

/** What was found at the path of a tiles directory. */
export type FoundTiles =
  { readonly kind: 'missing' | 'empty' } | { readonly kind: 'dead'; readonly manifest: Manifest };

/** How much of an index is read to find the generation that it names. */
const INDEX_HEAD_BYTES = 4096;
/** Removals between two turns of the event loop. */
const REMOVALS_PER_TURN = 256;

/**
 * Looks at what lies in the way of new tiles, without changing it.
 *
 * @throws HoldfastError ALREADY_EXISTS for a directory that is not ours, or that an index refers to;
 * UNSUPPORTED_TARGET for anything but a directory
 */
export async function findTiles(fs: Fs, tilesPath: string): Promise<FoundTiles> {
  const entries = await entriesAt(fs, tilesPath);
  if (!entries) return { kind: 'missing' };
  if (entries.length === 0) return { kind: 'empty' };
  const manifest = await manifestAt(fs, tilesPath);
  if (!manifest) throw inTheWay(tilesPath, 'it is not empty and not a tiles directory of Holdfast');
  const stranger = strangerAmong(entries, manifest);
  if (stranger !== undefined)
    throw inTheWay(tilesPath, `it holds '${stranger}', which Holdfast did not write`);
  const index = await indexNaming(fs, dirname(tilesPath), manifest.generation);
  if (index !== undefined) throw inTheWay(tilesPath, `the index '${index}' refers to its tiles`);
  return { kind: 'dead', manifest };
}

function inTheWay(path: string, reason: string): HoldfastError {
  return new HoldfastError('ALREADY_EXISTS', {
    message: `The directory for the tiles is in use: ${reason}. Move it away, or write to another name.`,
    outcome: 'unchanged',
    step: 'check',
    path,
  });
}

async function entriesAt(
  fs: Fs,
  tilesPath: string,
): Promise<readonly DirectoryEntry[] | undefined> {
  const kind = await kindAt(fs, tilesPath);
  if (kind === undefined) return undefined;
  if (kind === 'directory') return fs.readDirectory(tilesPath);
  throw new HoldfastError('UNSUPPORTED_TARGET', {
    message: `There is a ${kind} where the directory for the tiles goes. Move it away, or write to another name.`,
    outcome: 'unchanged',
    step: 'check',
    path: tilesPath,
  });
}

async function kindAt(fs: Fs, path: string): Promise<string | undefined> {
  try {
    return (await fs.lstat(path)).kind;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function manifestAt(fs: Fs, tilesPath: string): Promise<Manifest | undefined> {
  const text = await readText(fs, join(tilesPath, manifestName));
  return text === undefined ? undefined : parseManifest(text);
}

function strangerAmong(entries: readonly DirectoryEntry[], manifest: Manifest): string | undefined {
  const ours = new Set([manifestName, ...manifest.tiles.map(({ name }) => name)]);
  return entries.find(({ name, kind }) => kind !== 'file' || !ours.has(name))?.name;
}

/** The name of the index in a directory that names a generation, whatever the index is called now. */
async function indexNaming(
  fs: Fs,
  directory: string,
  generation: string,
): Promise<string | undefined> {
  for (const { name, kind } of await fs.readDirectory(directory)) {
    if (kind !== 'file' || !name.toLowerCase().endsWith('.vrt')) continue;
    const head = await readText(fs, join(directory, name), INDEX_HEAD_BYTES);
    if (head !== undefined && generationInHead(head) === generation) return name;
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

/** Removes a tiles directory of ours. May be interrupted anywhere and done again. */
export async function removeTiles(fs: Fs, tilesPath: string, manifest: Manifest): Promise<void> {
  for (const [count, { name }] of manifest.tiles.entries()) {
    await unlinkIfThere(fs, join(tilesPath, name));
    if (count % REMOVALS_PER_TURN === REMOVALS_PER_TURN - 1) await setImmediate();
  }
  await unlinkIfThere(fs, join(tilesPath, manifestName));
  await fs.rmdir(tilesPath);
}

async function unlinkIfThere(fs: Fs, path: string): Promise<void> {
  try {
    await fs.unlink(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

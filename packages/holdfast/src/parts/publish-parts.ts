/**
 * Publishes the parts of a session as one directory: each file gets a second name in the stage of
 * an ordinary publish (a hard link; a copy where that cannot be had), so a commit that dies at any
 * instant has taken nothing away from its session.
 */
import { errnoOf, isHoldfastError } from '../errors.js';
import { publishDirectory } from '../directory/publish-directory.js';
import { StagedSubdirectories, type Stage } from '../directory/stage.js';
import type { JsonObject } from '../json/json-value.js';
import type { Fs, FsDirectory } from '../os/fs.js';
import { closeQuietly, lookAt, openCanonical, openOwn, readPieces } from '../os/handles.js';
import { breathe, openChild } from '../os/tree.js';
import type { CommittedParts } from './commit-parts.js';
import { holdsAll, readEntriesOf, type PartEntry } from './part-record.js';

/** What a commit has published. */
export interface PublishedParts {
  /** The target, with symlinks resolved. */
  readonly path: string;
  readonly fileCount: number;
  /** Of all files. */
  readonly sizeBytes: number;
  /** Where the replaced tree was put, with `keepPrevious`. */
  readonly previousPath: string | null;
}

export async function publishParts(fs: Fs, parts: CommittedParts): Promise<JsonObject> {
  const { path, facts } = parts;
  let [fileCount, sizeBytes] = [0, 0];
  for await (const { entries } of parts.records()) {
    for (const entry of entries) {
      if (entry.kind !== 'directory') fileCount += 1;
      if (entry.kind === 'file') sizeBytes += entry.sizeBytes;
    }
  }
  const published = { path, fileCount, sizeBytes };
  if (await isPublished(fs, parts)) return { ...published, previousPath: null };
  const { previousPath } = await publishDirectory(path, (stage) => fill(fs, stage, parts), {
    fs,
    ...facts.publishing,
  });
  return { ...published, previousPath: previousPath ?? null };
}

/** Whether a commit that died had published: the target is this very tree. */
async function isPublished(fs: Fs, { path, records }: CommittedParts): Promise<boolean> {
  if ((await lookAt(fs, path))?.kind !== 'directory') return false;
  const entries: PartEntry[] = [];
  for await (const record of records()) for (const entry of record.entries) entries.push(entry);
  const root = await openCanonical(fs, path);
  try {
    for (const reading of ['size', 'checksum'] as const) {
      const found = await readEntriesOf(fs, root, reading);
      if (!holdsAll(found, entries, reading) || !holdsAll(entries, found, reading)) return false;
    }
    return true;
  } catch (error) {
    if (isHoldfastError(error, 'NAME_TAKEN')) return false;
    throw error;
  } finally {
    await closeQuietly(root);
  }
}

async function fill(fs: Fs, stage: Stage, { records, open }: CommittedParts): Promise<void> {
  const root = await fs.openDirectory(stage.at('.'));
  try {
    const directories = new StagedSubdirectories(fs, root);
    for await (const { attempt, entries } of records()) {
      const from = await open(attempt);
      try {
        for (const entry of entries) {
          await put(fs, { stage, directories, from }, entry);
          await breathe();
        }
      } finally {
        await closeQuietly(from);
      }
    }
  } finally {
    await closeQuietly(root);
  }
}

interface Filling {
  readonly stage: Stage;
  readonly directories: StagedSubdirectories;
  readonly from: FsDirectory;
}

async function put(fs: Fs, { stage, directories, from }: Filling, entry: PartEntry): Promise<void> {
  if (entry.kind === 'directory') return directories.within(entry.path, async () => undefined);
  const [folder, name] = splitPath(entry.path);
  await below(fs, from, folder, (source) =>
    directories.within(folder, async (into) => {
      if (entry.kind === 'symlink') return fs.symlink(entry.target, into.at(name));
      try {
        await fs.link(source.at(name), into.at(name));
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') throw error;
        await copy(fs, source, name, { stage, path: entry.path });
      }
    }),
  );
}

async function copy(
  fs: Fs,
  source: FsDirectory,
  name: string,
  { stage, path }: { readonly stage: Stage; readonly path: string },
): Promise<void> {
  const { handle, stat } = await openOwn(fs, source.at(name), { access: 'read' });
  try {
    await stage.write(path, readPieces(handle), { mode: stat.mode });
  } finally {
    await closeQuietly(handle);
  }
}

function splitPath(path: string): readonly [folder: string, name: string] {
  const end = path.lastIndexOf('/');
  return [path.slice(0, Math.max(0, end)), path.slice(end + 1)];
}

/** Works in a directory of an attempt, each opened below the one above it. */
async function below<T>(
  fs: Fs,
  root: FsDirectory,
  folder: string,
  work: (directory: FsDirectory) => Promise<T>,
): Promise<T> {
  if (folder === '') return work(root);
  const [above, name] = splitPath(folder);
  return below(fs, root, above, async (parent) => {
    const directory = await openChild(fs, parent, name);
    try {
      return await work(directory);
    } finally {
      await closeQuietly(directory);
    }
  });
}

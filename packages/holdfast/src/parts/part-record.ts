/**
 * What an attempt at a part has made, as its record says it and as it can be read again: every file
 * with its size and SHA-256, every symlink, every directory.
 */
import { HoldfastError } from '../errors.js';
import type { JsonObject, JsonValue } from '../json/json-value.js';
import type { Fs, FsDirectory } from '../os/fs.js';
import { closeQuietly, openOwn, readPieces } from '../os/handles.js';
import { crypto } from '../os/lazy-modules.js';
import { type TreeVisitor, walkTree } from '../os/tree.js';
import { checkedText, readChecked } from './checked-json.js';

const VERSION = 1;

/** One name in the tree of an attempt, with slashes between the parts of its path. */
export type PartEntry =
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly sizeBytes: number;
      /** In hexadecimal. */
      readonly sha256: string;
    }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | { readonly kind: 'directory'; readonly path: string };

/** Which attempt at a part counts. */
export interface PartRecord {
  readonly part: number;
  /** The name of its directory. */
  readonly attempt: string;
  /** What the function that made it returned. */
  readonly value: JsonValue;
  /** In the order of their paths. */
  readonly entries: readonly PartEntry[];
}

export function recordName(part: number): string {
  return `${part}.json`;
}

/** The part whose record has this name; `undefined` for any other name. */
export function partOfRecord(name: string): number | undefined {
  const digits = /^(0|[1-9]\d{0,8})\.json$/u.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function recordText({ part, attempt, value, entries }: PartRecord): string {
  return checkedText({
    version: VERSION,
    part,
    attempt,
    value,
    entries: entries as unknown as JsonObject[],
  });
}

/** Reads a record; `undefined` when there is none. */
export async function readRecord(
  fs: Fs,
  parts: FsDirectory,
  part: number,
): Promise<PartRecord | 'damaged' | undefined> {
  const file = await readChecked(fs, parts.at(recordName(part)));
  if (file === undefined || file === 'damaged') return file;
  const { version, attempt, value, entries } = file.value;
  const isOurs =
    version === VERSION &&
    file.value['part'] === part &&
    typeof attempt === 'string' &&
    new RegExp(`^${part}-[0-9a-f]+$`, 'u').test(attempt) &&
    Array.isArray(entries);
  if (!isOurs) return 'damaged';
  return { part, attempt, value: value ?? null, entries: entries as unknown as PartEntry[] };
}

/** Whether two attempts have made the same. */
export function isSamePart(a: PartRecord, b: PartRecord): boolean {
  return JSON.stringify([a.value, a.entries]) === JSON.stringify([b.value, b.entries]);
}

/** How thoroughly a tree is read: every byte, or no more than the sizes of the files. */
export type Reading = 'checksum' | 'size';

/** Files of a tree, of which each waits for a server, or a disk. */
const READ_AT_ONCE = 8;

/** What a file holds, in two facts. */
interface Digest {
  readonly sizeBytes: number;
  /** In hexadecimal; empty where its size told enough. */
  readonly sha256: string;
}

/** Digests that were taken of bytes on their way to a tree, by the paths of their files. */
export type Digests = ReadonlyMap<string, Digest>;

/**
 * Reads a tree from its open root.
 *
 * @param known - a file that has the size of its digest here is not read
 */
export async function readEntriesOf(
  fs: Fs,
  root: FsDirectory,
  reading: Reading,
  known?: Digests,
): Promise<readonly PartEntry[]> {
  const entries: PartEntry[] = [];
  const pathOf = (inside: FsDirectory, name: string): string =>
    inside === root ? name : `${inside.path.slice(root.path.length + 1)}/${name}`;
  const visitor: TreeVisitor = {
    entry: async (inside, name, kind) => {
      const path = pathOf(inside, name);
      if (kind === 'symlink') {
        entries.push({ kind, path, target: await fs.readlink(inside.at(name)) });
        return;
      }
      const { sizeBytes, sha256 } = await digest(fs, inside.at(name), reading, known?.get(path));
      entries.push({ kind: 'file', path, sizeBytes, sha256 });
    },
    left: async (inside, name) => {
      entries.push({ kind: 'directory', path: pathOf(inside, name) });
    },
  };
  await walkTree(fs, root, visitor, { concurrency: READ_AT_ONCE });
  return entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** Whether all that a record names is in a tree, as it was. */
export function holdsAll(
  found: readonly PartEntry[],
  recorded: readonly PartEntry[],
  reading: Reading,
): boolean {
  const byPath = new Map(found.map((entry) => [entry.path, entry]));
  return recorded.every((entry) => {
    const there = byPath.get(entry.path);
    return there !== undefined && told(there, reading) === told(entry, reading);
  });
}

function told(entry: PartEntry, reading: Reading): string {
  if (entry.kind === 'directory') return entry.kind;
  if (entry.kind === 'symlink') return `symlink ${entry.target}`;
  return `file ${entry.sizeBytes} ${reading === 'size' ? '' : entry.sha256}`;
}

/** Whose each file is: two parts that have made the same one are in conflict. */
export class PathOwners {
  readonly #ownerOf = new Map<string, number>();
  #conflict: { readonly part: number; readonly path: string } | undefined;

  /** Takes what a part has made. */
  add({ part, entries }: PartRecord): void {
    for (const { path, kind } of entries) {
      const other = this.#ownerOf.get(path);
      this.#ownerOf.set(path, kind === 'directory' ? SHARED : part);
      if (other === undefined || (other === SHARED && kind === 'directory')) continue;
      this.#conflict ??= { part, path };
    }
  }

  /**
   * @param target - what the error names
   * @throws HoldfastError PATH_CONFLICT for the first conflict
   */
  refuseConflicts(target: string): void {
    if (!this.#conflict) return;
    const { part, path } = this.#conflict;
    throw new HoldfastError('PATH_CONFLICT', {
      message: `Part ${part} and another one have both made '${path}'. Each file belongs to one part: mend the command that makes them, abandon the session and begin again.`,
      step: 'commit',
      path: target,
    });
  }
}

/** In place of a part, for a directory: several may have it. */
const SHARED = -1;

const SHA256 = /^[0-9a-f]{64}$/u;

async function digest(
  fs: Fs,
  path: string,
  reading: Reading,
  known: Digest | undefined,
): Promise<Digest> {
  const { handle, stat } = await openOwn(fs, path, { access: 'read' });
  try {
    if (reading === 'size') return { sizeBytes: stat.sizeBytes, sha256: '' };
    if (known?.sizeBytes === stat.sizeBytes && SHA256.test(known.sha256)) return known;
    const hash = crypto().createHash('sha256');
    let sizeBytes = 0;
    for await (const piece of readPieces(handle, stat.sizeBytes)) {
      hash.update(piece);
      sizeBytes += piece.length;
    }
    return { sizeBytes, sha256: hash.digest('hex') };
  } finally {
    await closeQuietly(handle);
  }
}

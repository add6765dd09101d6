/**
 * The redo copy of a file that is overwritten where it is: what the overwrite writes, and what it
 * writes over.
 *
 *     new content | old content | a line feed, one line of JSON, a line feed
 *
 * The line names the file (path, device, inode), the length of both contents, and the digest of all
 * before it and of itself. So three things are known of a copy before it is followed: that it is
 * whole, which file it is about, and, with the old content, whether the file is in a state that a
 * crash of this very overwrite can have left. What another program has written since is none.
 */
import { Buffer } from 'node:buffer';
import type { Hash } from 'node:crypto';
import { ACL, type FileStat, type Fs, type FsFile } from '../os/fs.js';
import {
  closeQuietly,
  openOwnIfThere,
  readFully,
  writeAll,
  type Opened,
  type Readable,
} from '../os/handles.js';
import { errnoOf, isHoldfastError } from '../errors.js';
import { crypto } from '../os/lazy-modules.js';
import { isTrusted } from '../os/owner.js';
import { dirname } from '../os/paths.js';

/** What a copy says of itself. */
export interface RedoFacts {
  /** The canonical path by which the file was overwritten. */
  readonly path: string;
  readonly device: string;
  readonly inode: string;
  readonly newBytes: number;
  readonly oldBytes: number;
  /** The permission bits that the file is to have. */
  readonly mode: number;
  /** Whether the file is to lose its ACL. */
  readonly dropsAcl: boolean;
}

/** What the caller knows before the content is written. */
export type RedoPlan = Pick<RedoFacts, 'path' | 'mode' | 'dropsAcl'>;

const FORMAT = 'holdfast redo 1';
/** A path of 4096 bytes, each escaped as six, and the rest. */
const LONGEST_LINE_BYTES = 32 * 1024;
const PIECE_BYTES = 64 * 1024;
const WRITABLE_BY_GROUP = 0o020;
const WRITABLE_BY_OTHERS = 0o002;

/**
 * The bytes of a copy.
 *
 * @param content - what the file is to hold
 * @param target - the file, which nobody of Holdfast overwrites meanwhile
 */
export async function* redoCopyOf(
  { path, mode, dropsAcl }: RedoPlan,
  content: AsyncIterable<Uint8Array>,
  { handle, stat }: Opened<FsFile>,
): AsyncGenerator<Uint8Array> {
  const hash = crypto().createHash('sha256');
  const sizes = [0, 0];
  for (const [index, source] of [content, piecesOf(handle)].entries()) {
    for await (const piece of source) {
      hash.update(piece);
      sizes[index] = (sizes[index] as number) + piece.length;
      yield piece;
    }
  }
  const [newBytes, oldBytes] = sizes as [number, number];
  const [device, inode] = [String(stat.dev), String(stat.ino)];
  const facts: RedoFacts = { path, device, inode, newBytes, oldBytes, mode, dropsAcl };
  yield Buffer.from(`\n${lineOf(facts, hash)}\n`);
}

function lineOf(facts: RedoFacts, hash: Hash): string {
  const text = JSON.stringify({ format: FORMAT, ...facts });
  const sha256 = hash.update(text).digest('hex');
  return JSON.stringify({ format: FORMAT, ...facts, sha256 });
}

async function* piecesOf(file: Readable, from = 0, to = Infinity): AsyncGenerator<Uint8Array> {
  for (let offsetBytes = from; offsetBytes < to;) {
    const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, to - offsetBytes));
    const count = await readFully(file, piece, offsetBytes);
    if (count > 0) yield piece.subarray(0, count);
    if (count < piece.length) return;
    offsetBytes += count;
  }
}

/** Whether what lies beside a file, made for it, may be taken for what its name says. */
export async function isBelieved(
  fs: Fs,
  path: string,
  stat: FileStat,
  target: FileStat,
): Promise<boolean> {
  if (stat.kind !== 'file' || stat.linkCount > 1) return false;
  if (stat.uid === target.uid || (await isTrusted(fs, path, stat))) return true;
  // Of a group that may write the file as well as its directory, where nobody else may make names.
  const directory = await fs.stat(dirname(path));
  const isOfGroup = directory.gid === target.gid && (target.mode & WRITABLE_BY_GROUP) !== 0;
  return isOfGroup && (directory.mode & WRITABLE_BY_OTHERS) === 0;
}

/** An open copy that is whole. */
export class RedoCopy {
  readonly facts: RedoFacts;
  readonly #handle: FsFile;

  private constructor(handle: FsFile, facts: RedoFacts) {
    this.#handle = handle;
    this.facts = facts;
  }

  /**
   * Opens the copy at a path. `none`: nothing is there, or nothing that this user may believe or
   * read. `torn`: one that is not whole, and was never followed.
   *
   * @param target - what the file is that it is to be about
   */
  static async open(fs: Fs, path: string, target: FileStat): Promise<RedoCopy | 'none' | 'torn'> {
    const opened = await openUnlessRefused(fs, path);
    if (opened === undefined) return 'none';
    const { handle, stat } = opened;
    try {
      if (await isBelieved(fs, path, stat, target)) {
        const facts = await readFacts(handle, stat.sizeBytes);
        return facts === undefined ? await closed(handle, 'torn') : new RedoCopy(handle, facts);
      }
      return await closed(handle, 'none');
    } catch (error) {
      await closeQuietly(handle);
      throw error;
    }
  }

  /** The new content. */
  get content(): Readable {
    const { newBytes } = this.facts;
    return {
      read: async (buffer, offsetBytes) => {
        const leftBytes = Math.max(newBytes - offsetBytes, 0);
        return leftBytes === 0 ? 0 : this.#handle.read(buffer.subarray(0, leftBytes), offsetBytes);
      },
    };
  }

  /** The content that the file had. */
  get #before(): Readable {
    const { newBytes } = this.facts;
    return {
      read: async (buffer, offsetBytes) => {
        const leftBytes = Math.max(this.facts.oldBytes - offsetBytes, 0);
        if (leftBytes === 0) return 0;
        return this.#handle.read(buffer.subarray(0, leftBytes), newBytes + offsetBytes);
      },
    };
  }

  /** How far old and new content lie over each other. */
  get #commonBytes(): number {
    return Math.min(this.facts.newBytes, this.facts.oldBytes);
  }

  /**
   * Whether the copy is about a file, and the file is as a crash of the overwrite may have left it:
   * as long as the old content, the new, or something in between; and each byte is of the old
   * content or the new, or, where only one of them reaches, zero.
   *
   * A device may have another number after the next start, so the path will do in its place.
   */
  async isAbout(path: string, { handle, stat }: Opened<FsFile>): Promise<boolean> {
    const { device, inode, newBytes, oldBytes } = this.facts;
    if (inode !== String(stat.ino)) return false;
    if (device !== String(stat.dev) && this.facts.path !== path) return false;
    const { sizeBytes } = stat;
    if (sizeBytes < this.#commonBytes || sizeBytes > Math.max(newBytes, oldBytes)) return false;
    const [now, after, before] = [0, 0, 0].map(() => Buffer.alloc(PIECE_BYTES)) as Three;
    for (let offsetBytes = 0; offsetBytes < sizeBytes; offsetBytes += PIECE_BYTES) {
      const count = await readFully(handle, now, offsetBytes);
      const afterCount = await readFully(this.content, after, offsetBytes);
      const beforeCount = await readFully(this.#before, before, offsetBytes);
      for (let index = 0; index < count; index += 1) {
        const byte = now[index];
        if (index < afterCount && byte === after[index]) continue;
        if (index < beforeCount && byte === before[index]) continue;
        if (byte !== 0 || offsetBytes + index < this.#commonBytes) return false;
      }
    }
    return true;
  }

  /**
   * Makes the copy durable, which another process may have given its name without coming so far.
   */
  async sync(): Promise<void> {
    await this.#handle.sync();
  }

  /**
   * Writes what the new content has more than the old one, which is all that takes space: after a
   * failure the file can be cut to what it was.
   */
  async extend(file: FsFile): Promise<void> {
    await this.#write(file, this.#commonBytes, this.facts.newBytes);
  }

  /** Cuts a file that was extended, and nothing else, to what it was. */
  async takeBack(file: FsFile): Promise<void> {
    await file.truncate(this.facts.oldBytes);
  }

  /**
   * Writes over what was there. Nobody who may not read the file in the end may read it in between.
   */
  async overwrite(file: FsFile): Promise<void> {
    const { mode, dropsAcl, newBytes } = this.facts;
    const { mode: present } = await file.stat();
    if (dropsAcl && file.listXattrs().includes(ACL)) file.removeXattr?.(ACL);
    if ((present & ~mode) !== 0) await file.chmod(present & mode);
    await this.#write(file, 0, this.#commonBytes);
    await file.truncate(newBytes);
    if ((await file.stat()).mode !== mode) await file.chmod(mode);
  }

  async #write(file: FsFile, from: number, to: number): Promise<void> {
    let offsetBytes = from;
    for await (const piece of piecesOf(this.content, from, to)) {
      await writeAll(file, piece, offsetBytes);
      offsetBytes += piece.length;
    }
  }

  close(): Promise<void> {
    return closeQuietly(this.#handle);
  }
}

type Three = [Buffer, Buffer, Buffer];

async function closed<T>(handle: FsFile, result: T): Promise<T> {
  await closeQuietly(handle);
  return result;
}

/** What another user may have put there is no reason to fail. */
async function openUnlessRefused(fs: Fs, path: string): Promise<Opened<FsFile> | undefined> {
  try {
    return await openOwnIfThere(fs, path, { access: 'read' }, { owner: 'anyone' });
  } catch (error) {
    if (isHoldfastError(error, 'NAME_TAKEN') || errnoOf(error) === 'EACCES') return undefined;
    throw error;
  }
}

/** What the copy says of itself, if all of it is there. */
async function readFacts(file: FsFile, sizeBytes: number): Promise<RedoFacts | undefined> {
  const end = Buffer.alloc(Math.min(LONGEST_LINE_BYTES, sizeBytes));
  const count = await readFully(file, end, sizeBytes - end.length);
  const text = end.toString('utf8', 0, count).split('\n').at(-2);
  const said = text === undefined ? undefined : parse(text);
  if (said === undefined) return undefined;
  const { sha256: _, ...facts } = said;
  const bodyBytes = facts.newBytes + facts.oldBytes;
  const hash = crypto().createHash('sha256');
  for await (const piece of piecesOf(file, 0, bodyBytes)) hash.update(piece);
  return lineOf(facts, hash) === text && isWholeSize(sizeBytes, bodyBytes, text)
    ? facts
    : undefined;
}

function isWholeSize(sizeBytes: number, bodyBytes: number, line: string): boolean {
  return sizeBytes === bodyBytes + Buffer.byteLength(line) + 2;
}

/** The values are believed when the line that is made of them is the one that was read. */
function parse(text: string): (RedoFacts & { readonly sha256: string }) | undefined {
  try {
    const { format, ...said } = JSON.parse(text) as RedoFacts & {
      readonly format: string;
      readonly sha256: string;
    };
    const sizes = [said.newBytes, said.oldBytes];
    return format === FORMAT && sizes.every((size) => Number.isSafeInteger(size) && size >= 0)
      ? said
      : undefined;
  } catch {
    return undefined;
  }
}

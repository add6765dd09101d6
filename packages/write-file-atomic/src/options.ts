/** What callers of write-file-atomic say, as that package understands it. */

/** Whom a file is to belong to. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** How a file is written. What is not named here is ignored, as it is by write-file-atomic. */
export interface Options {
  /**
   * By default that of the file that is replaced; `false`: of whoever writes. Both numbers are
   * needed.
   */
  readonly chown?: Owner | false | null | undefined;
  /** Of data that is a string; `utf8` by default. */
  readonly encoding?: string | null | undefined;
  /** `false`: nothing is synced, so a power loss may leave neither the old file nor the new one. */
  readonly fsync?: boolean | undefined;
  /**
   * The permission bits. By default those of the file that is replaced; `false`: those of any new
   * file.
   */
  readonly mode?: number | string | false | null | undefined;
  /**
   * Called with the path of the temporary file when that was made; what it returns is awaited, but
   * not by `sync`.
   */
  readonly tmpfileCreated?: ((path: string) => unknown) | null | undefined;
}

/**
 * Strings, bytes, and (not for `sync`) streams of bytes; anything else is written as its text,
 * `null` and `undefined` as nothing.
 */
export type Data = unknown;

/** Whatever has a text. */
interface Stringable {
  toString(): string;
}

/** The options of a call that may have given an encoding, a callback, or nothing in their place. */
export function optionsOf(given: unknown): Options {
  if (typeof given === 'string') return { encoding: given };
  return typeof given === 'object' && given !== null ? given : {};
}

export function bytesOf(data: Data, { encoding }: Options): Uint8Array {
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  const text = (data as Stringable | null | undefined)?.toString() ?? '';
  return Buffer.from(text, (encoding ?? 'utf8') as BufferEncoding);
}

const PERMISSION_BITS = 0o7777;
const NEW_FILE = 0o666;

/** The mode for Holdfast, which keeps that of the replaced file when it is told none. */
export function modeOf({ mode }: Options): number | undefined {
  if (mode === undefined || mode === null) return undefined;
  if (mode === false) return NEW_FILE & ~process.umask();
  const bits = typeof mode === 'string' ? Number.parseInt(mode, 8) : mode;
  // A mode of stat(2) has the kind of file in it.
  return bits & PERMISSION_BITS;
}

/** @throws TypeError as `fs.chown` does, for an owner without both numbers */
export function ownerOf({ chown }: Options): Owner | 'writer' | undefined {
  if (chown === undefined || chown === null) return undefined;
  if (chown === false) return 'writer';
  for (const name of ['uid', 'gid'] as const) {
    if (Number.isInteger(chown[name])) continue;
    const message = `The "${name}" argument must be of type number: chown needs both uid and gid`;
    throw Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_TYPE' });
  }
  return chown;
}

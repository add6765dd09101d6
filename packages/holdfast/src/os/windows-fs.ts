/**
 * The filesystem of Windows: Node's, where it means the same, and these differences.
 *
 * - **rename** replaces what is there with POSIX semantics, where Windows offers them. A file that
 *   a scanner, an indexer or a reader holds open in a way that forbids it is tried again for up to
 *   {@link RENAME_PATIENCE_MS}; then the error is ETXTBSY, and nothing has changed.
 * - **A directory's sync** flushes a handle of the directory where Windows lets this user do so.
 *   Where not, it does nothing: NTFS logs names in order, and MoveFileExW was told to write
 *   through. Microsoft documents no more than that.
 * - **A directory's lock** is a hidden file beside it, `.holdfast-<inode>.owner`, which nobody else
 *   can open and which Windows deletes when its holder closes it or dies. Named after the inode, it
 *   goes with the directory when that is renamed in its place. It is exclusive, also when a shared
 *   one is asked for.
 * - **Names** that Windows keeps for devices, or would shorten (a dot or a space at the end), are
 *   refused with EINVAL: under the `\\?\` prefix, by which Node reaches long paths, they would make
 *   files that other programs cannot open.
 * - **Paths** that are given back have slashes, which Windows takes as well, so that nothing above
 *   knows another separator.
 * - **exchange** fails with EINVAL, as on a filesystem of Linux that cannot do it. None of Windows
 *   can (`hasExchange`).
 */
import { basename, dirname, parse, resolve } from 'node:path';
import type { FileStat, Fs, FsDirectory, FsFile } from './fs.js';
import { errnoOf } from '../errors.js';
import type { HeldFile, WindowsNative } from './native/windows.js';
import { windowsError } from './native/windows-error.js';
import { withSlashes } from './paths.js';
import { pause } from './pause.js';

/** How long a rename waits for other programs to close a file. */
const RENAME_PATIENCE_MS: number = 2000;
const FIRST_PAUSE_MS = 2;
const LAST_PAUSE_MS = 100;

/**
 * What <linux/magic.h> calls them; Windows has no such numbers, and what matters is who can reach
 * the drive.
 */
const NTFS = 0x7366746e;
const SMB = 0xfe534d42;

/** In UTF-16 units, on NTFS. */
const NAME_MAX = 255;

/** Names of devices, with any ending (learn.microsoft.com/windows/win32/fileio/naming-a-file). */
const reserved =
  /^(con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3]|conin\$|conout\$)(\.|$)/i;
// oxlint-disable-next-line no-control-regex -- Windows refuses exactly these characters
const forbidden = /[<>:"|?*\u0000-\u001f]|[. ]$/;

/** The filesystem of Windows over Node's calls. */
export function windowsFileSystem(
  node: Fs,
  native: () => WindowsNative,
  patienceMs: number = RENAME_PATIENCE_MS,
): Fs {
  return {
    ...node,
    hasExchange: false,
    hasModes: false,
    async open(path, flags, mode) {
      if (flags.create) checkName(path);
      if (flags.noFollow) await refuseSymlink(node, path);
      const file = await node.open(path, flags, mode);
      return flags.access === 'read' ? syncedByPath(file, native) : file;
    },
    async openDirectory(path, flags) {
      if (flags?.noFollow || flags?.noSymlinks) await refuseSymlink(node, path);
      const directory = await node.openDirectory(path);
      const { ino } = await directory.stat();
      return new WindowsDirectory(directory, native, `${dirname(path)}/.holdfast-${ino}.owner`);
    },
    async mkdir(path, mode) {
      checkName(path);
      return node.mkdir(path, mode);
    },
    async symlink(target, path) {
      checkName(path);
      return node.symlink(target, path);
    },
    async link(existing, path) {
      checkName(path);
      return node.link(existing, path);
    },
    async realpath(path) {
      return plainPath(await node.realpath(path));
    },
    async spelling(path) {
      // Windows may refuse to tell (of a very long path, say): then the path as it was given is the
      // best there is.
      return plainPath(await node.realpath(path).catch(() => path));
    },
    async stat(path) {
      return withSearchBits(await node.stat(path));
    },
    async lstat(path) {
      return withSearchBits(await node.lstat(path));
    },
    async readlink(path) {
      return plainPath(await node.readlink(path));
    },
    async statFilesystem(path) {
      const { root } = parse(resolve(path));
      const type = native().isLocalDrive(root) ? NTFS : SMB;
      return { ...(await node.statFilesystem(path)), type };
    },
    async rename(from, to) {
      checkName(to);
      await patiently(to, patienceMs, () => native().renameReplacing(from, to));
    },
    async renameNoReplace(from, to) {
      checkName(to);
      await patiently(to, patienceMs, () => native().renameNoReplace(from, to));
    },
  };
}

/** Without the prefix of long paths, which Node adds again where it is needed. */
function plainPath(path: string): string {
  return withSlashes(path.replace(/^\\\\\?\\UNC\\/, '//').replace(/^\\\\\?\\/, ''));
}

/**
 * Windows cannot be told so when it opens; who may make symlinks there is an administrator, or a
 * developer.
 */
async function refuseSymlink(node: Fs, path: string): Promise<void> {
  const { kind } = await node.lstat(path).catch(() => ({ kind: 'unknown' }));
  if (kind !== 'symlink') return;
  const text = `ELOOP: the path is a symlink, open '${path}'`;
  throw Object.assign(new Error(text), { code: 'ELOOP', syscall: 'open', path });
}

/** Whoever may see a directory may use the names in it, which Node does not say in its mode. */
function withSearchBits(stat: FileStat): FileStat {
  return stat.kind === 'directory' ? { ...stat, mode: stat.mode | 0o111 } : stat;
}

/** FlushFileBuffers needs a handle that may write. */
function syncedByPath(file: FsFile, native: () => WindowsNative): FsFile {
  file.sync = async () => {
    if (await native().flush(file.path)) return;
    throw windowsError(5, 'FlushFileBuffers', file.path);
  };
  file.dataSync = () => file.sync();
  return file;
}

/** A directory's lock is a hidden file beside it, since Windows locks only files. */
class WindowsDirectory implements FsDirectory {
  readonly path: string;
  readonly #node: FsDirectory;
  readonly #native: () => WindowsNative;
  readonly #ownerPath: string;
  #held: HeldFile | undefined;

  constructor(node: FsDirectory, native: () => WindowsNative, ownerPath: string) {
    this.path = node.path;
    this.#node = node;
    this.#native = native;
    this.#ownerPath = ownerPath;
  }

  /** Windows has no path to what is open. */
  at(name: string): string {
    return this.path.endsWith('/') ? this.path + name : `${this.path}/${name}`;
  }
  async sync(): Promise<void> {
    await this.#native().flush(this.path);
  }
  tryLock(): boolean {
    this.#held ??= this.#native().holdFile(this.#ownerPath);
    return this.#held !== undefined;
  }
  unlock(): void {
    this.#held?.free();
    this.#held = undefined;
  }
  async close(): Promise<void> {
    this.unlock();
    await this.#node.close();
  }
  async stat(): Promise<FileStat> {
    return withSearchBits(await this.#node.stat());
  }
  syncFilesystem(): Promise<void> {
    return this.#node.syncFilesystem();
  }
  /** A mode is the read-only attribute here, which means nothing for a directory. */
  async chmod(): Promise<void> {}
  chown(uid: number, gid: number): Promise<void> {
    return this.#node.chown(uid, gid);
  }
  listXattrs(): readonly string[] {
    return this.#node.listXattrs();
  }
  getXattr(name: string): Uint8Array {
    return this.#node.getXattr(name);
  }
  setXattr(name: string, value: Uint8Array): void {
    this.#node.setXattr(name, value);
  }
}

function checkName(path: string): void {
  const name = basename(path);
  if (name.length > NAME_MAX) throw windowsError(206, 'open', path, ' (the name is too long)');
  if (!reserved.test(name) && !forbidden.test(name)) return;
  throw windowsError(123, 'open', path, ` (Windows cannot hold the name '${name}')`);
}

/** Tries again while another program holds a file open. */
async function patiently(path: string, patienceMs: number, operation: () => void): Promise<void> {
  const endMs = performance.now() + patienceMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LAST_PAUSE_MS, pauseMs * 2)) {
    try {
      return operation();
    } catch (error) {
      if (!isHeldOpen(error)) throw error;
      if (performance.now() + pauseMs > endMs) throw stayedOpen(path, patienceMs, error);
    }
    await pause(pauseMs);
  }
}

/** Not EBUSY, which on other systems means a mount point. */
function stayedOpen(path: string, patienceMs: number, cause: unknown): NodeJS.ErrnoException {
  const text = `ETXTBSY: another program kept the file open for ${patienceMs} ms, rename '${path}'`;
  return Object.assign(new Error(text, { cause }), { code: 'ETXTBSY', syscall: 'rename', path });
}

/** Windows says `access denied` as well when the target is open without FILE_SHARE_DELETE. */
function isHeldOpen(error: unknown): boolean {
  return ['EBUSY', 'EPERM'].includes(errnoOf(error) ?? '');
}

/**
 * Paths to names in a directory that is open, whatever is exchanged for the directory, or for one
 * above it, meanwhile: `/proc/self/fd/<descriptor>/<name>` on Linux (proc_pid_fd(5)),
 * `/.vol/<device>/<inode>/<name>` on macOS, where the volume has such paths. The kernel begins at
 * what is open and walks one name. docs/decisions/0017 says why these and not unlinkat(2) and its
 * kin.
 *
 * People see the path by which the directory was opened: in the `path` of a handle, and in the
 * errors of the kernel.
 */
import { isError } from '../errors.js';
import * as nodeFs from 'node:fs';
import { isAbsolute } from 'node:path';

const DESCRIPTORS = '/proc/self/fd';
const VOLUMES = '/.vol/';
const inDescriptors = /\/proc\/self\/fd\/(\d+)(?=\/|'|$)(?:\/\.(?='|$))?/gu;
const inVolumes = /\/\.vol\/\d+\/\d+(?=\/|'|$)(?:\/\.(?='|$))?/gu;

/** The directories that this process has open, by their descriptors. */
export class OpenDirectories {
  readonly #paths = new Map<number, string>();
  readonly #volumePaths = new Map<string, string>();
  #hasDescriptors: boolean | undefined;

  opened(fd: number, path: string): void {
    this.#paths.set(fd, path);
  }

  closed(fd: number): void {
    this.#paths.delete(fd);
  }

  /** @param name - one name, or `.` */
  pathAt(fd: number, name: string): string {
    const path = this.#pathTo(fd);
    return name === '.' ? path : below(path, name);
  }

  /** A path, or a text with such, as people know it. */
  plain(text: string): string {
    if (!(text.includes(DESCRIPTORS) || text.includes(VOLUMES))) return text;
    const found = text.replace(inDescriptors, (whole, fd: string) =>
      withoutSlash(this.#paths.get(Number(fd)) ?? whole),
    );
    const plain = found.replace(inVolumes, (whole) =>
      withoutSlash(this.#volumePaths.get(whole.replace(/\/\.$/u, '')) ?? whole),
    );
    return plain === '' && text !== '' ? '/' : plain;
  }

  /**
   * Names the paths in an error of a system call as people know them, in place; returns the same
   * error.
   */
  named(error: unknown): unknown {
    if (!isError(error)) return error;
    const { path, dest } = error as NodeJS.ErrnoException & { dest?: unknown };
    if (typeof path !== 'string') return error;
    // Its stack begins with the message, and is made when somebody first asks for it.
    error.message = this.plain(error.message);
    Object.assign(error, { path: this.plain(path) });
    if (typeof dest === 'string') Object.assign(error, { dest: this.plain(dest) });
    return error;
  }

  #pathTo(fd: number): string {
    const path = this.#paths.get(fd);
    // A number that was closed may be another directory's by now.
    if (path === undefined) throw new Error('the directory is not open any more');
    if (process.platform === 'linux') {
      this.#hasDescriptors ??= isAllowed() && leadsTo(`${DESCRIPTORS}/${fd}/.`, fd);
      return this.#hasDescriptors ? `${DESCRIPTORS}/${fd}` : path;
    }
    return process.platform === 'darwin' ? this.#volumePath(fd, path) : path;
  }

  #volumePath(fd: number, path: string): string {
    const { dev, ino } = nodeFs.fstatSync(fd, { bigint: true });
    const volumePath = `/.vol/${dev}/${ino}`;
    if (!this.#volumePaths.has(volumePath) && !leadsTo(volumePath, fd)) return path;
    this.#volumePaths.set(volumePath, path);
    return volumePath;
  }
}

function below(directory: string, name: string): string {
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`;
}

/** The root's own path ends in one. */
function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

/**
 * Opens the directory at a canonical path, and follows no symlink in any part of it. The kernel
 * knows by which names what was opened is reached. Where these are not the path, there was a
 * symlink in the way, or the path is one of several spellings, or was renamed meanwhile: then each
 * directory on the way is opened below the one above it.
 *
 * @param flags - of open(2), with O_DIRECTORY and O_NOFOLLOW
 */
export function openWithoutSymlinks(path: string, flags: number): number {
  const fd = nodeFs.openSync(path, flags);
  if (process.platform !== 'linux' || !isAbsolute(path) || isReachedBy(fd, path)) return fd;
  nodeFs.closeSync(fd);
  const parts = path.split('/').filter((part) => part !== '');
  let current = nodeFs.openSync('/', parts.length === 0 ? flags : flags | O_PATH);
  for (const [index, part] of parts.entries()) {
    const above = current;
    try {
      const isLast = index === parts.length - 1;
      current = nodeFs.openSync(`${DESCRIPTORS}/${above}/${part}`, isLast ? flags : flags | O_PATH);
    } catch (error) {
      throw refusedAt(path, error);
    } finally {
      nodeFs.closeSync(above);
    }
  }
  return current;
}

/**
 * O_PATH (open(2)), which Node does not name: a directory that may only be searched can be opened
 * with it.
 */
export const O_PATH: number = process.platform === 'linux' ? 0o10000000 : 0;

/** True where there is no /proc, so that the kernel cannot be asked. */
function isReachedBy(fd: number, path: string): boolean {
  try {
    return nodeFs.readlinkSync(`${DESCRIPTORS}/${fd}`) === path;
  } catch {
    return true;
  }
}

function refusedAt(path: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  const text = `${code}: it cannot be reached without a symlink, open '${path}'`;
  return Object.assign(new Error(text), { code, syscall: 'open', path });
}

/**
 * Node's permission model (--permission) judges a path by its text, and would refuse what it allows
 * by another one.
 */
function isAllowed(): boolean {
  const { permission } = process as { permission?: { has(scope: string, path: string): boolean } };
  return permission?.has('fs.write', DESCRIPTORS) ?? true;
}

/** Whether a path leads to what is open: /proc may not be mounted, a volume may know no inodes. */
function leadsTo(path: string, fd: number): boolean {
  try {
    const [found, open] = [
      nodeFs.statSync(path, { bigint: true }),
      nodeFs.fstatSync(fd, { bigint: true }),
    ];
    return found.dev === open.dev && found.ino === open.ino;
  } catch {
    return false;
  }
}

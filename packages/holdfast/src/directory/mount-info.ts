/** The mounts that this process sees, from `/proc/self/mountinfo` (proc_pid_mountinfo(5)). */
import { HoldfastError } from '../errors.js';
import type { Fs } from '../os/fs.js';

const CHUNK_BYTES = 64 * 1024;

/** One line of mountinfo. */
export interface Mount {
  readonly mountPoint: string;
  /** The directory of the filesystem that is mounted there; not `/` for a bind mount and for a btrfs subvolume. */
  readonly rootInFilesystem: string;
  readonly type: string;
  /** The options of the mount and of its filesystem. */
  readonly options: readonly string[];
}

/** The mount that holds a canonical path; `undefined` where the kernel does not tell. */
export async function mountOf(fs: Fs, path: string): Promise<Mount | undefined> {
  return findMount(await allMounts(fs), path);
}

/** Every mount point; none where the kernel does not tell. */
export async function mountPoints(fs: Fs): Promise<ReadonlySet<string>> {
  return new Set((await allMounts(fs)).map(({ mountPoint }) => mountPoint));
}

/**
 * Refuses what no rename can move or replace, a bind mount too, which has the device number of what it shows.
 *
 * @throws HoldfastError TARGET_IS_MOUNT
 */
export function refuseMountPoint(mounts: ReadonlySet<string>, path: string): void {
  if (!mounts.has(path)) return;
  throw new HoldfastError('TARGET_IS_MOUNT', {
    message:
      'The path is a mount point, which no rename can move or replace. Name something below it.',
    outcome: 'unchanged',
    step: 'check',
    path,
  });
}

async function allMounts(fs: Fs): Promise<readonly Mount[]> {
  try {
    return parseMountInfo(await readText(fs, '/proc/self/mountinfo'));
  } catch {
    return [];
  }
}

/** Reads the table, in the order in which things were mounted. */
export function parseMountInfo(text: string): readonly Mount[] {
  return text
    .split('\n')
    .filter((row) => row !== '')
    .map((row) => {
      const [head = '', tail = ''] = row.split(' - ');
      const [, , , root = '', mountPoint = '', options = ''] = head.split(' ');
      const [type = '', , superOptions = ''] = tail.split(' ');
      return {
        mountPoint: unescaped(mountPoint),
        rootInFilesystem: unescaped(root),
        type,
        options: [...new Set([...options.split(','), ...superOptions.split(',')])],
      };
    });
}

/** The last mount of the longest mount point that the path lies under: later mounts cover earlier ones. */
export function findMount(mounts: readonly Mount[], path: string): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    const isUnder = path === mount.mountPoint || path.startsWith(withSlash(mount.mountPoint));
    if (isUnder && mount.mountPoint.length >= (found?.mountPoint.length ?? 0)) found = mount;
  }
  return found;
}

function withSlash(path: string): string {
  return path.endsWith('/') ? path : `${path}/`;
}

/** Space, tab, newline and backslash are written as three octal digits. */
function unescaped(field: string): string {
  return field.replaceAll(/\\(\d{3})/gu, (_, digits: string) =>
    String.fromCodePoint(Number.parseInt(digits, 8)),
  );
}

/** Files of /proc have no size; they are read until nothing more comes. */
async function readText(fs: Fs, path: string): Promise<string> {
  const file = await fs.open(path, { access: 'read' });
  try {
    const chunks: Uint8Array[] = [];
    let offsetBytes = 0;
    for (;;) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const countBytes = await file.read(chunk, offsetBytes);
      if (countBytes === 0) return Buffer.concat(chunks).toString('utf8');
      chunks.push(chunk.subarray(0, countBytes));
      offsetBytes += countBytes;
    }
  } finally {
    await file.close();
  }
}

/**
 * The table of mounts that a process sees, `/proc/self/mountinfo` (proc_pid_mountinfo(5)), as rows.
 */

/** One line of mountinfo. */
export interface Mount {
  readonly mountPoint: string;
  /**
   * The directory of the filesystem that is mounted there; not `/` for a bind mount and for a btrfs
   * subvolume.
   */
  readonly rootInFilesystem: string;
  /**
   * `major:minor`, the device number that stat(2) gives of its directories (but of a btrfs
   * subvolume).
   */
  readonly device: string;
  /** With the subtype, where the filesystem has one: `fuse.sshfs`. */
  readonly type: string;
  /** What is mounted: a device, a server's directory, or any word. */
  readonly source: string;
  /** The options of the mount and of its filesystem. */
  readonly options: readonly string[];
}

/** Reads the table, in the order in which things were mounted. */
export function parseMountInfo(text: string): readonly Mount[] {
  return text
    .split('\n')
    .filter((row) => row !== '')
    .map((row) => {
      const [head = '', tail = ''] = row.split(' - ');
      const [, , device = '', root = '', mountPoint = '', options = ''] = head.split(' ');
      const [type = '', source = '', superOptions = ''] = tail.split(' ');
      return {
        mountPoint: unescaped(mountPoint),
        rootInFilesystem: unescaped(root),
        device,
        type,
        source: unescaped(source),
        options: [...new Set([...options.split(','), ...superOptions.split(',')])],
      };
    });
}

/**
 * The last mount of the longest mount point that the path lies under: later mounts cover earlier
 * ones.
 */
export function findMount(mounts: readonly Mount[], path: string): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    const isUnder = path === mount.mountPoint || path.startsWith(withSlash(mount.mountPoint));
    if (isUnder && mount.mountPoint.length >= (found?.mountPoint.length ?? 0)) found = mount;
  }
  return found;
}

/** A device number (makedev(3)) as the table spells it. */
export function spelledDevice(dev: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
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

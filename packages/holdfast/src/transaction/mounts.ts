/**
 * What a rename cannot cross or replace: mount points, bind mounts too, which have the device number of what they show.
 * A commit looks before its commit point, so that it does not promise a rename that the kernel will refuse.
 */
import { HoldfastError } from '../errors.js';
import type { Fs } from '../os/fs.js';
import { dirname } from '../os/paths.js';

/** The mount points of this process; none where the kernel does not tell (proc_pid_mountinfo(5)). */
export async function mountPoints(fs: Fs): Promise<ReadonlySet<string>> {
  const text = await readText(fs, '/proc/self/mountinfo').catch(() => '');
  return new Set(text.split('\n').map((line) => unescape(line.split(' ')[4] ?? '')));
}

/** @throws HoldfastError TARGET_IS_MOUNT */
export function refuseMountPoint(mounts: ReadonlySet<string>, path: string): void {
  if (!mounts.has(path)) return;
  throw new HoldfastError('TARGET_IS_MOUNT', {
    message: 'The path is a mount point, which no rename can move or replace.',
    outcome: 'unchanged',
    step: 'check',
    path,
  });
}

/** @throws HoldfastError CROSS_DEVICE when one rename cannot join two paths */
export async function refuseCrossMount(
  fs: Fs,
  mounts: ReadonlySet<string>,
  from: string,
  to: string,
): Promise<void> {
  const [source, destination] = [dirname(from), dirname(to)];
  if (source === destination) return;
  const isOneDevice = (await fs.stat(source)).dev === (await fs.stat(destination)).dev;
  if (isOneDevice && mountOf(mounts, source) === mountOf(mounts, destination)) return;
  throw new HoldfastError('CROSS_DEVICE', {
    message: `The path lies on another mount than ${to}, so one rename cannot join them.`,
    outcome: 'unchanged',
    step: 'check',
    path: from,
  });
}

function mountOf(mounts: ReadonlySet<string>, path: string): string {
  return mounts.has(path) || path === dirname(path) ? path : mountOf(mounts, dirname(path));
}

/** Blanks, line ends and backslashes stand as octal escapes. */
function unescape(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCodePoint(Number.parseInt(digits, 8)),
  );
}

async function readText(fs: Fs, path: string): Promise<string> {
  const file = await fs.open(path, { access: 'read' });
  try {
    const chunks: Buffer[] = [];
    for (let offsetBytes = 0; ;) {
      const chunk = Buffer.alloc(PIECE_BYTES);
      const countBytes = await file.read(chunk, offsetBytes);
      if (countBytes === 0) return Buffer.concat(chunks).toString('utf8');
      chunks.push(chunk.subarray(0, countBytes));
      offsetBytes += countBytes;
    }
  } finally {
    await file.close();
  }
}

const PIECE_BYTES = 32 * 1024;

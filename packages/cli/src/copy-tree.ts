/** Copies directory trees into a directory that is open, and reads files in pieces. */
import { join } from 'node:path';
import { HoldfastError } from 'holdfast';
import {
  breathe,
  closeQuietly,
  type FileStat,
  type FsDirectory,
  type FsFile,
  nodeFileSystem,
  openChild,
  openGiven,
  writeAll,
} from 'holdfast/os';

/** Of one read of a file that is copied. */
const PIECE_BYTES = 1024 * 1024;
/**
 * Read, write and execute, of owner, group and others: what new content keeps of a mode
 * (docs/security.md).
 */
const ACCESS_BITS = 0o777;

/**
 * Copies what lies in a directory into an open one, each directory of it through its own
 * descriptor: whatever is exchanged meanwhile below the open one, nothing is written elsewhere.
 * Files and directories keep their permission bits without set-ID and sticky bits, symlinks say
 * what they said. Nothing is synced; after a failure a part is there.
 *
 * @throws HoldfastError UNSUPPORTED_TARGET for a FIFO, socket or device among them; system errors
 *   pass as they are
 */
export async function copyTree(from: string, into: FsDirectory): Promise<void> {
  for (const { name } of await nodeFileSystem.readDirectory(from)) {
    const [source, copy] = [join(from, name), into.at(name)];
    const stat = await nodeFileSystem.lstat(source);
    if (stat.kind === 'directory') await copyDirectory(source, into, name, stat);
    else if (stat.kind === 'symlink')
      await nodeFileSystem.symlink(await nodeFileSystem.readlink(source), copy);
    else if (stat.kind === 'file') await copyFile(source, copy);
    else throw uncopied(source, stat);
    await breathe();
  }
}

async function copyDirectory(
  source: string,
  into: FsDirectory,
  name: string,
  { mode }: FileStat,
): Promise<void> {
  await nodeFileSystem.mkdir(into.at(name));
  const copy = await openChild(nodeFileSystem, into, name);
  try {
    await copyTree(source, copy);
    await copy.chmod(mode & ACCESS_BITS);
  } finally {
    await closeQuietly(copy);
  }
}

async function copyFile(source: string, copy: string): Promise<void> {
  const { handle: from, stat } = await openGiven(nodeFileSystem, source);
  try {
    const flags = { access: 'write', noFollow: true, create: 'exclusive' } as const;
    const to = await nodeFileSystem.open(copy, flags, 0o600);
    try {
      let offsetBytes = 0;
      for await (const piece of piecesOf(from)) {
        await writeAll(to, piece, offsetBytes);
        offsetBytes += piece.length;
      }
      await to.chmod(stat.mode & ACCESS_BITS);
    } finally {
      await to.close();
    }
  } finally {
    await closeQuietly(from);
  }
}

/** The content of a regular file that the caller named; a FIFO would keep the call waiting. */
export async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  const { handle } = await openGiven(nodeFileSystem, path);
  try {
    yield* piecesOf(handle);
  } finally {
    await closeQuietly(handle);
  }
}

async function* piecesOf(file: FsFile): AsyncGenerator<Uint8Array> {
  for (let offsetBytes = 0; ;) {
    const piece = new Uint8Array(PIECE_BYTES);
    const count = await file.read(piece, offsetBytes);
    if (count === 0) return;
    yield piece.subarray(0, count);
    offsetBytes += count;
  }
}

function uncopied(path: string, { kind }: FileStat): HoldfastError {
  return new HoldfastError('UNSUPPORTED_TARGET', {
    message: `This is a ${kind}; only files, directories and symlinks can be copied. Remove it from the directory, or copy the rest elsewhere.`,
    step: 'copy',
    path,
  });
}

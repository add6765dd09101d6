/** The system calls of one update of a JSON document, in their order, and nothing else. */
import { basename, dirname } from 'node:path';
import type { Fs, FsDirectory, FsFile } from 'holdfast/os';

const NAMES_ONLY = { noSymlinks: true, namesOnly: true } as const;
const OWN = { access: 'readWrite', create: 'ifMissing', noFollow: true, nonBlock: true } as const;
const RESOLVED = { access: 'read', noFollow: true, nonBlock: true } as const;

/**
 * What an update asks of the kernel to keep its promises beside other processes, with the text
 * known beforehand.
 */
export async function callForUpdate(fs: Fs, path: string, data: Uint8Array): Promise<void> {
  const directoryPath = dirname(path);
  await fs.stat(directoryPath);
  await fs.realpath(directoryPath);
  await fs.lstat(path);

  // The lock: opened in its directory, judged, and still the one that has its name.
  const lockPath = `${path}.lock`;
  const lock = await openIn(fs, directoryPath, (directory) =>
    fs.open(directory.at(`${basename(path)}.lock`), OWN, 0o644),
  );
  await lock.stat('fresh');
  await fs.statFilesystem(lockPath);
  await fs.stat(lockPath);
  const tickets = lock.tickets;
  tickets?.lowestOfOthers();
  lock.tryLock('exclusive');
  await lock.stat();
  await lookFor(fs, lockPath);

  await fs.stat(directoryPath);
  for (let above = directoryPath; ; above = dirname(above)) {
    await fs.exists(`${above}/.holdfast-journal`);
    if (above === dirname(above)) break;
  }
  await fs.lstat(path);
  await readAll(fs, path);
  await lookFor(fs, lockPath);
  await fs.lstat(path);

  // The stage beside it, with the attributes of what is there.
  const directory = await fs.openDirectory(directoryPath, { noSymlinks: true });
  await fs.statFilesystem(directoryPath);
  await fs.stat(directoryPath);
  const stagePath = directory.at(`${basename(path)}.stage`);
  const stage = await fs.open(stagePath, { access: 'readWrite', create: 'exclusive' }, 0o600);
  stage.tryLock('exclusive');
  await stage.stat();
  await fs.lstat(stagePath);
  await stage.write(data, 0);
  await stage.stat();
  const existing = await fs.open(directory.at(basename(path)), RESOLVED);
  await existing.stat('fresh');
  existing.listXattrs();
  stage.listXattrs();
  await stage.chmod(0o644);
  await existing.close();
  await stage.stat();
  await stage.sync();

  await fs.rename(stagePath, directory.at(basename(path)));
  await stage.close();
  await directory.stat();
  await fs.statFilesystem(directory.at('.'));
  await directory.sync();
  await directory.close();
  lock.unlock();
  await lock.close();
}

async function openIn(
  fs: Fs,
  directoryPath: string,
  open: (directory: FsDirectory) => Promise<FsFile>,
): Promise<FsFile> {
  const directory = await fs.openDirectory(directoryPath, NAMES_ONLY);
  const file = await open(directory);
  await directory.close();
  return file;
}

async function openResolved(fs: Fs, path: string): Promise<FsFile> {
  const file = await openIn(fs, dirname(path), (directory) =>
    fs.open(directory.at(basename(path)), RESOLVED),
  );
  await file.stat('fresh');
  return file;
}

async function lookFor(fs: Fs, path: string): Promise<void> {
  await fs.stat(dirname(path));
  await fs.lstat(path);
}

async function readAll(fs: Fs, path: string): Promise<void> {
  const file = await openResolved(fs, path);
  const piece = new Uint8Array(64 * 1024);
  for (let offsetBytes = 0; ;) {
    const count = await file.read(piece, offsetBytes);
    if (count === 0) break;
    offsetBytes += count;
  }
  await file.close();
}

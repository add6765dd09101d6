/** The system calls of one update of a JSON document, in their order, and nothing else. */
import { dirname } from 'node:path';
import type { Fs } from 'holdfast/os';

/** What an update asks of the kernel to keep its promises beside other processes, with the text known beforehand. */
export async function callForUpdate(fs: Fs, path: string, data: Uint8Array): Promise<void> {
  const directoryPath = dirname(path);
  await fs.realpath(directoryPath);
  await fs.lstat(path);
  const lock = await fs.open(`${path}.lock`, { access: 'readWrite', create: 'ifMissing' });
  lock.tickets?.lowestOfOthers();
  lock.tryLock('exclusive');
  await lock.stat();
  await fs.stat(lock.path);
  for (let above = directoryPath; ; above = dirname(above)) {
    await fs.exists(`${above}/.holdfast-journal`);
    if (above === dirname(above)) break;
  }
  await fs.lstat(path);
  await readAll(fs, path);
  await fs.stat(lock.path);
  await fs.lstat(path);

  const directory = await fs.openDirectory(directoryPath);
  const stage = await fs.open(`${path}.stage`, { access: 'readWrite', create: 'exclusive' }, 0o600);
  stage.tryLock('exclusive');
  await stage.stat();
  await fs.lstat(stage.path);
  await stage.write(data, 0);
  await stage.stat();
  const existing = await fs.open(path, { access: 'read', noFollow: true });
  existing.listXattrs();
  stage.listXattrs();
  await existing.close();
  await stage.chmod(0o644);
  await stage.sync();
  await fs.rename(stage.path, path);
  await stage.close();
  await directory.stat();
  await directory.sync();
  await directory.close();
  lock.unlock();
  await lock.close();
}

async function readAll(fs: Fs, path: string): Promise<void> {
  const file = await fs.open(path, { access: 'read' });
  const piece = new Uint8Array(64 * 1024);
  for (let offsetBytes = 0; ;) {
    const count = await file.read(piece, offsetBytes);
    if (count === 0) break;
    offsetBytes += count;
  }
  await file.close();
}

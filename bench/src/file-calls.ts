/** The system calls of one `replaceFileSync`, in their order, and nothing else. */
import { basename, dirname } from 'node:path';
import { synchronousFileSystem as fs, type SynchronousFs } from 'holdfast/sync';

type SynchronousFile = ReturnType<SynchronousFs['open']>;

let stages = 0;

/** What a replacement asks of the kernel beside the bare calls, with what is there known. */
export function callForReplacement(path: string, data: Uint8Array): void {
  const directoryPath = dirname(path);
  fs.stat(directoryPath);
  fs.realpath(directoryPath);
  const existing = statIfThere(path);

  // Is there a transaction to finish, or an overwrite?
  fs.stat(directoryPath);
  for (let above = directoryPath; ; above = dirname(above)) {
    fs.exists(`${above}/.holdfast-journal`);
    if (above === dirname(above)) break;
  }
  statIfThere(path);
  if (existing) {
    fs.exists(`${directoryPath}/.holdfast-${existing.ino.toString(16)}.redo`);
    fs.exists(`${fs.stateDirectory}/.holdfast-${existing.ino.toString(16)}.redo`);
  }

  const directory = fs.openDirectory(directoryPath, { noSymlinks: true });
  if (existing) fs.statFilesystem(directoryPath);
  fs.stat(directoryPath);
  const stagePath = directory.at(`.stage-${(stages += 1)}.tmp`);
  const stage = fs.open(stagePath, { access: 'readWrite', create: 'exclusive' }, 0o600);
  stage.tryLock('exclusive');
  stage.stat();
  fs.lstat(stagePath);
  stage.write(data, 0);
  stage.stat();
  if (existing) giveAttributes(directory.at(basename(path)), stage);
  stage.sync();

  fs.rename(stagePath, directory.at(basename(path)));
  stage.close();
  fs.statFilesystem(directory.at('.'));
  directory.sync();
  directory.close();
}

function giveAttributes(path: string, stage: SynchronousFile): void {
  const existing = fs.open(path, { access: 'read', noFollow: true, nonBlock: true });
  existing.stat('fresh');
  existing.listXattrs();
  stage.listXattrs();
  stage.chmod(0o644);
  existing.close();
  stage.stat();
}

function statIfThere(path: string): ReturnType<SynchronousFs['lstat']> | undefined {
  try {
    return fs.lstat(path);
  } catch {
    return undefined;
  }
}

/**
 * Tries in a directory what the promises of Holdfast rest on, and tells which of them hold there.
 *
 * Everything is tried for real, in a scratch directory that is staged like any other: a probe that is killed leaves an
 * orphan that a sweep removes. What cannot be tried (whether a disk keeps what it says it has written) is judged by the
 * type and options of the mount.
 */
import { promisify } from 'node:util';
import { errnoOf } from '../errors.js';
import { checkOptions } from '../options.js';
import type { Fs, FsFile } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { makeUnnamedFile } from '../os/unnamed-file.js';
import { closeQuietly } from '../os/close-quietly.js';
import { createStagedDirectory, stagedDirectoryName } from '../stage/staged-directory.js';
import { stepFailed } from './directory-error.js';
import { childProcess } from '../os/lazy-modules.js';
import { filesystemType, type FilesystemType } from '../os/filesystem-type.js';
import { mountOf, type Mount } from './mount-info.js';
import { discardTree } from './prepare-tree.js';
import { syncDirectory } from './tree.js';

/** One thing that was tried. */
export interface ProbeCheck {
  readonly name: CheckName;
  readonly works: boolean;
  /** The kernel's error, or what else there is to say. */
  readonly detail: string;
}

/** One promise of Holdfast, and whether it holds in this directory. */
export interface ProbeGuarantee {
  readonly name: string;
  readonly holds: 'yes' | 'no' | 'unknown';
  readonly because: string;
}

export interface ProbeReport {
  /** Canonical. */
  readonly directory: string;
  readonly filesystem: {
    readonly name: string;
    /** The `f_type` of statfs(2). */
    readonly magic: number;
    readonly freeBytes: number;
    readonly totalBytes: number;
    readonly mountPoint: string | undefined;
    readonly mountOptions: readonly string[];
    /** Whether the mount shows a part of a filesystem: a bind mount or a btrfs subvolume. Renames end at its edge. */
    readonly isBindMount: boolean;
  };
  readonly checks: readonly ProbeCheck[];
  readonly guarantees: readonly ProbeGuarantee[];
}

export interface ProbeOptions {
  readonly fs?: Fs;
}

/**
 * Tries the calls that Holdfast depends on in a directory and reports which guarantees hold there. What it makes it
 * removes.
 *
 * Not promised: that the disk is honest about what it has written.
 *
 * @throws HoldfastError NOT_FOUND, DIRECTORY_NOT_WRITABLE, NO_SPACE, IO
 */
export async function probe(directory: string, options: ProbeOptions = {}): Promise<ProbeReport> {
  checkOptions('probe', options, ['fs']);
  const fs = options.fs ?? nodeFileSystem;
  try {
    const path = await fs.realpath(directory);
    const { type: magic, freeBytes, totalBytes } = await fs.statFilesystem(path);
    const mount = await mountOf(fs, path);
    const checks = await tryEverything(fs, path);
    return {
      directory: path,
      filesystem: {
        name: mount?.type ?? filesystemType(magic).name,
        magic,
        freeBytes,
        totalBytes,
        mountPoint: mount?.mountPoint,
        mountOptions: mount?.options ?? [],
        isBindMount: mount !== undefined && mount.rootInFilesystem !== '/',
      },
      checks,
      guarantees: judge(checks, filesystemType(magic), mount),
    };
  } catch (error) {
    throw stepFailed(error, 'stage', directory);
  }
}

const checkNames = {
  lock: 'two processes exclude each other (flock)',
  renameFile: 'rename over a file',
  renameDirectory: 'rename over an empty directory',
  refuseFull: 'rename refuses a directory that is not empty',
  exchange: 'exchange two directories (renameat2)',
  noReplace: 'rename without replacing (renameat2)',
  directorySync: 'sync a directory (fsync)',
  directoryLock: 'lock a directory (flock)',
  xattr: 'extended attributes',
  unnamedFile: 'files without a name (O_TMPFILE)',
  space: 'free space',
} as const;

type CheckKey = keyof typeof checkNames;
type CheckName = (typeof checkNames)[CheckKey];
/** Tries one thing in a scratch directory; throws when it does not work. */
type Trial = (fs: Fs, scratch: string) => Promise<void>;

const trials: Readonly<Record<CheckKey, Trial>> = {
  lock: tryLock,
  async renameFile(fs, scratch) {
    await writeText(fs, `${scratch}/new`, 'new');
    await writeText(fs, `${scratch}/old`, 'old');
    await fs.rename(`${scratch}/new`, `${scratch}/old`);
    expect((await fs.lstat(`${scratch}/old`)).sizeBytes === 3, 'the new file is not there');
  },
  async renameDirectory(fs, scratch) {
    await makeDirectories(fs, scratch, ['empty', 'full']);
    await writeText(fs, `${scratch}/full/file`, '');
    await fs.rename(`${scratch}/full`, `${scratch}/empty`);
    await fs.lstat(`${scratch}/empty/file`);
  },
  async refuseFull(fs, scratch) {
    await makeDirectories(fs, scratch, ['one', 'two']);
    await writeText(fs, `${scratch}/two/file`, '');
    const code = await fs.rename(`${scratch}/one`, `${scratch}/two`).then(() => 'success', errnoOf);
    expect(code === 'ENOTEMPTY' || code === 'EEXIST', `the kernel answered ${code}`);
  },
  async exchange(fs, scratch) {
    await makeDirectories(fs, scratch, ['left', 'right']);
    await writeText(fs, `${scratch}/left/file`, '');
    await fs.exchange(`${scratch}/left`, `${scratch}/right`);
    await fs.lstat(`${scratch}/right/file`);
  },
  async noReplace(fs, scratch) {
    await writeText(fs, `${scratch}/from`, '');
    await fs.renameNoReplace(`${scratch}/from`, `${scratch}/to`);
  },
  async directorySync(fs, scratch) {
    await syncDirectory(fs, scratch);
  },
  async directoryLock(fs, scratch) {
    await makeDirectories(fs, scratch, ['locked']);
    const [one, two] = [
      await fs.openDirectory(`${scratch}/locked`),
      await fs.openDirectory(`${scratch}/locked`),
    ];
    try {
      expect(one.tryLock('exclusive'), 'a free directory could not be locked');
      expect(!two.tryLock('exclusive'), 'a locked directory could be locked again');
    } finally {
      await closeQuietly(one);
      await closeQuietly(two);
    }
  },
  async xattr(fs, scratch) {
    await withFile(fs, `${scratch}/attributes`, async (file) => {
      // Where a file has attributes by itself (an access control list), there may be no others.
      const [own] = file.listXattrs();
      const value = own === undefined ? Buffer.from('probe') : file.getXattr(own);
      file.setXattr(own ?? 'user.holdfast', value);
      const read = Buffer.from(file.getXattr(own ?? 'user.holdfast'));
      expect(read.equals(value), 'an attribute came back with another value');
    });
  },
  async unnamedFile(_fs, scratch) {
    makeUnnamedFile(scratch);
  },
  async space(fs, scratch) {
    const { freeBytes } = await fs.statFilesystem(scratch);
    expect(freeBytes > 0, 'there is none');
  },
};

async function tryEverything(fs: Fs, directory: string): Promise<readonly ProbeCheck[]> {
  const scratch = await createStagedDirectory(fs, directory, () =>
    stagedDirectoryName('holdfast-probe'),
  );
  try {
    const checks: ProbeCheck[] = [];
    for (const key of Object.keys(trials) as CheckKey[]) {
      checks.push({ name: checkNames[key], ...(await outcomeOf(trials[key], fs, scratch.path)) });
    }
    return checks;
  } finally {
    await discardTree(fs, scratch);
    await closeQuietly(scratch.handle);
  }
}

async function outcomeOf(
  trial: Trial,
  fs: Fs,
  scratch: string,
): Promise<{ works: boolean; detail: string }> {
  try {
    await trial(fs, scratch);
    return { works: true, detail: '' };
  } catch (error) {
    return { works: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

/** Another process must find the lock taken while this one holds it, and free afterwards. */
async function tryLock(fs: Fs, scratch: string): Promise<void> {
  const path = `${scratch}/lock`;
  await withFile(fs, path, async (file) => {
    expect(file.tryLock('exclusive'), 'a free lock could not be taken');
    expect(!(await otherProcessLocks(path)), 'another process took a lock that was held');
    file.unlock();
    expect(await otherProcessLocks(path), 'another process could not take a free lock');
  });
}

async function otherProcessLocks(path: string): Promise<boolean> {
  const script = `
    const [os, path] = process.argv.slice(1);
    const { nodeFileSystem } = await import(os);
    const file = await nodeFileSystem.open(path, { access: 'readWrite' });
    process.stdout.write(String(file.tryLock('exclusive')));`;
  const { stdout } = await promisify(childProcess().execFile)(process.execPath, [
    '--input-type=module',
    '--eval',
    script,
    import.meta.resolve('holdfast/os'),
    path,
  ]);
  return stdout === 'true';
}

type Judgement = readonly [holds: ProbeGuarantee['holds'], because: string];

function judge(
  checks: readonly ProbeCheck[],
  type: FilesystemType,
  mount: Mount | undefined,
): readonly ProbeGuarantee[] {
  const needs = (...keys: readonly CheckKey[]): Judgement => {
    const names: readonly string[] = keys.map((key) => checkNames[key]);
    const missing = checks.filter(({ name, works }) => !works && names.includes(name));
    return missing.length === 0 ? ['yes', ''] : ['no', missing.map(({ name }) => name).join('; ')];
  };
  const onlyLocal = (judgement: Judgement): Judgement =>
    judgement[0] !== 'yes' || type.isLocal
      ? judgement
      : ['unknown', 'other machines may share this filesystem, and locks may not reach them'];
  const table: Readonly<Record<string, Judgement>> = {
    'writers of all processes take turns': onlyLocal(needs('lock')),
    'a file is replaced whole': needs('renameFile'),
    'a new directory is published whole': needs('renameDirectory', 'refuseFull', 'directoryLock'),
    'a directory is replaced whole': needs('exchange', 'directoryLock'),
    'what is acknowledged survives power loss': durability(type, mount, needs('directorySync')),
    'what dead processes leave is swept': onlyLocal(needs('lock', 'directoryLock')),
    'attributes and ACLs are kept': needs('xattr'),
    'there is room to write': needs('space'),
  };
  return Object.entries(table).map(([name, [holds, because]]) => ({ name, holds, because }));
}

/** The options that turn off the flushes of the disk's cache, or all syncing. */
const unsafeOptions: Readonly<Record<string, string>> = {
  nobarrier: 'the mount option nobarrier leaves what is synced in the cache of the disk',
  'barrier=0': 'the mount option barrier=0 leaves what is synced in the cache of the disk',
  volatile: 'the mount option volatile of overlayfs turns every sync off',
  'fsync=volatile': 'the mount option fsync=volatile of overlayfs turns every sync off',
};

function durability(type: FilesystemType, mount: Mount | undefined, synced: Judgement): Judgement {
  if (synced[0] === 'no') return synced;
  const unsafe = mount?.options.find((option) => option in unsafeOptions);
  if (unsafe !== undefined) return ['no', unsafeOptions[unsafe] ?? ''];
  if (type.survivesPowerLoss === false) return ['no', `${type.name} lives in memory`];
  const disk = mount?.type === 'overlay' ? 'disk of its upper layer (no tmpfs)' : 'disk';
  return type.isLocal && mount !== undefined
    ? ['yes', `if the ${disk} keeps what it says it has written`]
    : ['unknown', `it depends on what lies behind ${mount?.type ?? type.name}`];
}

function expect(condition: boolean, otherwise: string): void {
  if (!condition) throw new Error(otherwise);
}

async function makeDirectories(fs: Fs, scratch: string, names: readonly string[]): Promise<void> {
  for (const name of names) await fs.mkdir(`${scratch}/${name}`);
}

async function writeText(fs: Fs, path: string, text: string): Promise<void> {
  await withFile(fs, path, async (file) => {
    await file.write(new TextEncoder().encode(text), 0);
  });
}

async function withFile(fs: Fs, path: string, use: (file: FsFile) => Promise<void>): Promise<void> {
  const file = await fs.open(path, { access: 'readWrite', create: 'exclusive' });
  try {
    await use(file);
  } finally {
    await file.close();
  }
}

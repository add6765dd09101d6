/**
 * Tries in a directory what the promises of Holdfast rest on, and tells which of them hold there.
 *
 * Everything is tried for real, in a scratch directory that is staged like any other: a probe that
 * is killed leaves an orphan that a sweep removes. What cannot be tried (whether a disk keeps what
 * it says it has written) is judged by the type and options of the mount.
 */
import * as nodeModule from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { redoNameOf } from '../journal/overwrite.js';
import { LOCK_SUFFIX } from '../lock/lock-path.js';
import { dirname } from '../os/paths.js';
import { errnoOf, isHoldfastError, messageOf } from '../errors.js';
import { canonicalDirectory } from '../os/follow-symlinks.js';
import { replaceFile } from '../file/replace-file.js';
import { checkOptions } from '../options.js';
import type { Fs, FsFile } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { makeUnnamedFile } from '../os/unnamed-file.js';
import { closeQuietly, openCanonical, syncAt } from '../os/handles.js';
import { createStagedDirectory, disown, stagedDirectoryName } from '../stage/staged-directory.js';
import { stepFailed } from './directory-error.js';
import { childProcess } from '../os/lazy-modules.js';
import {
  filesystemOf,
  judgeFilesystem,
  type Filesystem,
  type LockReach,
} from '../os/filesystem.js';
import { findMount, type Mount } from '../os/mount-table.js';
import { allMounts, mountOf } from './mount-info.js';
import { discardTree } from './prepare-tree.js';

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
  /**
   * `thisMachine`, `thisMount`: among the processes of this machine, or that come by this mount,
   * alone.
   */
  readonly holds: 'yes' | 'no' | 'unknown' | 'thisMachine' | 'thisMount';
  /** Why, and of what does not hold what to do. */
  readonly because: string;
}

/** What a filesystem can promise, and by which trials that is known. */
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
    /**
     * Whether the mount shows a part of a filesystem: a bind mount or a btrfs subvolume. Renames
     * end at its edge.
     */
    readonly isBindMount: boolean;
  };
  readonly checks: readonly ProbeCheck[];
  readonly guarantees: readonly ProbeGuarantee[];
}

/** How a directory is probed. */
export interface ProbeOptions {
  readonly fs?: Fs | undefined;
}

/**
 * Tries the calls that Holdfast depends on in a directory and reports which guarantees hold there.
 * What it makes it removes.
 *
 * Not promised: that the disk is honest about what it has written.
 *
 * @throws HoldfastError NOT_FOUND, DIRECTORY_NOT_WRITABLE, NO_SPACE, IO
 */
export async function probe(directory: string, options: ProbeOptions = {}): Promise<ProbeReport> {
  checkOptions('probe', options, ['fs']);
  const fs = options.fs ?? nodeFileSystem;
  try {
    const path = await canonicalDirectory(fs, directory);
    const stat = await fs.statFilesystem(path);
    const filesystem = judgeFilesystem(stat);
    const { type: magic, freeBytes, totalBytes } = stat;
    const mount = await mountOf(fs, path);
    const checks = await tryEverything(fs, path);
    return {
      directory: path,
      filesystem: {
        name: filesystem.name,
        magic,
        freeBytes,
        totalBytes,
        mountPoint: mount?.mountPoint,
        mountOptions: mount?.options ?? [],
        isBindMount: mount !== undefined && mount.rootInFilesystem !== '/',
      },
      checks: checks.map(({ name, works, detail }) => {
        // What a trial says of its success stands with the guarantee.
        return { name, works, detail: works ? '' : detail };
      }),
      guarantees: judge(checks, filesystem, mount, stat.mount?.options),
    };
  } catch (error) {
    throw stepFailed(error, 'stage', directory);
  }
}

const checkNames = {
  lock: 'two processes exclude each other (flock)',
  lockElsewhere: 'a lock excludes who comes by another mount',
  renameFile: 'rename over a file',
  replace: 'replace a file as the product does, beside one that reads it and one that has it open',
  overwrite: 'overwrite a file in place as the product does, by a redo copy',
  renameDirectory: 'rename over an empty directory',
  refuseFull: 'rename refuses a directory that is not empty',
  exchange: 'exchange two directories (renameat2)',
  noReplace: 'rename without replacing (renameat2)',
  link: 'a second name for a file (link)',
  mode: 'keep the mode of a file (chmod)',
  directorySync: 'sync a directory (fsync)',
  directoryLock: 'lock a directory (flock)',
  xattr: 'extended attributes',
  unnamedFile: 'files without a name (O_TMPFILE)',
  space: 'free space',
} as const;

type CheckKey = keyof typeof checkNames;
type CheckName = (typeof checkNames)[CheckKey];
/** Tries one thing in a scratch directory, and may say how it went; throws when it does not work. */
type Trial = (fs: Fs, scratch: string) => Promise<string | void>;

const trials: Readonly<Record<CheckKey, Trial>> = {
  lock: tryLock,
  lockElsewhere: tryLockElsewhere,
  async renameFile(fs, scratch) {
    await writeText(fs, `${scratch}/new`, 'new');
    await writeText(fs, `${scratch}/old`, 'old');
    await fs.rename(`${scratch}/new`, `${scratch}/old`);
    expect((await fs.lstat(`${scratch}/old`)).sizeBytes === 3, 'the new file is not there');
  },
  replace: tryReplacing,
  overwrite: tryOverwriting,
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
    // EPERM is what sshfs says of whatever its server refuses.
    expect(['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(code ?? ''), `the kernel answered ${code}`);
    await fs.lstat(`${scratch}/two/file`);
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
  async link(fs, scratch) {
    await writeText(fs, `${scratch}/first`, '');
    await fs.link(`${scratch}/first`, `${scratch}/second`);
    const again = await fs
      .link(`${scratch}/first`, `${scratch}/second`)
      .then(() => 'success', errnoOf);
    expect(again === 'EEXIST', `onto an existing name the kernel answered ${again}`);
  },
  async mode(fs, scratch) {
    if (fs.hasModes === false) return;
    await withFile(fs, `${scratch}/mode`, async (file) => {
      await file.chmod(0o600);
      const { mode } = await file.stat();
      expect(mode === 0o600, `0600 became 0${mode.toString(8)}`);
    });
  },
  async directorySync(fs, scratch) {
    await syncAt(fs, scratch);
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
    const { freeBytes, totalBytes } = await fs.statFilesystem(scratch);
    // Some have no size to tell (ramfs).
    expect(freeBytes > 0 || totalBytes === 0, 'there is none');
  },
};

/** A check, and whether it failed for want of room, which says nothing of the filesystem. */
interface Outcome extends ProbeCheck {
  readonly wantsRoom: boolean;
}

async function tryEverything(fs: Fs, directory: string): Promise<readonly Outcome[]> {
  const parent = await openCanonical(fs, directory);
  const freshName = (): string => stagedDirectoryName('holdfast-probe');
  const scratch = await createStagedDirectory(fs, parent, freshName).catch(
    async (error: unknown) => {
      await closeQuietly(parent);
      throw error;
    },
  );
  try {
    const checks: Outcome[] = [];
    for (const key of Object.keys(trials) as CheckKey[]) {
      checks.push({ name: checkNames[key], ...(await outcomeOf(trials[key], fs, scratch.path)) });
    }
    return checks;
  } finally {
    await discardTree(fs, scratch, parent);
    if (await fs.exists(scratch.path).catch(() => false)) {
      // What another mount has closed a moment ago SMB removes later.
      await sleep(AFTER_CLOSE_MS);
      await discardTree(fs, scratch, parent);
    }
    await disown(fs, scratch);
    await closeQuietly(parent);
  }
}

async function outcomeOf(trial: Trial, fs: Fs, scratch: string): Promise<Omit<Outcome, 'name'>> {
  try {
    const detail = (await trial(fs, scratch)) ?? '';
    return { works: true, detail, wantsRoom: false };
  } catch (error) {
    const detail = messageOf(error);
    return { works: false, detail, wantsRoom: isWantOfRoom(error) };
  }
}

function isWantOfRoom(error: unknown): boolean {
  if (isHoldfastError(error, 'NO_SPACE')) return true;
  return ['ENOSPC', 'EDQUOT'].includes(errnoOf(error) ?? '');
}

/** Longer than a filesystem keeps attributes as a rule, so that a second opener comes cold. */
const COLD_MS = 1200;

/**
 * Another process must find the lock taken while this one holds it, and free afterwards: by the
 * same path, by another one, and, where something between here and the disk keeps attributes, once
 * more when it has forgotten them.
 */
async function tryLock(fs: Fs, scratch: string): Promise<void> {
  const path = `${scratch}/lock`;
  const { isLocal } = await filesystemOf(fs, scratch);
  await withFile(fs, path, async (file) => {
    expect(file.tryLock('exclusive'), 'a free lock could not be taken');
    expect(!(await otherProcessLocks(fs, path)), 'another process took a lock that was held');
    const same = `/proc/${process.pid}/root${path}`;
    if (process.platform === 'linux' && (await fs.exists(same).catch(() => false))) {
      expect(
        !(await otherProcessLocks(fs, same)),
        'a lock that was held was taken by another path',
      );
    }
    if (!isLocal) {
      await sleep(COLD_MS);
      expect(!(await otherProcessLocks(fs, path)), 'a lock that was held was taken a while later');
    }
    file.unlock();
    expect(await otherProcessLocks(fs, path), 'another process could not take a free lock');
  });
}

/** The same by every other mount that this process sees. */
async function tryLockElsewhere(fs: Fs, scratch: string): Promise<void> {
  const path = `${scratch}/elsewhere`;
  await withFile(fs, path, async (file) => {
    expect(file.tryLock('exclusive'), 'a free lock could not be taken');
    for (const other of await otherPaths(fs, path)) {
      expect(!(await otherProcessLocks(fs, other)), `a lock that was held was taken by ${other}`);
    }
  });
}

/** The same file by every other mount of the same source that shows it. */
async function otherPaths(fs: Fs, path: string): Promise<readonly string[]> {
  if (process.platform !== 'linux') return [];
  const mounts = await allMounts(fs);
  const own = findMount(mounts, path);
  const paths: string[] = [];
  for (const mount of mounts) {
    const isOther = own && mount.mountPoint !== own.mountPoint && mount.source === own.source;
    if (!isOther || mount.type !== own.type || mount.rootInFilesystem !== own.rootInFilesystem)
      continue;
    paths.push(`${mount.mountPoint}${path.slice(own.mountPoint.length)}`);
  }
  const shown = await Promise.all(paths.map((other) => fs.exists(other).catch(() => false)));
  return paths.filter((_, index) => shown[index]);
}

const REPLACEMENTS = 200;
/**
 * SMB keeps a file for a second after its last close, and deletes then what a failed rename has
 * marked.
 */
const AFTER_CLOSE_MS = 2500;

/**
 * Replaces a file with attributes many times beside a process that reads it by name all the while,
 * and once while it is open here; then waits for what its close brings.
 */
async function tryReplacing(fs: Fs, scratch: string): Promise<void> {
  const path = `${scratch}/replaced`;
  const put = (digit: number): Promise<void> =>
    replaceFile(path, String(digit).repeat(REPLACED_BYTES), { fs, durability: 'atomic' });
  await put(0);
  const reader = canStartNode() ? startReader(path) : undefined;
  let seen: string;
  try {
    for (let count = 0; count < REPLACEMENTS; count += 1) {
      await put(count % 10);
      if (count % 20 === 0) await sleep(1);
    }
  } finally {
    seen = (await reader?.stop()) ?? '';
  }
  expect(seen === '', `a program that read it meanwhile got ${seen}`);
  const { isLocal } = await filesystemOf(fs, scratch);
  const open = await fs.open(path, { access: 'read' });
  try {
    await put(7);
  } finally {
    await closeQuietly(open);
  }
  if (!isLocal) await sleep(AFTER_CLOSE_MS);
  const { sizeBytes } = await fs.lstat(path);
  expect(sizeBytes === REPLACED_BYTES, `after its close the file has ${sizeBytes} bytes`);
}

const REPLACED_BYTES = 100;

async function tryOverwriting(fs: Fs, scratch: string): Promise<string> {
  const path = `${scratch}/overwritten`;
  await writeText(fs, path, 'old');
  const before = await fs.lstat(path);
  await replaceFile(path, 'new one', { fs, inPlace: 'always', durability: 'atomic' });
  const { ino, sizeBytes } = await fs.lstat(path);
  expect(ino === before.ino, 'the file has another inode');
  expect(sizeBytes === 7, `the file has ${sizeBytes} bytes`);
  const redoPath = `${scratch}/${redoNameOf(before)}`;
  expect(!(await fs.exists(redoPath)), 'the redo copy stays');
  const isBeside = await fs.exists(redoPath + LOCK_SUFFIX);
  const place = isBeside ? 'beside it' : 'in the state directory';
  return `the redo copy lies ${place}, ${await describeStateDirectory(fs)}`;
}

/** Where the redo copies of files lie beside which none may. */
async function describeStateDirectory(fs: Fs): Promise<string> {
  if (fs.stateDirectory === undefined)
    return 'and there is no state directory: a file in a directory that takes no new names is refused';
  let existing = fs.stateDirectory;
  while (dirname(existing) !== existing && !(await isThere(fs, existing)))
    existing = dirname(existing);
  const { name, survivesPowerLoss } = await filesystemOf(fs, existing);
  const loss = survivesPowerLoss === false ? `, which a power loss may take (${name})` : '';
  return `of a file with hard links, or in a directory that takes no new names, in ${fs.stateDirectory}${loss}`;
}

/** What this user may not look into is not there for them. */
function isThere(fs: Fs, path: string): Promise<boolean> {
  return fs.exists(path).catch(() => false);
}

/**
 * A process that opens and reads a file until its input ends, and then tells what it got but one
 * whole version.
 */
function startReader(path: string): { stop: () => Promise<string> } {
  const script = `
    const { readFileSync } = process.getBuiltinModule('node:fs');
    const [path, size] = process.argv.slice(1);
    const bad = {};
    let ended = false, reads = 0;
    process.stdin.on('data', () => {}).on('end', () => { ended = true; });
    (function look() {
      for (let n = 0; n < 50; n += 1) {
        reads += 1;
        let what;
        try {
          const text = readFileSync(path, 'latin1');
          if (text.length !== Number(size) || text !== text[0].repeat(text.length)) what = 'a mix';
        } catch (error) { what = error.errno === -116 ? 'ESTALE' : error.code; }
        if (what) bad[what] = (bad[what] ?? 0) + 1;
      }
      if (!ended) return setImmediate(look);
      process.stdout.write(Object.entries(bad).map(([what, n]) => what + ' ' + n + ' times of ' + reads).join(', '));
    })();`;
  const child = childProcess().spawn(
    process.execPath,
    ['--eval', script, path, String(REPLACED_BYTES)],
    {
      stdio: ['pipe', 'pipe', 'ignore'],
    },
  );
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const closed = new Promise<string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve(output));
  });
  closed.catch(() => undefined);
  return {
    stop: () => {
      child.stdin.end();
      return closed;
    },
  };
}

/**
 * Whether this process's executable runs a script of ours: one that is a whole program (a single
 * executable, Electron) would run that program once more, and other runtimes have other flags.
 */
function canStartNode(): boolean {
  const { bun, deno, electron } = process.versions;
  if (bun !== undefined || deno !== undefined || electron !== undefined) return false;
  return !process.getBuiltinModule('node:sea').isSea();
}

/**
 * The module that another process locks with; `undefined` in a bundle, beside which there is none.
 */
function moduleForAnother(): string | undefined {
  if (!canStartNode()) return undefined;
  try {
    return pathToFileURL(nodeModule.createRequire(import.meta.url).resolve('holdfast/os')).href;
  } catch {
    return undefined;
  }
}

/**
 * Where no other process can be started, by another descriptor: to the kernel that is another
 * holder as well.
 */
async function otherProcessLocks(fs: Fs, path: string): Promise<boolean> {
  const module = moduleForAnother();
  if (module !== undefined) return startedProcessLocks(module, path);
  const file = await fs.open(path, { access: 'readWrite' });
  try {
    return file.tryLock('exclusive');
  } finally {
    await closeQuietly(file);
  }
}

async function startedProcessLocks(module: string, path: string): Promise<boolean> {
  const script = `
    const [os, path] = process.argv.slice(1);
    const { nodeFileSystem } = await import(os);
    try {
      const file = await nodeFileSystem.open(path, { access: 'readWrite' });
      process.stdout.write(String(file.tryLock('exclusive')));
    } catch (error) {
      process.stdout.write(error.message);
    }`;
  const { stdout } = await promisify(childProcess().execFile)(process.execPath, [
    '--input-type=module',
    '--eval',
    script,
    module,
    path,
  ]);
  expect(stdout === 'true' || stdout === 'false', `another process: ${stdout}`);
  return stdout === 'true';
}

type Judgement = readonly [holds: ProbeGuarantee['holds'], because: string];

function judge(
  checks: readonly Outcome[],
  type: Filesystem,
  mount: Mount | undefined,
  options: readonly string[] = [],
): readonly ProbeGuarantee[] {
  const needs = (...keys: readonly CheckKey[]): Judgement => {
    const names: readonly string[] = keys.map((key) => checkNames[key]);
    const missing = checks.filter(({ name, works }) => !works && names.includes(name));
    const named = missing.map(({ name }) => name).join('; ');
    if (missing.some(({ wantsRoom }) => !wantsRoom)) return ['no', named];
    return missing.length === 0 ? ['yes', ''] : ['unknown', `there was no room to try: ${named}`];
  };
  const room = (): Judgement => {
    const full = checks.filter(({ wantsRoom }) => wantsRoom);
    return full.length === 0 ? needs('space') : ['no', full.map(({ name }) => name).join('; ')];
  };
  const onlyLocal = (judgement: Judgement): Judgement =>
    judgement[0] !== 'yes' || type.isLocal
      ? judgement
      : ['unknown', 'other machines may share this filesystem, and locks may not reach them'];
  // What a reader beside a rename meets there now and then, a trial need not meet.
  const byLuck = (judgement: Judgement): Judgement =>
    judgement[0] !== 'yes' || !type.name.startsWith('fuse')
      ? judgement
      : ['unknown', 'no reader failed in this trial, but on FUSE one may, now and then'];
  const turns = (judgement: Judgement): Judgement => {
    if (judgement[0] !== 'yes') return judgement;
    const [elsewhere] = needs('lockElsewhere');
    return reaches[elsewhere === 'no' ? 'thisMount' : type.locks] ?? onlyLocal(judgement);
  };
  const told = ([holds, why]: Judgement, key: CheckKey): Judgement => [
    holds,
    why || (checks.find(({ name }) => name === checkNames[key])?.detail ?? ''),
  ];
  const either = (...keys: readonly CheckKey[]): Judgement =>
    keys.some((key) => needs(key)[0] === 'yes') ? ['yes', ''] : needs(...keys);
  const table: Readonly<Record<string, Judgement>> = {
    'writers of all processes take turns': turns(needs('lock')),
    'a file is replaced whole': byLuck(needs('renameFile', 'replace')),
    'a file is overwritten in place safely': told(
      onlyLocal(needs('overwrite', 'lock')),
      'overwrite',
    ),
    'a new file replaces none': either('noReplace', 'link'),
    'a new directory is published whole': needs('renameDirectory', 'refuseFull', 'directoryLock'),
    'a directory is replaced whole': butLowerLayers(mount, needs('exchange', 'directoryLock')),
    'what is acknowledged survives power loss': durability(type, mount, needs('directorySync')),
    'what dead processes leave is swept': onlyLocal(needs('lock', 'directoryLock')),
    'attributes and ACLs are kept': needs('xattr'),
    'a secret is kept from others': needs('mode'),
    'there is room to write': room(),
    ...(isNfs(type) ? betweenClients(type, options) : {}),
  };
  return Object.entries(table).map(([name, [holds, because]]) => ({
    name,
    holds,
    because: holds === 'no' && name in remedies ? `${because}. ${remedies[name]}` : because,
  }));
}

function isNfs({ name }: Filesystem): boolean {
  return name === 'nfs' || name === 'nfs4';
}

/**
 * What machines that share a directory by NFS see of each other, by the options of this one's mount
 * (nfs(5)).
 */
function betweenClients(
  type: Filesystem,
  options: readonly string[],
): Readonly<Record<string, Judgement>> {
  const names: Judgement = options.includes('nocto')
    ? ['no', 'the mount option nocto: opening a directory does not ask the server what has changed']
    : options.includes('lookupcache=none')
      ? ['yes', 'names are not kept (lookupcache=none), for other programs either']
      : [
          'yes',
          'since Holdfast asks the server first; other programs may find names as they were a minute ago: mount with lookupcache=none where these write too',
        ];
  const tiles: Judgement =
    type.locks === 'everyone'
      ? ['yes', 'by a lock on a file, which the server keeps']
      : ['thisMachine', 'locks do not reach other machines'];
  return {
    'what another machine wrote is found': names,
    'readers of a mosaic on other machines keep their tiles': tiles,
  };
}

/**
 * Where a lock excludes fewer than everyone, or nobody. Whether it reaches other machines cannot be
 * tried from here.
 */
const reaches: Readonly<Partial<Record<LockReach, Judgement>>> = {
  thisMachine: ['thisMachine', 'other machines are not excluded'],
  thisMount: [
    'thisMount',
    'who comes by another mount (another container, machine or user) is not excluded: let all come by one, or name one lock file that all share with lockPath',
  ],
  nobody: [
    'no',
    'two processes may hold one lock there. Name a lock file on a volume with lockPath, or set HOLDFAST_LOCK_DIRECTORY',
  ],
};

/** What to do where something does not hold. */
const remedies: Readonly<Record<string, string>> = {
  'writers of all processes take turns':
    'Name a lock file on a local filesystem with lockPath, or set HOLDFAST_LOCK_DIRECTORY',
  'a file is replaced whole':
    'Read it with readJson, readRecords or openVrt, which ask again, or under the shared lock; where replacing itself fails, keep the file elsewhere',
  'a file is overwritten in place safely':
    'Leave out inPlace, so that the file is replaced, or keep it elsewhere',
  'a new file replaces none': "Leave out ifExists: 'fail', or keep the file elsewhere",
  'a new directory is published whole': 'Publish on another filesystem and move the data there',
  'a directory is replaced whole':
    "Allow two renames with withoutExchange: 'twoRenames', or publish under a new name and point a symlink at it",
  'what is acknowledged survives power loss':
    'Keep what must survive on a journalled filesystem (ext4, xfs, btrfs), and write here what can be made again',
  'attributes and ACLs are kept': 'Files written here have mode and owner alone',
  'a secret is kept from others':
    'Keep secrets on another filesystem, or mount this one with the owner and mode that all files are to have',
  'there is room to write': 'Free some (also inodes: df -i), and try again',
  'what another machine wrote is found': 'Mount it without nocto',
};

/**
 * What the scratch directory cannot show: it is of the upper layer, like everything that is made in
 * an overlay.
 */
function butLowerLayers(mount: Mount | undefined, judgement: Judgement): Judgement {
  const moves = mount?.options.includes('redirect_dir=on') ?? false;
  if (judgement[0] !== 'yes' || mount?.type !== 'overlay' || moves) return judgement;
  return [
    'yes',
    'but for directories that come from a lower layer (the image of a container): without redirect_dir, overlayfs moves none of them (CROSS_DEVICE)',
  ];
}

/** The options that turn off the flushes of the disk's cache, or all syncing. */
const unsafeOptions: Readonly<Record<string, string>> = {
  nobarrier: 'the mount option nobarrier leaves what is synced in the cache of the disk',
  'barrier=none': 'the mount option barrier=none leaves what is synced in the cache of the disk',
  'fsync_mode=nobarrier':
    'the mount option fsync_mode=nobarrier of f2fs leaves what is synced in the cache of the disk',
  nointegrity: 'the mount option nointegrity of jfs keeps no journal',
  'barrier=0': 'the mount option barrier=0 leaves what is synced in the cache of the disk',
  volatile: 'the mount option volatile of overlayfs turns every sync off',
  'fsync=volatile': 'the mount option fsync=volatile of overlayfs turns every sync off',
};

function durability(type: Filesystem, mount: Mount | undefined, synced: Judgement): Judgement {
  if (synced[0] === 'no') return synced;
  const unsafe = mount?.options.find((option) => option in unsafeOptions);
  if (unsafe !== undefined) return ['no', unsafeOptions[unsafe] ?? ''];
  if (type.survivesPowerLoss === false) return ['no', `${type.name}: ${type.becauseOfPower}`];
  if (synced[0] !== 'yes') return synced;
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

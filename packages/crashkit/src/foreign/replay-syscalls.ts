/**
 * Makes the operations of the model from a program's system calls. A call counts when it returns; a
 * sync covers only what had returned before it began, so a race between threads is judged to the
 * worse side.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { FsFile, OpenFlags } from 'holdfast/os';
import { ModelDisk } from '../model/disk.js';
import type { Image } from '../model/image.js';
import { lookup } from '../model/lookup.js';
import { treeOf } from '../model/tree.js';
import type { Trace } from '../explore/record.js';
import { bytesOf, descriptorOf, type Syscall, type SyscallEvent } from './strace-log.js';

/** What an open file description remembers. */
interface OpenFile {
  /** By which it was opened. */
  readonly path: string;
  offsetBytes: number;
  readonly appends: boolean;
  /** Each write is durable when it returns (O_SYNC, O_DSYNC). */
  readonly syncs: boolean;
}

/** What threads share, and a fork copies. */
interface ProcessState {
  cwd: string;
  readonly files: Map<number, OpenFile>;
}

export interface ForeignTrace extends Trace {
  /** What the program did that the model does not follow. */
  readonly notFollowed: readonly string[];
}

/** The trace of a program that worked in a directory, which held `before`. */
export async function traceOfSyscalls(
  events: Iterable<SyscallEvent>,
  directory: string,
  before: Image,
): Promise<ForeignTrace> {
  const replay = new Replay(directory, before);
  for (const event of events) await replay.next(event);
  return replay.trace();
}

/** A name in a directory that is open (proc_pid_fd(5)). */
const IN_OPEN = /^\/proc\/self\/fd\/(\d+)(\/.*)?$/;

class Replay {
  readonly #directory: string;
  readonly #disk: ModelDisk;
  readonly #fs;
  readonly #processes = new Map<number, ProcessState>();
  readonly #begun = new Map<number, number>();
  readonly #cloning: Syscall[] = [];
  readonly #notFollowed = new Set<string>();
  #output = '';

  constructor(directory: string, before: Image) {
    this.#directory = directory;
    this.#disk = new ModelDisk(before);
    this.#fs = this.#disk.process();
  }

  trace(): ForeignTrace {
    const { before, operations } = this.#disk;
    return { before, operations, notFollowed: [...this.#notFollowed] };
  }

  async next(event: SyscallEvent): Promise<void> {
    if (event.kind === 'begin') {
      this.#begun.set(event.tid, this.#disk.operations.length);
      if (cloneCalls.has(event.name)) this.#cloning.push({ ...event, args: [], result: 0 });
      return;
    }
    const handler = handlers[event.name];
    if (!handler || event.result < 0) return;
    await handler(this, event);
  }

  /**
   * The state of a thread's process; a thread that is not known yet comes from the clone under way.
   */
  process(tid: number): ProcessState {
    const known = this.#processes.get(tid);
    if (known) return known;
    const parent = this.#cloning.at(-1)?.tid;
    const parentState = parent === undefined ? undefined : this.#processes.get(parent);
    const state = parentState ?? { cwd: this.#directory, files: new Map<number, OpenFile>() };
    this.#processes.set(tid, state);
    return state;
  }

  cloned(call: Syscall, sharesFiles: boolean): void {
    const state = this.process(call.tid);
    const copy = { cwd: state.cwd, files: new Map(state.files) };
    this.#processes.set(call.result, sharesFiles ? state : copy);
  }

  /** A path of a call as a path of the model; `undefined` when it lies outside. */
  place(call: Syscall, path: string, at?: string): string | undefined {
    const { cwd, files } = this.process(call.tid);
    const [, fd, rest] = IN_OPEN.exec(path) ?? [];
    const directory = fd === undefined ? undefined : files.get(Number(fd))?.path;
    if (directory !== undefined) return this.inside(resolve(directory, `.${rest ?? ''}`));
    const from = at === undefined ? cwd : descriptorOf(at).path;
    return this.inside(resolve(from, path));
  }

  inside(path: string): string | undefined {
    if (path === this.#directory) return '/';
    return path.startsWith(`${this.#directory}/`) ? path.slice(this.#directory.length) : undefined;
  }

  async open(call: Syscall, path: string | undefined, flags: string): Promise<void> {
    const syncs = /O_D?SYNC/.test(flags);
    const opened = path === undefined ? '/' : this.#directory + path;
    const file = { path: opened, offsetBytes: 0, appends: flags.includes('O_APPEND'), syncs };
    this.process(call.tid).files.set(call.result, file);
    if (path === undefined || !/O_CREAT|O_TRUNC/.test(flags)) return;
    if (flags.includes('O_TMPFILE')) return this.notFollowed('O_TMPFILE');
    const how: OpenFlags = {
      access: 'write',
      ...(flags.includes('O_CREAT') && { create: 'ifMissing' as const }),
      truncate: flags.includes('O_TRUNC'),
    };
    await (await this.#fs.open(path, how, 0o644)).close();
    return undefined;
  }

  async write(call: Syscall, data: Buffer, atBytes: number | undefined): Promise<void> {
    const { fd, path } = descriptorOf(call.args[0] as string);
    if (fd === 1) this.#acknowledge(data);
    const file = this.process(call.tid).files.get(fd);
    await this.onFile(path, async (model) => {
      const sizeBytes = (await model.stat()).sizeBytes;
      const offsetBytes = atBytes ?? (file?.appends ? sizeBytes : (file?.offsetBytes ?? 0));
      await model.write(data.subarray(0, call.result), offsetBytes);
      if (file?.syncs) await model.sync();
      if (file && atBytes === undefined) file.offsetBytes = offsetBytes + call.result;
    });
  }

  /**
   * Works on the file that a descriptor of the program stands for; one that has no name any more is
   * left out.
   */
  async onFile(path: string, work: (file: FsFile) => Promise<void>): Promise<void> {
    const place = this.inside(path);
    if (place === undefined || !(await this.#fs.exists(place))) return;
    const file = await this.#fs.open(place, { access: 'readWrite' });
    await work(file);
    await file.close();
  }

  /** Makes durable what a path leads to, or `everything`. */
  sync(call: Syscall, what: string): void {
    const syncs = what === 'everything' ? what : this.#ino(what);
    if (syncs === undefined) return;
    const shown = what === 'everything' ? '' : (this.inside(what) ?? '');
    this.#disk.perform({
      text: `${call.name} ${shown}`.trimEnd(),
      process: call.tid,
      births: [],
      changes: [],
      syncs,
      syncsBefore: this.#begun.get(call.tid) ?? this.#disk.operations.length,
    });
  }

  async names(work: (fs: ReturnType<ModelDisk['process']>) => Promise<void>): Promise<void> {
    await work(this.#fs);
  }

  notFollowed(what: string): void {
    this.#notFollowed.add(what);
  }

  /** What a file holds that the program copied from: in the tree, or outside it. */
  sourceBytes(path: string): Buffer {
    const place = this.inside(path);
    if (place === undefined) return readFileSync(path);
    const entry = treeOf(this.#disk.live).find((candidate) => candidate.path === place);
    return Buffer.from(entry?.kind === 'file' ? entry.dataBase64 : '', 'base64');
  }

  #ino(path: string): number | undefined {
    const place = this.inside(path);
    if (place === undefined) return undefined;
    try {
      return lookup(this.#disk.live, place, { call: 'fsync', follow: true }).ino;
    } catch {
      return undefined;
    }
  }

  #acknowledge(data: Buffer): void {
    this.#output += data.toString();
    const lines = this.#output.split('\n');
    this.#output = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('ACK ')) this.#disk.acknowledge(line.slice('ACK '.length));
    }
  }
}

const cloneCalls: ReadonlySet<string> = new Set(['clone', 'clone3', 'fork', 'vfork']);

type Handler = (replay: Replay, call: Syscall) => Promise<void> | void;

/** Path arguments by position. */
const path = (call: Syscall, index: number): string => bytesOf(call.args[index] ?? '').toString();
const number = (call: Syscall, index: number): number => Number(call.args[index]);
const files = (replay: Replay, call: Syscall): Map<number, OpenFile> =>
  replay.process(call.tid).files;
const fdOf = (call: Syscall, index = 0): number => descriptorOf(call.args[index] ?? '').fd;
const pathOfFd = (call: Syscall, index = 0): string => descriptorOf(call.args[index] ?? '').path;

/** What each system call does to the tree. */
const handlers: Readonly<Record<string, Handler>> = {
  open: (r, c) => r.open(c, r.place(c, path(c, 0)), c.args[1] ?? ''),
  creat: (r, c) => r.open(c, r.place(c, path(c, 0)), 'O_WRONLY|O_CREAT|O_TRUNC'),
  openat: (r, c) => r.open(c, r.place(c, path(c, 1), c.args[0]), c.args[2] ?? ''),
  openat2: (r, c) => r.open(c, r.place(c, path(c, 1), c.args[0]), c.args[2] ?? ''),
  write: (r, c) => r.write(c, bytesOf(c.args[1] ?? ''), undefined),
  pwrite64: (r, c) => r.write(c, bytesOf(c.args[1] ?? ''), number(c, 3)),
  writev: (r, c) => r.write(c, vectorBytes(c.args[1] ?? ''), undefined),
  pwritev: (r, c) => r.write(c, vectorBytes(c.args[1] ?? ''), number(c, 3)),
  pwritev2: (r, c) => r.write(c, vectorBytes(c.args[1] ?? ''), number(c, 3)),
  copy_file_range: (r, c) => copyBytes(r, c, [0, c.args[1]], [2, c.args[3]]),
  sendfile: (r, c) => copyBytes(r, c, [1, c.args[2]], [0, undefined]),
  read: (r, c) => advance(files(r, c).get(fdOf(c)), c.result),
  readv: (r, c) => advance(files(r, c).get(fdOf(c)), c.result),
  lseek: (r, c) => seek(files(r, c).get(fdOf(c)), c.result),
  ftruncate: (r, c) => r.onFile(pathOfFd(c), (file) => file.truncate(number(c, 1))),
  truncate: (r, c) => truncatePath(r, c),
  fallocate: (r, c) => allocate(r, c),
  fsync: (r, c) => r.sync(c, pathOfFd(c)),
  fdatasync: (r, c) => r.sync(c, pathOfFd(c)),
  syncfs: (r, c) => r.sync(c, 'everything'),
  sync: (r, c) => r.sync(c, 'everything'),
  mkdir: (r, c) => onPath(r, r.place(c, path(c, 0)), (fs, at) => fs.mkdir(at)),
  mkdirat: (r, c) => onPath(r, r.place(c, path(c, 1), c.args[0]), (fs, at) => fs.mkdir(at)),
  rmdir: (r, c) => onPath(r, r.place(c, path(c, 0)), (fs, at) => fs.rmdir(at)),
  unlink: (r, c) => onPath(r, r.place(c, path(c, 0)), (fs, at) => fs.unlink(at)),
  unlinkat: (r, c) =>
    onPath(r, r.place(c, path(c, 1), c.args[0]), (fs, at) =>
      c.args[2]?.includes('AT_REMOVEDIR') ? fs.rmdir(at) : fs.unlink(at),
    ),
  symlink: (r, c) => onPath(r, r.place(c, path(c, 1)), (fs, at) => fs.symlink(path(c, 0), at)),
  symlinkat: (r, c) =>
    onPath(r, r.place(c, path(c, 2), c.args[1]), (fs, at) => fs.symlink(path(c, 0), at)),
  link: (r, c) => rename(r, [r.place(c, path(c, 0)), r.place(c, path(c, 1))], 'link'),
  linkat: (r, c) => rename(r, placesAt(r, c), 'link'),
  rename: (r, c) => rename(r, [r.place(c, path(c, 0)), r.place(c, path(c, 1))], 'rename'),
  renameat: (r, c) => rename(r, placesAt(r, c), 'rename'),
  renameat2: (r, c) =>
    rename(r, placesAt(r, c), c.args[4]?.includes('EXCHANGE') ? 'exchange' : 'rename'),
  close: (r, c) => void files(r, c).delete(fdOf(c)),
  dup: (r, c) => duplicate(r, c),
  dup2: (r, c) => duplicate(r, c),
  dup3: (r, c) => duplicate(r, c),
  fcntl: (r, c) => (c.args[1]?.startsWith('F_DUPFD') ? duplicate(r, c) : undefined),
  chdir: (r, c) => changeDirectory(r, c, path(c, 0)),
  fchdir: (r, c) => changeDirectory(r, c, pathOfFd(c)),
  clone: (r, c) => r.cloned(c, c.args.join().includes('CLONE_FILES')),
  clone3: (r, c) => r.cloned(c, c.args.join().includes('CLONE_FILES')),
  fork: (r, c) => r.cloned(c, false),
  vfork: (r, c) => r.cloned(c, false),
  mmap: (r, c) => noteSharedMapping(r, c),
  io_uring_enter: (r) => r.notFollowed('io_uring (set UV_USE_IO_URING=0)'),
};

function vectorBytes(arg: string): Buffer {
  const parts = [...arg.matchAll(/iov_base=("[^"]*")/g)].map(([, text = '']) => bytesOf(text));
  return Buffer.concat(parts);
}

/** The argument of a descriptor, and the offset that is given with it. */
type At = readonly [arg: number, offset: string | undefined];

async function copyBytes(
  replay: Replay,
  call: Syscall,
  [fromArg, fromOffset]: At,
  [toArg, toOffset]: At,
): Promise<void> {
  if (call.result === 0 || replay.inside(pathOfFd(call, toArg)) === undefined) return;
  const source = files(replay, call).get(fdOf(call, fromArg));
  const from = explicitOffset(fromOffset) ?? source?.offsetBytes ?? 0;
  const bytes = replay.sourceBytes(pathOfFd(call, fromArg)).subarray(from, from + call.result);
  if (explicitOffset(fromOffset) === undefined) advance(source, call.result);
  const target = { ...call, args: [call.args[toArg] ?? ''] };
  await replay.write(target, bytes, explicitOffset(toOffset));
}

/**
 * `[123]` or `[123 => 456]` is an offset that the caller gave; `NULL` means the descriptor's own.
 */
function explicitOffset(arg: string | undefined): number | undefined {
  const digits = /^\[(\d+)/.exec(arg ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function advance(file: OpenFile | undefined, bytes: number): void {
  if (file) file.offsetBytes += bytes;
}

function seek(file: OpenFile | undefined, offsetBytes: number): void {
  if (file) file.offsetBytes = offsetBytes;
}

function duplicate(replay: Replay, call: Syscall): void {
  const file = files(replay, call).get(fdOf(call));
  if (file) files(replay, call).set(call.result, file);
}

function changeDirectory(replay: Replay, call: Syscall, to: string): void {
  const state = replay.process(call.tid);
  state.cwd = resolve(state.cwd, to);
}

async function truncatePath(replay: Replay, call: Syscall): Promise<void> {
  const place = replay.place(call, path(call, 0));
  await onPath(replay, place, async (fs, at) => {
    const file = await fs.open(at, { access: 'write' });
    await file.truncate(number(call, 1));
    await file.close();
  });
}

async function allocate(replay: Replay, call: Syscall): Promise<void> {
  if (call.args[1] !== '0') return replay.notFollowed(`fallocate ${call.args[1] ?? ''}`);
  const endBytes = number(call, 2) + number(call, 3);
  return replay.onFile(pathOfFd(call), async (file) => {
    if ((await file.stat()).sizeBytes < endBytes) await file.truncate(endBytes);
  });
}

function noteSharedMapping(replay: Replay, call: Syscall): void {
  const writes = call.args[2]?.includes('PROT_WRITE') && call.args[3]?.includes('MAP_SHARED');
  if (writes && replay.inside(pathOfFd(call, 4)) !== undefined) {
    replay.notFollowed('writes through a shared memory mapping');
  }
}

type ModelFs = ReturnType<ModelDisk['process']>;

async function onPath(
  replay: Replay,
  place: string | undefined,
  work: (fs: ModelFs, place: string) => Promise<void>,
): Promise<void> {
  if (place !== undefined) await replay.names((fs) => work(fs, place));
}

type Places = readonly [string | undefined, string | undefined];

function placesAt(replay: Replay, call: Syscall): Places {
  return [
    replay.place(call, path(call, 1), call.args[0]),
    replay.place(call, path(call, 3), call.args[2]),
  ];
}

async function rename(
  replay: Replay,
  [from, to]: Places,
  how: 'rename' | 'link' | 'exchange',
): Promise<void> {
  if (from !== undefined && to !== undefined) return replay.names((fs) => fs[how](from, to));
  if (from !== undefined || to !== undefined) {
    replay.notFollowed(`${how} across the edge of the directory`);
  }
  return undefined;
}

/**
 * What docs/locks.md says of other libraries' locks, tried: whether theirs keeps us out and ours
 * keeps them out, by the name `<path>.lock`, and with the option that is for them.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pythonWith, startScript, temporaryDirectory } from '@holdfast/tools/testing';
import {
  acquireLock,
  isHoldfastError,
  publishDirectory,
  readJson,
  transaction,
  withLock,
  type LockOptions,
} from 'holdfast';
import { compileAddons, lockerPrograms, source } from './locker-programs.js';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const pythonPackages = [
  'filelock==4.3.1',
  'portalocker==4.4.2',
  'zc.lockfile==4.0',
  'fasteners==0.20',
  'lockfile==0.12.2',
  'pid==3.0.4',
  'oslo.concurrency==7.6.1',
];
const npmPackages = [
  'proper-lockfile@4.1.2',
  'lockfile@1.0.4',
  'fs-native-extensions@1.5.1',
  'os-lock@2.0.0',
  'fs-ext@2.1.1',
  '@deno/linux-x64-glibc@2.9.6',
];

const programsMade = lockerPrograms();
const python = pythonWith('lockers-venv', pythonPackages);
const packages = await npmEnvironment(here('../../.cache/lockers-npm'));
const deno = join(packages, 'node_modules/@deno/linux-x64-glibc/deno');
const programs = await programsMade;

/** Made on first use, as those of Python are. */
async function npmEnvironment(directory: string): Promise<string> {
  const complete = join(directory, 'complete');
  if (existsSync(complete)) return directory;
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{"private":true}');
  const flags = ['--silent', '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', ['install', ...flags, ...npmPackages], { cwd: directory, stdio: 'inherit' });
  await compileAddons(directory, ['os-lock', 'fs-ext']);
  writeFileSync(complete, '');
  return directory;
}

/**
 * A program that holds the lock of a file until its input ends, and says `held`; or that tries
 * once, which status 0 says.
 */
type Locker = (action: 'hold' | 'try', lockPath: string) => readonly string[];

const ofPython =
  (kind: string): Locker =>
  (action, lockPath) => [python, here('../python/lockers.py'), kind, action, lockPath];
const ofNpm =
  (kind: string): Locker =>
  (action, lockPath) => [process.execPath, here('locker.js'), packages, kind, action, lockPath];
const ofGo =
  (kind: string): Locker =>
  (action, lockPath) => [programs.go, kind, action, lockPath];
const ofRust =
  (kind: string): Locker =>
  (action, lockPath) => [programs.rust, kind, action, lockPath];
/** A program that knows one kind. */
const of =
  (...program: readonly string[]): Locker =>
  (action, lockPath) => [...program, action, lockPath];
/** A program that needs one more to hold a lock for a while. */
const ofShell =
  (take: string, release: string): Locker =>
  (action, lockPath) => {
    const wait = action === 'hold' ? 'cat' : ':';
    return ['sh', '-c', `${take} && { echo held; ${wait}; ${release}; }`, 'sh', lockPath];
  };

const perl = `use Fcntl ":flock"; open(F, ">>", $ARGV[0]) or die; flock(F, LOCK_EX | LOCK_NB) or exit 1;
  $| = 1; print "held\\n"; if ($ARGV[1] eq "hold") { 1 while <STDIN> }`;
const lua = `local lfs = require "lfs"; local file = assert(io.open(arg[1], "a+"))
  if not lfs.lock(file, "w") then os.exit(1) end
  print "held"; io.stdout:flush(); if arg[2] == "hold" then io.read("*a") end`;
const tcl = `package require Tclx; set file [open [lindex $argv 0] a+]
  if {![flock -write -nowait $file]} { exit 1 }
  puts held; flush stdout; if {[lindex $argv 1] eq "hold"} { read stdin }`;

/** By their names in the table. */
const lockers: Readonly<Record<string, Locker>> = {
  'flock(1), util-linux 2.38': ofShell('exec 9>>"$1" && flock -n 9', ':'),
  'Perl 5.36 flock': (action, lockPath) => ['perl', '-e', perl, lockPath, action],
  'Ruby 3.1 File#flock': of('ruby', source('locker.rb')),
  'PHP 8.2 flock': of('php', source('locker.php')),
  'Python fcntl.flock': ofPython('fcntl.flock'),
  'Python fcntl.lockf': ofPython('fcntl.lockf'),
  'C fcntl F_OFD_SETLK': ofPython('F_OFD_SETLK'),
  'Python filelock 4.3.1 FileLock': ofPython('FileLock'),
  'Python filelock 4.3.1 SoftFileLock': ofPython('SoftFileLock'),
  'Python portalocker 4.4.2 Lock': ofPython('Lock'),
  'Python portalocker 4.4.2 TemporaryFileLock': ofPython('TemporaryFileLock'),
  'Python zc.lockfile 4.0': ofPython('zc.lockfile'),
  'Python fasteners 0.20': ofPython('fasteners'),
  'Python oslo.concurrency 7.6.1': ofPython('oslo'),
  'Python lockfile 0.12.2': ofPython('lockfile'),
  'Python pid 3.0.4': ofPython('pid'),
  'C++ Boost.Interprocess 1.74 file_lock': of(programs.boost),
  'Java 17 FileChannel.lock': of('java', '-cp', programs.java, 'Locker'),
  'Lua lfs 1.8': scripted('lua5.1', 'lua', lua),
  'Tclx 8.4 flock': scripted('tclsh', 'tcl', tcl),
  'Go gofrs/flock 0.13.2': ofGo('flock'),
  'Go go-internal/lockedfile 1.16.0': ofGo('lockedfile'),
  'Go go-filemutex 1.3.0': ofGo('filemutex'),
  'Go nightlyone/lockfile 1.0.0': ofGo('lockfile'),
  'Rust std File::lock 1.95': ofRust('std'),
  'Rust fs4 1.1.0': ofRust('fs4'),
  'Rust fs2 0.4.3': ofRust('fs2'),
  'Rust fd-lock 4.0.4': ofRust('fd-lock'),
  'Rust fslock 0.2.1': ofRust('fslock'),
  'Rust file-lock 2.1.11': ofRust('file-lock'),
  'npm proper-lockfile 4.1.2': ofNpm('proper-lockfile'),
  'npm lockfile 1.0.4': ofNpm('lockfile'),
  'npm fs-native-extensions 1.5.1': ofNpm('fs-native-extensions'),
  'npm os-lock 2.0.0': ofNpm('os-lock'),
  'npm fs-ext 2.1.1': ofNpm('fs-ext'),
  'dotlockfile(1), liblockfile 1.17': ofShell('dotlockfile -r 0 -p "$1"', 'dotlockfile -u "$1"'),
  'lockfile(1), procmail 3.22': ofShell('lockfile -r 0 "$1" 2>&-', 'rm -f "$1"'),
  'Qt 5.15 QLockFile': of(programs.qt),
  'Deno 2.9.6 FsFile.lock': of(deno, 'run', '--allow-all', source('locker.deno.js')),
};

/** These take their program as a file, with its arguments behind. */
function scripted(interpreter: string, ending: string, text: string): Locker {
  const path = here(`../../.cache/locker.${ending}`);
  writeFileSync(path, text);
  return (action, lockPath) => [interpreter, path, lockPath, action];
}

async function startHolding(
  t: TestContext,
  locker: Locker,
  lockPath: string,
): Promise<ChildProcess> {
  const [program = '', ...args] = locker('hold', lockPath);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await Promise.race([
    once(child.stdout as NodeJS.ReadableStream, 'data'),
    once(child, 'exit').then(([status]) => assert.fail(`it ended with status ${status}`)),
  ]);
  return child;
}

/** Whether theirs keeps us out. */
async function keepsUsOut(t: TestContext, locker: Locker, options: LockOptions): Promise<boolean> {
  const path = join(temporaryDirectory(t), 'x.json');
  const child = await startHolding(t, locker, `${path}.lock`);
  try {
    await (await acquireLock(path, { ...options, timeoutMs: 0 })).release();
    return false;
  } catch (error) {
    if (!isHoldfastError(error, 'LOCK_TIMEOUT') && !isHoldfastError(error, 'NAME_TAKEN'))
      throw error;
    return true;
  } finally {
    child.stdin?.end();
    await once(child, 'exit');
  }
}

/** Whether ours keeps them out. */
async function weKeepItOut(t: TestContext, locker: Locker, options: LockOptions): Promise<boolean> {
  const path = join(temporaryDirectory(t), 'x.json');
  const lock = await acquireLock(path, options);
  const [program = '', ...args] = locker('try', `${path}.lock`);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [status] = (await once(child, 'exit')) as [number | null];
  await lock.release();
  assert.notEqual(status, null);
  return status !== 0;
}

/** What the table says of one library. */
interface Row {
  readonly keepsUsOut: boolean;
  readonly weKeepItOut: boolean;
  /** The option by which both exclude each other. */
  readonly option: string;
}

const isYes = (cell = ''): boolean => /^\**yes/u.test(cell);

function rowsOfTable(): ReadonlyMap<string, Row> {
  const rows = new Map<string, Row>();
  for (const line of readFileSync(here('../../docs/locks.md'), 'utf8').split('\n')) {
    const [, name = '', , theirs, ours, option, deletes] = line
      .split('|')
      .map((cell) => cell.trim());
    if (option === undefined || !/^(?:yes|no)$/u.test(deletes ?? '')) continue;
    rows.set(name, { keepsUsOut: isYes(theirs), weKeepItOut: isYes(ours), option });
  }
  return rows;
}

const optionsOf: Readonly<Record<string, LockOptions>> = {
  '`alsoFcntl`': { alsoFcntl: true },
  '`guard`': { guard: 'proper-lockfile' },
};

const rows = rowsOfTable();

test('the table names every locker that is tried, and no other', () => {
  assert.deepEqual([...rows.keys()].toSorted(), Object.keys(lockers).toSorted());
});

test('each library and we exclude each other as the table says', { concurrency: 4 }, async (t) => {
  const tried = [...rows].map(([name, row]) =>
    t.test(name, async (inner) => {
      const locker = lockers[name] as Locker;
      assert.equal(await keepsUsOut(inner, locker, {}), row.keepsUsOut, 'theirs keeps us out');
      assert.equal(await weKeepItOut(inner, locker, {}), row.weKeepItOut, 'ours keeps it out');
      const options = optionsOf[row.option];
      assert.ok(options || row.option === '–', row.option);
      if (options === undefined) return;
      assert.ok(await keepsUsOut(inner, locker, options), `theirs keeps us out: ${row.option}`);
      assert.ok(await weKeepItOut(inner, locker, options), `ours keeps it out: ${row.option}`);
    }),
  );
  await Promise.all(tried);
});

test('proper-lockfile takes over what a killed program of ours has left, when it is old', async (t) => {
  const path = join(temporaryDirectory(t), 'x.json');
  const hold = `
    import { acquireLock } from 'holdfast';
    await acquireLock(process.argv[1], { guard: 'proper-lockfile' });
    console.log('held');
    process.stdin.resume();`;
  const killed = startScript(t, hold, [path]);
  assert.equal(await killed.nextLine(), 'held');
  await killed.kill();
  const [program = '', ...args] = ofNpm('proper-lockfile')('try', `${path}.lock`);
  const tryOnce = async (): Promise<unknown> => {
    const [status] = (await once(spawn(program, args, { stdio: 'ignore' }), 'exit')) as [unknown];
    return status;
  };
  assert.equal(await tryOnce(), 1);
  const then = Date.now() / 1000 - 11;
  utimesSync(`${path}.lock`, then, then);
  assert.equal(await tryOnce(), 0);
  assert.equal(existsSync(`${path}.lock`), false);
});

test('a transaction and a publish wait for proper-lockfile, and keep it out while they hold its guard', async (t) => {
  const root = temporaryDirectory(t);
  const locker = ofNpm('proper-lockfile');
  const now = { guard: 'proper-lockfile', timeoutMs: 0 } as const;
  const tryIt = (path: string): number | null => {
    const [program = '', ...args] = locker('try', `${path}.lock`);
    return spawnSync(program, args, { stdio: 'ignore' }).status;
  };
  const [document, tree] = [join(root, 'x.json'), join(root, 'tree')];
  const calls = {
    transaction: (options: object) =>
      transaction(
        root,
        (tx) => tx.updateJson('x.json', () => ({ status: tryIt(document) })),
        options,
      ),
    publishDirectory: (options: object) =>
      publishDirectory(tree, (stage) => stage.write('a', 'a'), { ifExists: 'replace', ...options }),
  };
  for (const [path, call] of [
    [document, calls.transaction],
    [tree, calls.publishDirectory],
  ] as const) {
    const child = await startHolding(t, locker, `${path}.lock`);
    await assert.rejects(call(now), { code: 'LOCK_TIMEOUT', outcome: 'unchanged' });
    const waiting = call({ guard: 'proper-lockfile' });
    child.stdin?.end();
    await Promise.all([waiting, once(child, 'exit')]);
    assert.equal(tryIt(path), 0);
  }
  assert.deepEqual(await readJson(document), { status: 1 });
});

/** How long a turn has the lock, and how many there are in a second. */
const TURN_MS = 5;
const TURNS_OF_A_SECOND = 1000 / TURN_MS;

for (const kind of ['FileLock', 'Lock']) {
  test(`a poller (${kind}) comes to its turn within a second beside a loop that takes the lock again and again`, async (t) => {
    const path = join(temporaryDirectory(t), 'x.json');
    const takeTurn = (): Promise<void> => withLock(path, () => sleep(TURN_MS));
    // Who opens the file before the loop looks out is found after some seconds.
    for (let turn = 0; turn < TURNS_OF_A_SECOND; turn += 1) await takeTurn();
    const args = [here('../python/lockers.py'), kind, 'wait', `${path}.lock`];
    const child = spawn(python, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    let turns = 0;
    let askedAt = 0;
    const waited: number[] = [];
    createInterface(child.stdout).on('line', (line) => {
      if (line === 'asks') askedAt = turns;
      else waited.push(turns - askedAt);
    });
    while (child.exitCode === null) {
      await takeTurn();
      turns += 1;
    }
    assert.equal(child.exitCode, 0);
    assert.equal(waited.length, 4);
    // A busy machine may make one of its polls late: then it comes to the next pause.
    const [, , third = Infinity, last = Infinity] = waited.toSorted((a, b) => a - b);
    const said = `it waited for ${waited.join(', ')} turns`;
    assert.ok(third <= TURNS_OF_A_SECOND && last <= 3 * TURNS_OF_A_SECOND, said);
  });
}

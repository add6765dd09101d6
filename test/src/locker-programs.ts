/**
 * The programs of `test/lockers/`, which take a lock of a library of another language. What must be
 * compiled is made on first use, under `.cache`, from its registry: Go, Cargo, a JDK, a C++ compiler
 * and the headers of Node are needed, and what fails there fails the tests.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const project = fileURLToPath(new URL('../..', import.meta.url));
const built = join(project, '.cache/lockers');

export const source = (name: string): string => join(project, 'test/lockers', name);

const goModules = [
  'github.com/gofrs/flock@v0.13.2',
  'github.com/rogpeppe/go-internal@v1.16.0',
  'github.com/alexflint/go-filemutex@v1.3.0',
  'github.com/nightlyone/lockfile@v1.0.0',
];

const manifestOfRust = `[package]
name = "locker"
edition = "2024"

[[bin]]
name = "locker"
path = "locker.rs"

[dependencies]
fs4 = "=1.1.0"
fs2 = "=0.4.3"
fd-lock = "=4.0.4"
fslock = "=0.2.1"
file-lock = "=2.1.11"
`;

/** Where the compiled programs are. */
export interface LockerPrograms {
  readonly go: string;
  readonly rust: string;
  readonly boost: string;
  readonly qt: string;
  /** A directory for the class path. */
  readonly java: string;
}

export async function lockerPrograms(): Promise<LockerPrograms> {
  await mkdir(built, { recursive: true });
  await Promise.all([once('go', buildGo), once('rust', buildRust), once('rest', buildRest)]);
  return {
    go: join(built, 'go/locker'),
    rust: join(built, 'rust/target/debug/locker'),
    boost: join(built, 'rest/boost'),
    qt: join(built, 'rest/qt'),
    java: join(built, 'rest'),
  };
}

/** Compiles what packages of npm have in C, without their scripts, for the Node that runs this. */
export async function compileAddons(packages: string, names: readonly string[]): Promise<void> {
  const prefix = dirname(dirname(process.execPath));
  const npm = (await run('npm', ['root', '--global'], project)).trim();
  const gyp = join(npm, 'npm/node_modules/node-gyp/bin/node-gyp.js');
  for (const name of names) {
    const args = [gyp, 'rebuild', `--nodedir=${prefix}`];
    await run(process.execPath, args, join(packages, 'node_modules', name));
  }
}

async function once(name: string, build: (directory: string) => Promise<void>): Promise<void> {
  const directory = join(built, name);
  if (existsSync(join(directory, 'complete'))) return;
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory);
  await build(directory);
  await writeFile(join(directory, 'complete'), '');
}

async function buildGo(directory: string): Promise<void> {
  await copyFile(source('locker.go'), join(directory, 'locker.go'));
  await run('go', ['mod', 'init', 'locker'], directory);
  await run('go', ['get', ...goModules], directory);
  await run('go', ['build', '-o', 'locker', '.'], directory);
}

async function buildRust(directory: string): Promise<void> {
  await copyFile(source('locker.rs'), join(directory, 'locker.rs'));
  await writeFile(join(directory, 'Cargo.toml'), manifestOfRust);
  await run('cargo', ['build', '--quiet'], directory);
}

async function buildRest(directory: string): Promise<void> {
  await run('javac', ['-d', '.', source('Locker.java')], directory);
  await run('g++', ['-o', 'boost', source('locker-boost.cpp')], directory);
  const flags = (await run('pkg-config', ['--cflags', '--libs', 'Qt5Core'], directory)).trim();
  const args = ['-fPIC', '-o', 'qt', source('locker-qt.cpp'), ...flags.split(/\s+/u)];
  await run('g++', args, directory);
}

async function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  const env = { ...process.env, CGO_ENABLED: '0' };
  return (await promisify(execFile)(program, args, { cwd, env })).stdout;
}

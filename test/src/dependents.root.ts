/**
 * Programs from the registry that write through atomically, write-file-atomic and proper-lockfile,
 * with the drop-ins in the place of these by `overrides`: they do their work, are killed in it, and
 * have no room for it. Root, for a disk that is full.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  inLines,
  mountFilesystem,
  temporaryDirectory,
  type NodeProcess,
} from '@holdfast/tools/testing';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const packages = ['holdfast', 'write-file-atomic', 'proper-lockfile', 'atomically', 'lowdb'];
const replaced = ['atomically', 'write-file-atomic', 'proper-lockfile'];

const project = mkdtempSync(join(tmpdir(), 'holdfast-dependents-'));
after(() => rmSync(project, { recursive: true, force: true }));
install();

function install(): void {
  const tarballs = packages.map((name) => {
    const flags = ['pack', '--silent', '--pack-destination', project, `./packages/${name}`];
    return `file:${execFileSync('npm', flags, { cwd: repository, encoding: 'utf8' }).trim()}`;
  });
  const [holdfast, writeFileAtomic, properLockfile, atomically, lowdb] = tarballs;
  // Electron's own part of electron-store, for a program that runs under Node.
  mkdirSync(join(project, 'electron'));
  writeFileSync(
    join(project, 'electron/package.json'),
    '{ "name": "electron", "version": "99.0.0", "type": "module", "exports": "./index.js" }',
  );
  writeFileSync(
    join(project, 'electron/index.js'),
    `export default { app: { getPath: () => '/', getVersion: () => '1.0.0' }, ipcMain: { on() {} }, shell: {} };`,
  );
  const dependencies = {
    holdfast,
    '@holdfast/write-file-atomic': writeFileAtomic,
    '@holdfast/lowdb': lowdb,
    'bin-links': '5.0.0',
    conf: '15.1.0',
    configstore: '7.1.0',
    configstore5: 'npm:configstore@5.0.1',
    electron: 'file:electron',
    'electron-store': '11.0.2',
    'gatsby-core-utils': '4.15.0',
    lowdb: '7.0.1',
  };
  const overrides = {
    atomically,
    'write-file-atomic': writeFileAtomic,
    'proper-lockfile': properLockfile,
  };
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ private: true, type: 'module', dependencies, overrides }),
  );
  const flags = ['--silent', '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', ['install', ...flags], { cwd: project, stdio: 'inherit' });
}

test('the overrides have taken the place of every copy of the originals', () => {
  const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly name?: string }>>;
  };
  for (const name of replaced) {
    const places = Object.keys(lock.packages).filter((at) => at.endsWith(`node_modules/${name}`));
    assert.ok(places.length > 0, name);
    for (const place of places) {
      const manifest = readFileSync(join(project, place, 'package.json'), 'utf8');
      assert.equal((JSON.parse(manifest) as { readonly name: string }).name, `@holdfast/${name}`);
    }
  }
});

/** Programs that open a store at `at` and give `set`, which writes a value; `file` is the store's. */
const stores: Readonly<Record<string, string>> = {
  conf: `
    import Conf from 'conf';
    const store = new Conf({ cwd: at, projectName: 'p' });
    const file = store.path;
    const set = (value) => store.set('value', value);`,
  'electron-store': `
    import Store from 'electron-store';
    const store = new Store({ cwd: at });
    const file = store.path;
    const set = (value) => store.set('value', value);`,
  'configstore 7, by atomically': `
    import Configstore from 'configstore';
    const file = at + '/store.json';
    const store = new Configstore('p', {}, { configPath: file });
    const set = (value) => store.set('value', value);`,
  'configstore 5, by write-file-atomic': `
    import Configstore from 'configstore5';
    const file = at + '/store.json';
    const store = new Configstore('p', {}, { configPath: file });
    const set = (value) => store.set('value', value);`,
  'lowdb, with the adapter': `
    import { LowSync } from 'lowdb';
    import { JSONFileSync } from '@holdfast/lowdb';
    const file = at + '/store.json';
    const store = new LowSync(new JSONFileSync(file), {});
    store.read();
    const set = (value) => store.update((data) => { data.value = value; });`,
};

for (const [name, store] of Object.entries(stores)) {
  test(`${name}: killed while it writes, it has what it was told to be written`, async (t) => {
    const at = temporaryDirectory(t);
    const program = start(
      t,
      `const at = process.argv[1];${store}
       console.log(file);
       for (let n = 1; ; n += 1) { set(n); console.log(n); }`,
      [at],
    );
    const file = (await program.nextLine()) ?? '';
    let told = 0;
    while (told < 25) told = Number(await program.nextLine());
    await program.kill();
    const { value } = JSON.parse(readFileSync(file, 'utf8')) as { readonly value: number };
    // It may have come further than it has told.
    assert.ok(value >= told, `${value} of ${told}`);
    const next = run(`const at = process.argv[1];${store} set('next');`, [at]);
    assert.equal(next.stderr, '');
    assert.equal((JSON.parse(readFileSync(file, 'utf8')) as { value: unknown }).value, 'next');
    assert.deepEqual(temporaryFilesIn(dirname(file)), []);
  });

  test(`${name}: without room it keeps what it has, and says so`, (t) => {
    const at = mountFilesystem(t, 'tmpfs', { sizeMb: 1 });
    const { stdout, stderr } = run(
      `const at = process.argv[1];${store}
       set('old');
       try { set('x'.repeat(2 ** 21)); console.log('written'); } catch (error) { console.log(error.code); }
       console.log(file);`,
      [at],
    );
    assert.equal(stderr, '');
    const [code, file = ''] = stdout.trim().split('\n');
    assert.equal(code, 'ENOSPC');
    assert.equal((JSON.parse(readFileSync(file, 'utf8')) as { value: unknown }).value, 'old');
    assert.deepEqual(temporaryFilesIn(dirname(file)), []);
  });
}

function temporaryFilesIn(at: string): readonly string[] {
  return readdirSync(at).filter((name) => name.includes('tmp'));
}

/** It rewrites scripts whose first line ends as on Windows. */
const linkBins = `
  import linkBins from 'bin-links';
  const path = process.argv[1] + '/node_modules/p';
  const pkg = { name: 'p', version: '1.0.0', bin: { p: 'p.js' } };
  try { await linkBins({ path, pkg }); console.log('linked'); } catch (error) { console.log(error.code); }`;

function binOf(at: string, sizeBytes: number): string {
  const path = `${at}/node_modules/p/p.js`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/usr/bin/env node\r\n//${'x'.repeat(sizeBytes)}\n`);
  return path;
}

test('bin-links, of npm: a script is rewritten and linked', (t) => {
  const at = temporaryDirectory(t);
  const path = binOf(at, 10);
  assert.equal(run(linkBins, [at]).stdout, 'linked\n');
  assert.match(readFileSync(path, 'utf8'), /^#!\/usr\/bin\/env node\n\/\/x{10}\n$/);
  assert.equal(readFileSync(`${at}/node_modules/.bin/p`, 'utf8'), readFileSync(path, 'utf8'));
});

test('bin-links, of npm: without room for the new script the old one stays whole', (t) => {
  const at = mountFilesystem(t, 'tmpfs', { sizeMb: 1 });
  const path = binOf(at, 600_000);
  const { size } = statSync(path);
  assert.equal(run(linkBins, [at]).stdout, 'ENOSPC\n');
  assert.equal(statSync(path).size, size);
  assert.deepEqual(readdirSync(dirname(path)), ['p.js']);
});

test('bin-links, of npm: killed while it rewrites scripts, each is the old one or the new one', async (t) => {
  const at = temporaryDirectory(t);
  const count = 400;
  const scripts = Array.from({ length: count }, (_, n) => binOf(`${at}/${n}`, 100_000));
  const [before] = scripts.map((path) => readFileSync(path, 'utf8'));
  const linkAll = `
    import linkBins from 'bin-links';
    const pkg = { name: 'p', version: '1.0.0', bin: { p: 'p.js' } };
    for (let n = 0; n < ${count}; n += 1) {
      await linkBins({ path: process.argv[1] + '/' + n + '/node_modules/p', pkg });
      console.log(n + 1);
    }`;
  const program = start(t, linkAll, [at]);
  let told = 0;
  while (told < 25) told = Number(await program.nextLine());
  await program.kill();
  const rewritten = before?.replace('\r\n', '\n');
  for (const [n, path] of scripts.entries()) {
    const text = readFileSync(path, 'utf8');
    assert.ok(text === rewritten || (n >= told && text === before), path);
  }
  assert.equal(run(linkAll, [at]).stderr, '');
  for (const path of scripts) {
    assert.equal(readFileSync(path, 'utf8'), rewritten);
    assert.deepEqual(readdirSync(dirname(path)), ['p.js']);
  }
});

/** A program of Gatsby that has a service to itself, and tells. */
const service = `
  import { createRequire } from 'node:module';
  const { createServiceLock } = createRequire(process.cwd() + '/')('gatsby-core-utils/dist/service-lock');
  const unlock = await createServiceLock('/site', 'developserver', { pid: process.pid });
  console.log(unlock === null ? 'refused' : 'held');
  if (process.argv[1] === 'stay') setInterval(() => {}, 1000); else await unlock?.();`;

test('gatsby-core-utils: a service has one holder, also when that stands still; a killed one is followed', async (t) => {
  const at = temporaryDirectory(t);
  const environment = { PATH: process.env['PATH'], HOME: at, XDG_CONFIG_HOME: at };
  const holder = start(t, service, ['stay'], environment);
  assert.equal(await holder.nextLine(), 'held');
  const sites = `${at}/gatsby/sites`;
  const directory = `${sites}/${readdirSync(sites)[0]}/developserver.json.lock`;
  // As of a process that has refreshed nothing for a while: here the original lets a second one in.
  const makeOld = (): void => utimesSync(directory, 1, 1);
  holder.child.kill('SIGSTOP');
  makeOld();
  assert.equal(run(service, [], environment).stdout, 'refused\n');
  await holder.kill();
  makeOld();
  assert.equal(run(service, [], environment).stdout, 'held\n');
});

test('gatsby-core-utils: without room for a lock a service is refused, and has it when there is room again', (t) => {
  const at = mountFilesystem(t, 'tmpfs', { sizeMb: 1, mountOptions: 'nr_inodes=64' });
  const environment = { PATH: process.env['PATH'], HOME: at, XDG_CONFIG_HOME: at };
  assert.equal(run(service, [], environment).stdout, 'held\n');
  const site = `${at}/gatsby/sites/${readdirSync(`${at}/gatsby/sites`)[0]}`;
  const names = readdirSync(site);
  fill(at);
  assert.equal(run(service, [], environment).stdout, 'refused\n');
  assert.deepEqual(readdirSync(site), names);
  rmSync(`${at}/1`);
  assert.equal(run(service, [], environment).stdout, 'held\n');
});

/** Makes empty files until there is no room for one more. */
function fill(at: string): void {
  assert.throws(
    () => {
      for (let n = 1; ; n += 1) writeFileSync(`${at}/${n}`, '');
    },
    { code: 'ENOSPC' },
  );
}

type Environment = Readonly<Record<string, string | undefined>>;

const flags = ['--input-type=module', '--eval'];

/** Runs a program of the project to its end. */
function run(
  script: string,
  args: readonly string[],
  env: Environment = process.env,
): { readonly stdout: string; readonly stderr: string } {
  return spawnSync(process.execPath, [...flags, script, ...args], {
    cwd: project,
    encoding: 'utf8',
    env,
  });
}

/** Starts a program of the project, which is killed when the test ends. */
function start(
  t: TestContext,
  script: string,
  args: readonly string[],
  env: Environment = process.env,
): NodeProcess {
  const child = spawn(process.execPath, [...flags, script, ...args], {
    cwd: project,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return inLines(t, child);
}

/**
 * Packs every public package, installs the packed files into an empty project with install scripts
 * off, and uses them from there: what users get is what was tested. Each carries its licence, and a
 * README whose example runs.
 *
 *   node tools/dist/package-check.js
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const packages = [
  'holdfast',
  'raster',
  'metaflow',
  'objectstore',
  'bullmq',
  'crashkit',
  'write-file-atomic',
  'atomically',
  'lowdb',
  'proper-lockfile',
  'cli',
];

/**
 * A program that uses each package by its public name, as a user would: also what the packages load
 * late.
 */
const program = `
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { appendRecords, compactRecords, isHoldfastError, probe, publishDirectory, readJson, readRecords, replaceFile,
  transaction, updateJson } from 'holdfast';
import { HoldfastError } from 'holdfast/errors';
import { mergePatch } from 'holdfast/json';
import { inlineFileSystem } from 'holdfast/os';
import { appendRecordsSync, readJsonSync, updateJsonSync } from 'holdfast/sync';
import { fromArray, fromGeoTiff, openVrt, renderPreview, serveRaster, verifyVrt, writeTiledVrt } from '@holdfast/raster';
import { EnvironmentManifest } from '@holdfast/metaflow';
import { ModelDisk } from '@holdfast/crashkit';
import lockfile from '@holdfast/proper-lockfile';
import * as atomically from '@holdfast/atomically';
import writeFileAtomic from '@holdfast/write-file-atomic';

await writeFileAtomic('note.txt', 'first', { mode: 0o600 });
writeFileAtomic.sync('note.txt', 'second', 'utf8');
await atomically.writeFile('settings/note.txt', 'third');
atomically.writeFileSync('settings/note.txt', 'fourth');
assert.equal(atomically.readFileSync('settings/note.txt', 'utf8'), 'fourth');
lockfile.lockSync('note.txt')();
await (await lockfile('note.txt'))();
await replaceFile('note.txt', 'whole');
assert.equal(readFileSync('note.txt', 'utf8'), 'whole');
await Promise.all(Array.from({ length: 9 }, () => updateJson('state.json', ({ runs }) => ({ runs: runs + 1 }),
  { initial: { runs: 0 } })));
await updateJson('state.json', (state) => mergePatch(state, { by: 'inline' }), { fs: inlineFileSystem });
assert.deepEqual(await readJson('state.json'), { runs: 9, by: 'inline' });
updateJsonSync('state.json', (state) => ({ ...state, form: 'sync' }));
assert.deepEqual(readJsonSync('state.json'), { runs: 9, by: 'inline', form: 'sync' });
appendRecordsSync('early.csv', [{ key: 'a' }]);
assert.equal(readFileSync('early.csv', 'utf8'), 'key\\na\\n');
for (const log of ['log.jsonl', 'log.csv']) {
  await appendRecords(log, [{ key: 'a', value: '1' }, { key: 'a', value: '2' }]);
  await compactRecords(log, { key: 'key' });
  const records = [];
  for await (const record of readRecords(log)) records.push(record);
  assert.deepEqual(records, [{ key: 'a', value: '2' }]);
}
await publishDirectory('site', async (stage) => stage.write('index.html', 'hello'));
await transaction('.', async (all) => { await all.replaceFile('a', '1'); await all.replaceFile('b', '2'); });
assert.equal(readFileSync('site/index.html', 'utf8') + readFileSync('a', 'utf8') + readFileSync('b', 'utf8'), 'hello12');
await assert.rejects(replaceFile('a', '3', { ifExists: 'fail' }),
  (error) => error instanceof HoldfastError && isHoldfastError(error, 'ALREADY_EXISTS'));
const report = await probe('.');
assert.ok(report.checks.every(({ works }) => works), JSON.stringify(report.checks));

const data = Float32Array.from({ length: 64 * 48 }, (_, index) => index);
const source = fromArray({ data, width: 64, height: 48 });
for (const compression of ['none', 'deflate', 'lzw']) {
  const path = compression + '.vrt';
  const { tileCount, tilesPath } = await writeTiledVrt(path, source, { tileSizePx: 16, compression, threads: 2 });
  assert.equal(tileCount, 12);
  assert.deepEqual((await verifyVrt(path)).problems, []);
  const mosaic = await openVrt(path);
  assert.deepEqual((await mosaic.read()).data, data);
  assert.equal((await renderPreview(mosaic)).png[1], 'P'.charCodeAt(0));
  await mosaic.close();
  const tile = await fromGeoTiff(tilesPath + '/' + readdirSync(tilesPath).find((name) => name.endsWith('.tif')));
  await writeTiledVrt('again-' + path, tile, { tileSizePx: 16 });
  await tile.close();
}
const server = await serveRaster('deflate.vrt', { port: 0 });
for (const part of ['', 'page.js', 'page.css', 'notices.txt', 'tiles/0/0/0.png'])
  assert.ok((await (await fetch(server.url + part)).arrayBuffer()).byteLength > 100, part);
await server.close();
assert.ok(EnvironmentManifest && ModelDisk);
`;

/**
 * A program in CommonJS whose compiler, with `module: node16`, knows of no `require` of an ES
 * module.
 */
const commonJs = `
import { isHoldfastError, replaceFile } from 'holdfast';
import { errnoOf } from 'holdfast/errors';
import { fromArray } from '@holdfast/raster';
import { EnvironmentManifest } from '@holdfast/metaflow';
import { ModelDisk } from '@holdfast/crashkit';
import lockfile = require('@holdfast/proper-lockfile');
import { writeFileSync } from '@holdfast/atomically';
import writeFileAtomic = require('@holdfast/write-file-atomic');

writeFileAtomic.sync('from-commonjs', 'half', { fsync: false });
writeFileSync('from-commonjs', 'half', { mode: 0o600 });
lockfile.lockSync('from-commonjs', { stale: 5000 })();
replaceFile('from-commonjs', 'whole').then(undefined, (error: unknown) => {
  if (!isHoldfastError(error, 'IO')) throw error;
  const path: string = error.path;
  console.log(path, errnoOf(error), fromArray, EnvironmentManifest, ModelDisk);
});
`;

const project = mkdtempSync(join(tmpdir(), 'holdfast-packed-'));
try {
  const tarballs = packages.map((name) => {
    run('npx', ['publint', '--strict', `packages/${name}`], repository);
    return join(
      project,
      run(
        'npm',
        ['pack', '--silent', '--pack-destination', project, `./packages/${name}`],
        repository,
      ),
    );
  });
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  writeFileSync(join(project, 'use.js'), program);
  run(
    'npm',
    ['install', '--silent', '--ignore-scripts', '--no-audit', '--no-fund', ...tarballs],
    project,
  );
  run(process.execPath, ['use.js'], project);
  writeFileSync(join(project, 'use.cts'), commonJs);
  const compiler = join(repository, 'node_modules/.bin/tsc');
  const types = ['--types', 'node', '--typeRoots', join(repository, 'node_modules/@types')];
  run(compiler, ['--strict', '--module', 'node16', ...types, 'use.cts'], project);
  run(process.execPath, ['use.cjs'], project);
  run(join(project, 'node_modules/.bin/holdfast'), ['--help'], project);
  for (const name of packages) checkPapers(name);
  console.log(`packed, installed and used: ${packages.join(', ')}`);
} finally {
  rmSync(project, { recursive: true, force: true });
}

/**
 * The licence is the repository's, and the example of the README runs where the package is
 * installed.
 */
function checkPapers(name: string): void {
  const installed = join(project, 'node_modules', name === 'holdfast' ? name : `@holdfast/${name}`);
  const [licence, ours] = [installed, repository].map((directory) =>
    readFileSync(join(directory, 'LICENSE'), 'utf8'),
  );
  if (licence !== ours) throw new Error(`${name} carries another licence`);
  const readme = readFileSync(join(installed, 'README.md'), 'utf8');
  const [, language, example] = /^```(js|sh)\n([^]*?)^```$/m.exec(readme) ?? [];
  if (example === undefined) throw new Error(`the README of ${name} has no example`);
  const directory = join(project, `example-of-${name}`);
  mkdirSync(directory);
  if (language === 'sh') run('bash', ['-euc', withHoldfast(example)], directory);
  else {
    writeFileSync(join(directory, 'example.js'), example);
    run(process.execPath, ['example.js'], directory);
  }
}

function withHoldfast(script: string): string {
  return `PATH="${join(project, 'node_modules/.bin')}:$PATH"\n${script}`;
}

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
}

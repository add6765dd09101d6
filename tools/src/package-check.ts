/**
 * Packs every public package, installs the packed files into an empty project with install scripts off, and uses
 * them from there: what users get is what was tested.
 *
 *   node tools/dist/package-check.js
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const packages = ['holdfast', 'raster', 'metaflow', 'crashkit', 'cli'];

/** Encoder threads do without it, but take twice as long to start. */
const bundle = 'node_modules/@holdfast/raster/dist/encode/worker-bundle.cjs';

/** A program that uses each package once, by its public name, as a user would. */
const program = `
import { readFileSync } from 'node:fs';
import { replaceFile, updateJson } from 'holdfast';
import { fromArray, writeTiledVrt } from '@holdfast/raster';
import '@holdfast/metaflow';
import '@holdfast/crashkit';
await replaceFile('note.txt', 'whole');
await updateJson('state.json', (state) => ({ ...state, runs: 1 }), { initial: {} });
const data = Float32Array.from({ length: 64 * 48 }, (_, index) => index);
await writeTiledVrt('mosaic.vrt', fromArray({ data, width: 64, height: 48 }), { tileSizePx: 16 });
if (readFileSync('note.txt', 'utf8') !== 'whole') throw new Error('not written');
if (JSON.parse(readFileSync('state.json', 'utf8')).runs !== 1) throw new Error('not updated');
if (!readFileSync('mosaic.vrt', 'utf8').includes('tile_02_03.tif')) throw new Error('not tiled');
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
  if (!existsSync(join(project, bundle))) throw new Error(`the package lacks ${bundle}`);
  run(process.execPath, ['use.js'], project);
  run(join(project, 'node_modules/.bin/holdfast'), ['--help'], project);
  console.log(`packed, installed and used: ${packages.join(', ')}`);
} finally {
  rmSync(project, { recursive: true, force: true });
}

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
}

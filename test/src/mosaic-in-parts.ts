/**
 * What the tests of engines share: a small mosaic in parts, the same as one process writes it, and
 * the recipes of docs/many-machines.md as its reader would run them.
 */
import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromArray, writeTiledVrt } from '@holdfast/raster';

/** The command line's program. */
export const program: string = fileURLToPath(
  import.meta.resolve('@holdfast/cli/package.json'),
).replace('package.json', 'bin/holdfast.js');

/** Runs the command line to its end. */
export function run(...args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
}

const WIDTH = 300;

/** How all mosaics here are tiled. */
export const tileFlags: readonly string[] = ['--tile-size', '32', '--overviews', 'auto'];

/** A GeoTIFF in the directory that stays as it is; its path. */
export async function makeInput(directory: string): Promise<string> {
  const data = Float32Array.from({ length: WIDTH * WIDTH }, (_, index) => Math.sin(index) * 1000);
  const path = join(directory, 'input.vrt');
  await writeTiledVrt(path, fromArray({ data, width: WIDTH, height: WIDTH }), { tileSizePx: 4096 });
  return join(directory, 'input_tiles', 'tile_00_00.tif');
}

/** All files of a mosaic's directory, by their paths in it. */
export function bytesBelow(directory: string): Record<string, string> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && !/\.lock$|\.session\.json$/u.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    paths.map((path) => [path.slice(directory.length + 1), readFileSync(path, 'base64')]),
  );
}

/** The same mosaic as one process writes it, in `whole/` of the directory. */
export function whole(directory: string, input: string): Record<string, string> {
  mkdirSync(join(directory, 'whole'));
  const output = join(directory, 'whole', 'dem.vrt');
  const written = run('raster', 'tile', input, output, '--quiet', ...tileFlags);
  assert.equal(written.status, 0, written.stderr);
  return bytesBelow(join(directory, 'whole'));
}

const page = readFileSync(new URL('../../docs/many-machines.md', import.meta.url), 'utf8');

/**
 * The code of docs/many-machines.md in this language that holds a text, with further texts replaced,
 * each of which it must hold.
 */
export function recipe(
  language: string,
  holding: string,
  replacements: Readonly<Record<string, string>>,
): string {
  const blocks = [...page.matchAll(/^```(\w+)\n(.*?)^```$/gmsu)];
  const found = blocks.find(([, its, code]) => its === language && code?.includes(holding))?.[2];
  assert.ok(found, `the page has a recipe in ${language} with ${holding}`);
  return Object.entries(replacements).reduce((code, [from, to]) => {
    assert.ok(code.includes(from), `the recipe says '${from}'`);
    return code.replaceAll(from, to);
  }, found);
}

/** The first two columns of the table of docs/many-machines.md whose first is called so. */
export function recipeTable(first: string): readonly (readonly [string, string])[] {
  const [, , ...lines] = (page.split(new RegExp(`^(?=\\| ${first} +\\|)`, 'mu'))[1] ?? '').split(
    '\n',
  );
  const rows = lines
    .slice(0, lines.indexOf(''))
    .map((line) => line.split('|').map((each) => each.trim()));
  assert.ok(rows.length > 0, `the page has a table of ${first}`);
  return rows.map(([, name = '', means = '']) => [name, means]);
}

/**
 * An environment whose `holdfast` is this one; but at the first run of a part for which there is
 * something in `first`, that is run in its place or before it, as a line of sh.
 */
export function environmentWith(
  directory: string,
  first: Readonly<Record<number, string>>,
): NodeJS.ProcessEnv {
  const folder = join(directory, 'bin');
  mkdirSync(folder);
  const cases = Object.entries(first).map(([part, line]) => `${part}) ${line} ;;`);
  writeFileSync(
    join(folder, 'holdfast'),
    `#!/bin/sh
if [ "$1 $2" = 'raster part' ] && mkdir '${folder}/seen-'"$5" 2>/dev/null; then
  case $5 in
    ${cases.join('\n    ')}
  esac
fi
exec '${process.execPath}' '${program}' "$@"
`,
  );
  chmodSync(join(folder, 'holdfast'), 0o755);
  return { ...process.env, PATH: `${folder}${delimiter}${process.env['PATH']}` };
}

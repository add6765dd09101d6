/** `holdfast raster tile` as a user runs it. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { fromArray, openVrt, verifyVrt, writeTiledVrt } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';

const program = fileURLToPath(import.meta.resolve('@holdfast/cli/package.json')).replace(
  'package.json',
  'bin/holdfast.js',
);

const run = (...args: readonly string[]) =>
  spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });

/** A GeoTIFF of noise: one tile of a mosaic that has only that one. */
async function makeGeoTiff(directory: string, sizePx: number): Promise<string> {
  const data = Uint32Array.from(
    { length: sizePx * sizePx },
    (_, i) => Math.imul(i, 2_654_435_761) >>> 0,
  );
  const whole = fromArray({
    data,
    width: sizePx,
    height: sizePx,
    crs: 32_632,
    transform: [0, 1, 0, 0, 0, -1],
  });
  await writeTiledVrt(join(directory, 'input.vrt'), whole, {
    tileSizePx: 4096,
    compression: 'none',
  });
  return join(directory, 'input_tiles', 'tile_00_00.tif');
}

test('a GeoTIFF is tiled; the result is one JSON object, progress is plain lines on standard error', async (t) => {
  const directory = temporaryDirectory(t);
  const input = await makeGeoTiff(directory, 100);
  const output = join(directory, 'out.vrt');
  const { status, stdout, stderr } = run(
    'raster',
    'tile',
    input,
    output,
    '--tile-size',
    '16',
    '--json',
  );
  assert.equal(status, 0, stderr);
  const result = JSON.parse(stdout) as Record<string, unknown>;
  assert.equal(result['path'], output);
  assert.equal(result['tileCount'], 49);
  assert.match(stderr, /^1\/49 tiles {2}[\d.]+ MB\/s {2}ETA .*s$/mu);
  assert.ok(!stderr.includes('\r'));
  assert.deepEqual((await verifyVrt(output)).problems, []);
});

test('quiet says nothing but the result', async (t) => {
  const directory = temporaryDirectory(t);
  const input = await makeGeoTiff(directory, 40);
  const { stdout, stderr } = run('raster', 'tile', input, join(directory, 'out.vrt'), '--quiet');
  assert.equal(stderr, '');
  assert.match(stdout, /out\.vrt: 1 tiles, [\d.]+ MB in .*out_tiles/u);
});

test('the exit status says what was wrong, and standard error what to do', async (t) => {
  const directory = temporaryDirectory(t);
  const input = await makeGeoTiff(directory, 40);
  const output = join(directory, 'out.vrt');
  const cases: readonly [readonly string[], number, RegExp][] = [
    [[input, output, '--tile-size', '100'], 2, /multiple of 16/u],
    [[input, output, '--compress', 'jpeg'], 2, /Allowed choices/u],
    [[input, output, '--tile-size', 'big'], 2, /whole number/u],
    [[input, join(directory, 'out.tif')], 2, /SOMETHING\.vrt/u],
    [[join(directory, 'missing.tif'), output], 3, /check the path/u],
    [[program, output], 10, /gdalinfo/u],
  ];
  for (const [args, expected, message] of cases) {
    const { status, stderr } = run('raster', 'tile', ...args);
    assert.match(stderr, message);
    assert.equal(status, expected, stderr);
  }
  assert.equal(run('raster', 'tile', input, output).status, 0);
  const again = run('raster', 'tile', input, output);
  assert.equal(again.status, 4, again.stderr);
  assert.match(again.stderr, /Nothing was changed on disk/u);
});

test('Ctrl-C in the middle of a write leaves nothing but the lock file, and exit status 130', async (t) => {
  const directory = temporaryDirectory(t);
  const input = await makeGeoTiff(directory, 1024);
  const output = join(directory, 'out.vrt');
  const flags = ['--tile-size', '16', '--compress', 'deflate', '--level', '9'];
  const child = spawn(process.execPath, [program, 'raster', 'tile', input, output, ...flags]);
  // The first line of progress: a tenth of the tiles is done.
  await once(child.stderr, 'data');
  child.kill('SIGINT');
  const [status] = (await once(child, 'exit')) as [number | null];
  assert.equal(status, 130);
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.includes('out')),
    ['out.vrt.lock'],
  );
});

test('what a GeoTIFF says and a mosaic does not is a line on standard error, in the JSON, and in info beforehand', async (t) => {
  const directory = temporaryDirectory(t);
  const input = await makeGeoTiff(directory, 32);
  writeFileSync(`${input}.aux.xml`, '<PAMDataset><Xform>x</Xform></PAMDataset>');
  const before = run('raster', 'info', input, '--json');
  const told = [
    { what: 'Xform', where: 'tile_00_00.tif.aux.xml', why: 'a mosaic has no place for it' },
  ];
  assert.deepEqual((JSON.parse(before.stdout) as { notCarried: unknown }).notCarried, told);
  const { stdout, stderr } = run(
    'raster',
    'tile',
    input,
    join(directory, 'out.vrt'),
    '--json',
    '--quiet',
  );
  assert.deepEqual((JSON.parse(stdout) as { notCarried: unknown }).notCarried, told);
  assert.match(
    stderr,
    /^not carried: Xform \(tile_00_00\.tif\.aux\.xml\): a mosaic has no place for it$/mu,
  );
  const picture = run('raster', 'preview', input, join(directory, 'out.png'));
  assert.equal(picture.status, 0, picture.stderr);
});

test('messages say which flag helps', async (t) => {
  const directory = temporaryDirectory(t);
  const input = await makeGeoTiff(directory, 32);
  assert.match(run('raster', 'tile', input, join(directory, 'input.vrt')).stderr, /--replace/u);
  const output = join(directory, 'out.vrt');
  assert.match(run('raster', 'tile', input, output, '--tile-size', '17').stderr, /--tile-size/u);
  assert.match(run('raster', 'tile', input, output, '--skip-empty').stderr, /--skip-empty/u);
});

/** Runs the command and ends it with SIGINT once its first progress is out. */
async function interrupted(
  ...args: readonly string[]
): Promise<{ status: number; stderr: string }> {
  const child = spawn(process.execPath, [program, ...args]);
  let stderr = '';
  child.stderr.on('data', (text) => {
    if (stderr === '') child.kill('SIGINT');
    stderr += String(text);
  });
  const [status] = (await once(child, 'close')) as [number];
  return { status, stderr };
}

test('with --resume Ctrl-C keeps what was finished, the next run goes on, and recover tells of it', async (t) => {
  const directory = temporaryDirectory(t);
  const input = await makeGeoTiff(directory, 1500);
  const output = join(directory, 'out.vrt');
  const tile = ['raster', 'tile', input, output, '--tile-size', '16', '--threads', '1', '--resume'];
  const ended = await interrupted(...tile);
  assert.equal(ended.status, 130, ended.stderr);
  assert.match(ended.stderr, /the same command goes on from there/u);
  const told = run('raster', 'recover', directory, '--dry-run', '--json');
  const [kept] = JSON.parse(told.stdout) as { kind: string; finishedTileCount: number }[];
  assert.equal(kept?.kind, 'resumableStage');
  assert.ok(kept.finishedTileCount > 0);
  const other = run(...tile, '--level', '1');
  assert.equal(other.status, 4);
  assert.match(other.stderr, /other options/u);
  const { status, stdout, stderr } = run(...tile, '--json', '--quiet');
  assert.equal(status, 0, stderr);
  const written = JSON.parse(stdout) as { tileCount: number; resumedTileCount: number };
  assert.equal(written.tileCount, 94 * 94);
  assert.ok(written.resumedTileCount >= kept.finishedTileCount);
  assert.match(run('raster', 'recover', output).stdout, /nothing was left/u);
});

test('overviews are made by the factors given, and told by info', async (t) => {
  const directory = temporaryDirectory(t);
  const input = await makeGeoTiff(directory, 100);
  const output = join(directory, 'out.vrt');
  const tile = ['raster', 'tile', input, output, '--tile-size', '16', '--quiet', '--overviews'];
  const wrong = [['2,3'], ['2,x'], ['4,2'], ['2', '--resampling', 'lanczos']];
  for (const flags of wrong) assert.equal(run(...tile, ...flags).status, 2, flags.join(' '));
  assert.equal(run(...tile, '2,4', '--resampling', 'mode').status, 0);
  const info = JSON.parse(run('raster', 'info', output, '--json').stdout) as { overviews: unknown };
  assert.deepEqual(info.overviews, [2, 4]);
  const verified = run('raster', 'verify', output, '--deep');
  assert.equal(verified.status, 0);
  assert.match(verified.stderr, /^1\/\d+ tiles {2}ETA .*s$/mu);
  assert.equal(run('raster', 'verify', output, '--quiet').stderr, '');
});

test('an input is mended on the way, and a VRT is an input too', async (t) => {
  const directory = temporaryDirectory(t);
  const input = await makeGeoTiff(directory, 100);
  const [first, second] = ['a.vrt', 'b.vrt'].map((name) => join(directory, name)) as [
    string,
    string,
  ];
  const flags = ['--srs', 'EPSG:3035', '--bounds', '-100,0,100,200', '--nodata', '9999', '--quiet'];
  const tiled = run('raster', 'tile', input, first, ...flags);
  assert.equal(tiled.status, 0, tiled.stderr);
  const again = run(
    'raster',
    'tile',
    first,
    second,
    '--window',
    '10,20,50,40',
    '--scale',
    '0.5',
    '--quiet',
  );
  assert.equal(again.status, 0, again.stderr);
  const mosaic = await openVrt(second);
  t.after(() => mosaic.close());
  assert.deepEqual(mosaic.info.georeferencing.transform, [-80, 2, 0, 160, 0, -2]);
  assert.deepEqual([mosaic.info.widthPx, mosaic.info.heightPx], [50, 40]);
  assert.equal(mosaic.info.nodata, 9999);
  assert.equal(mosaic.info.bands[0]?.scale, 0.5);
  for (const wrong of [
    ['--bounds', '1,2,3'],
    ['--bands', 'x'],
    ['--nodata', 'much'],
    ['--window', '0,0,900,900'],
  ])
    assert.equal(
      run('raster', 'tile', input, join(directory, 'c.vrt'), ...wrong).status,
      2,
      wrong.join(' '),
    );
});

test('several inputs on one grid are one mosaic, named last or by -o; one that is not on it is refused', async (t) => {
  const directory = temporaryDirectory(t);
  const input = await makeGeoTiff(directory, 100);
  const windows = { west: '0,0,60,100', east: '60,0,40,100' };
  const parts = Object.entries(windows).map(([name, window]) => {
    const path = join(directory, `${name}.vrt`);
    const { status, stderr } = run('raster', 'tile', input, path, '--window', window, '--quiet');
    assert.equal(status, 0, stderr);
    return join(directory, `${name}_tiles`, 'tile_00_00.tif');
  });
  const outputs = ['last.vrt', 'named.vrt'].map((name) => join(directory, name));
  const [last, name] = outputs as [string, string];
  assert.equal(run('raster', 'tile', ...parts, last, '--quiet').status, 0);
  assert.equal(run('raster', 'tile', ...parts, '-o', name, '--quiet').status, 0);
  const whole = await openVrt(join(directory, 'input.vrt'));
  const { data } = await whole.read();
  await whole.close();
  for (const output of outputs) {
    const mosaic = await openVrt(output);
    assert.deepEqual((await mosaic.read()).data, data);
    await mosaic.close();
  }
  const shifted = join(directory, 'shifted.vrt');
  run('raster', 'tile', input, shifted, '--bounds', '0.5,-100,100.5,0', '--quiet');
  const { status, stderr } = run('raster', 'tile', input, shifted, '-o', join(directory, 'c.vrt'));
  assert.equal(status, 2);
  assert.match(stderr, /shifted\.vrt does not lie on the grid/u);
});

test('a GeoTIFF is written as one with overviews inside; what exists is refused, and replaced when that is asked for', async (t) => {
  const directory = temporaryDirectory(t);
  const input = await makeGeoTiff(directory, 600);
  const output = join(directory, 'out.tif');
  const cog = (...flags: readonly string[]) => run('raster', 'cog', input, output, ...flags);
  const { status, stdout, stderr } = cog('--json', '--quiet', '--block-size', '128', '--bigtiff');
  assert.equal(status, 0, stderr);
  const result = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual([result['path'], result['isBigTiff']], [output, true]);
  assert.deepEqual(result['overviews'], [2, 4]);
  const again = cog('--overviews', 'none');
  assert.equal(again.status, 4, again.stderr);
  assert.match(again.stderr, /There is a file of this name/u);
  const replaced = cog('--overviews', 'none', '--replace');
  assert.equal(replaced.status, 0, replaced.stderr);
  assert.match(replaced.stdout, /out\.tif: 0\.\d MB with 0 overviews/u);
});

test('tiles that are there are indexed by arguments, directories and lists, and what differs is named', async (t) => {
  const directory = temporaryDirectory(t);
  const input = await makeGeoTiff(directory, 64);
  const tiles = join(directory, 'tiles');
  mkdirSync(tiles);
  const cut = (name: string, window: string): string => {
    const path = join(tiles, name);
    const cog = run('raster', 'cog', input, path, '--window', window, '--quiet');
    assert.equal(cog.status, 0, cog.stderr);
    return path;
  };
  const [left, right] = [cut('left.tif', '0,0,32,64'), cut('right.tif', '32,0,32,64')];
  const index = join(directory, 'all.vrt');
  const made = run('raster', 'index', index, left, right, '--json', '--quiet');
  assert.equal(made.status, 0, made.stderr);
  assert.equal((JSON.parse(made.stdout) as Record<string, unknown>)['tileCount'], 2);
  assert.deepEqual((await verifyVrt(index)).evidence, 'checksums');
  const listed = spawnSync(
    process.execPath,
    [program, 'raster', 'index', index, '--from-file', '-', '--replace'],
    { encoding: 'utf8', input: `${right}\n${left}\n` },
  );
  assert.equal(listed.status, 0, listed.stderr);
  assert.match(listed.stdout, /all\.vrt: 2 tiles, 64x64 pixels/u);
  cut('wide.tif', '0,0,64,32');
  const refused = run('raster', 'index', index, tiles, '--recursive', '--replace', '--quiet');
  assert.notEqual(refused.status, 0);
  assert.match(refused.stderr, /wide\.tif: it shares pixels with .*left\.tif/u);
  const more = ['--stac', '--datetime', '2024-06-01T10:20:30Z', '--gti', '--replace', '--quiet'];
  const catalogued = run('raster', 'index', index, left, right, ...more);
  assert.equal(catalogued.status, 0, catalogued.stderr);
  const info = JSON.parse(run('raster', 'info', index, '--json').stdout) as Record<string, unknown>;
  assert.deepEqual([info['stac'], info['gti']], ['all.vrt.stac.json', 'all.gti.gpkg']);
  const plain = run('raster', 'index', index, left, right, '--replace', '--quiet');
  assert.match(plain.stderr, /all\.vrt\.stac\.json: it spoke of the old pixels and was removed/u);
  assert.deepEqual((await verifyVrt(index)).tiles, 2);
});

test('a mosaic that is there gets overviews, and loses them again', async (t) => {
  const directory = temporaryDirectory(t);
  const input = await makeGeoTiff(directory, 600);
  const output = join(directory, 'out.vrt');
  assert.equal(run('raster', 'tile', input, output, '--tile-size', '128', '--quiet').status, 0);
  const made = run('raster', 'overviews', output, '--resampling', 'nearest', '--json');
  assert.equal(made.status, 0, made.stderr);
  const result = JSON.parse(made.stdout) as Record<string, unknown>;
  assert.equal(result['tilesPath'], join(directory, 'out_tiles.2'));
  assert.match(run('raster', 'info', output).stdout, /overviews +\[2,4\]/u);
  assert.deepEqual((await verifyVrt(output)).problems, []);
  assert.equal(run('raster', 'overviews', output, '--factors', 'none').status, 0);
  assert.match(run('raster', 'info', output).stdout, /overviews +0/u);
});

/**
 * Names beside a mosaic that anybody could have made: symlinks, FIFOs, and what leads elsewhere.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { type ErrorCode, isHoldfastError } from 'holdfast';
import {
  fromArray,
  fromGeoTiff,
  openVrt,
  recoverVrt,
  renderPreview,
  verifyVrt,
  writeTiledVrt,
  type WriteOptions,
} from '#src/index.js';

const isWindows = process.platform === 'win32';
const posix = { skip: isWindows };
const source = fromArray({ data: new Uint8Array(32 * 32).fill(5), width: 32, height: 32 });
const options: WriteOptions = { tileSizePx: 16, threads: 0, durability: 'atomic' };

interface Place {
  readonly directory: string;
  readonly index: string;
  readonly tiles: string;
  /** A directory beside that of the mosaic, with a file that matters to somebody. */
  readonly elsewhere: string;
  readonly precious: string;
}

function place(t: TestContext): Place {
  const root = temporaryDirectory(t);
  const [directory, elsewhere] = [join(root, 'shared'), join(root, 'private')];
  mkdirSync(directory);
  mkdirSync(elsewhere);
  const precious = join(elsewhere, 'thesis.txt');
  writeFileSync(precious, 'precious');
  return {
    directory,
    elsewhere,
    precious,
    index: join(directory, 'out.vrt'),
    tiles: join(directory, 'out_tiles'),
  };
}

const makeFifo = (path: string): void => void execFileSync('mkfifo', [path]);
const isCode =
  (...codes: ErrorCode[]) =>
  (error: unknown): boolean =>
    codes.some((code) => isHoldfastError(error, code));
const firstTile = ({ tiles }: Place): string =>
  join(tiles, readdirSync(tiles).find((name) => name.endsWith('.tif')) as string);

test(
  'a stage that is a symlink is not followed: what it leads to stays as it is',
  posix,
  async (t) => {
    const { directory, elsewhere, index, precious } = place(t);
    symlinkSync(elsewhere, join(directory, '.out_tiles.staging-resume'));
    await writeTiledVrt(index, source, options);
    assert.equal(readFileSync(precious, 'utf8'), 'precious');
    const resumed = writeTiledVrt(index, source, { ...options, ifExists: 'replace', resume: true });
    await resumed.catch((error: unknown) => assert.ok(isHoldfastError(error)));
    await recoverVrt(directory, { discard: true }).catch((error: unknown) =>
      assert.ok(isHoldfastError(error)),
    );
    assert.equal(readFileSync(precious, 'utf8'), 'precious');
  },
);

const records: readonly [string, (path: string, place: Place) => void][] = [
  ['a symlink', (path, { precious }) => symlinkSync(precious, path)],
  ['a dangling symlink', (path, { elsewhere }) => symlinkSync(join(elsewhere, 'new'), path)],
  ['a second name of a file', (path, { precious }) => linkSync(precious, path)],
  ['a FIFO', makeFifo],
  ['a directory', (path) => mkdirSync(path)],
];

for (const [what, make] of records) {
  test(
    `a record of finished tiles that is ${what} is refused at once, and not touched`,
    posix,
    async (t) => {
      const at = place(t);
      make(`${at.index}.resume`, at);
      const write = writeTiledVrt(at.index, source, { ...options, resume: true });
      await assert.rejects(write, isCode('NAME_TAKEN'));
      await assert.rejects(recoverVrt(at.index, { discard: true }), isCode('NAME_TAKEN'));
      assert.equal(readFileSync(at.precious, 'utf8'), 'precious');
      assert.deepEqual(readdirSync(at.elsewhere), ['thesis.txt']);
      assert.equal(existsSync(at.index), false);
    },
  );
}

test('a record that names tiles outside of the directory names none', posix, async (t) => {
  const { createHash } = await import('node:crypto');
  const { directory, elsewhere, index, precious } = place(t);
  mkdirSync(join(elsewhere, '.x.staging-resume'));
  writeFileSync(join(elsewhere, '.x.staging-resume', 'a'), 'b');
  const job = { source: 'a', options: 'b', writer: 'c' };
  const head = { format: 'holdfast-resume', version: 1, job, tilesName: '../private/x' };
  const lines = [JSON.stringify(head), 'null', '[]', '{"name":"../a","empty":true}', '5'];
  const text = lines.map(
    (line) => `${createHash('sha256').update(line).digest('hex').slice(0, 16)} ${line}\n`,
  );
  writeFileSync(`${index}.resume`, text.join(''));
  await writeTiledVrt(index, source, options);
  await recoverVrt(directory, { discard: true });
  assert.ok(existsSync(join(elsewhere, '.x.staging-resume', 'a')));
  assert.equal(readFileSync(precious, 'utf8'), 'precious');
});

test(
  'a tile that is a symlink to somewhere else is read by nobody, and verify names it',
  posix,
  async (t) => {
    const at = place(t);
    await writeTiledVrt(at.index, source, options);
    const tile = firstTile(at);
    const other = join(at.elsewhere, 'other.tif');
    renameSync(tile, other);
    symlinkSync(other, tile);
    const mosaic = await openVrt(at.index);
    t.after(() => mosaic.close());
    await assert.rejects(mosaic.read(), isCode('PATH_ESCAPES'));
    await assert.rejects(renderPreview(mosaic), isCode('PATH_ESCAPES'));
    const { problems } = await verifyVrt(at.index);
    assert.deepEqual(
      problems.map(({ kind, path }) => [kind, path]),
      [['foreign', tile]],
    );
    const trusting = await openVrt(at.index, { outside: 'allow' });
    t.after(() => trusting.close());
    assert.equal((await trusting.read()).data[0], 5);
  },
);

test(
  'a tiles directory that is a symlink to somewhere else is not followed either',
  posix,
  async (t) => {
    const at = place(t);
    await writeTiledVrt(at.index, source, options);
    renameSync(at.tiles, join(at.elsewhere, 'tiles'));
    symlinkSync(join(at.elsewhere, 'tiles'), at.tiles);
    const mosaic = await openVrt(at.index);
    t.after(() => mosaic.close());
    await assert.rejects(mosaic.read(), isCode('PATH_ESCAPES'));
  },
);

test(
  'a symlink that stays inside of the folder, and one above it, are followed',
  posix,
  async (t) => {
    const at = place(t);
    await writeTiledVrt(at.index, source, options);
    const tile = firstTile(at);
    renameSync(tile, `${at.directory}/moved.tif`);
    symlinkSync('../moved.tif', tile);
    const above = join(at.elsewhere, 'above');
    symlinkSync(at.directory, above);
    const mosaic = await openVrt(join(above, 'out.vrt'));
    t.after(() => mosaic.close());
    assert.equal((await mosaic.read()).data[0], 5);
  },
);

test(
  'a FIFO in the place of a source, an index, a tile or a manifest is an error at once',
  posix,
  async (t) => {
    const at = place(t);
    const fifo = join(at.directory, 'fifo.tif');
    makeFifo(fifo);
    await assert.rejects(fromGeoTiff(fifo), isCode('UNSUPPORTED_TARGET'));
    await assert.rejects(fromGeoTiff(at.directory), isCode('UNSUPPORTED_TARGET'));
    await assert.rejects(fromGeoTiff('/dev/null'), isCode('UNSUPPORTED_TARGET'));
    const index = join(at.directory, 'fifo.vrt');
    makeFifo(index);
    await assert.rejects(openVrt(index), isCode('UNSUPPORTED_TARGET'));
    await assert.rejects(verifyVrt(index), isCode('UNSUPPORTED_TARGET'));
    await writeTiledVrt(at.index, source, options);
    const tile = firstTile(at);
    rmSync(tile);
    makeFifo(tile);
    const mosaic = await openVrt(at.index);
    t.after(() => mosaic.close());
    await assert.rejects(mosaic.read(), isCode('NAME_TAKEN'));
    assert.ok((await verifyVrt(at.index)).problems.some(({ path }) => path === tile));
    const manifest = join(at.tiles, 'holdfast-tiles.json');
    rmSync(manifest);
    makeFifo(manifest);
    assert.ok((await verifyVrt(at.index)).problems.some(({ path }) => path === manifest));
    const replaced = writeTiledVrt(at.index, source, { ...options, ifExists: 'replace' });
    await replaced.catch((error: unknown) => assert.ok(isHoldfastError(error)));
  },
);

test(
  'tiles whose directory is exchanged while they are removed stay where they are behind it',
  posix,
  async (t) => {
    const { nodeFileSystem } = await import('holdfast/os');
    const at = place(t);
    await writeTiledVrt(at.index, source, options);
    rmSync(at.index);
    const names = readdirSync(at.tiles);
    for (const name of names) writeFileSync(join(at.elsewhere, name), 'mine');
    let exchanged = false;
    const fs: typeof nodeFileSystem = {
      ...nodeFileSystem,
      async unlink(path) {
        if (!exchanged) {
          exchanged = true;
          renameSync(at.tiles, `${at.tiles}-moved`);
          symlinkSync(at.elsewhere, at.tiles);
        }
        return nodeFileSystem.unlink(path);
      },
    };
    await recoverVrt(at.index, { discard: true, fs }).catch((error: unknown) =>
      assert.ok(isHoldfastError(error)),
    );
    assert.ok(exchanged);
    for (const name of [...names, 'thesis.txt'])
      assert.ok(existsSync(join(at.elsewhere, name)), name);
  },
);

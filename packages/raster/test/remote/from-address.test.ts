/** Rasters on a web server as sources: of one version each, or not at all. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isHoldfastError } from 'holdfast';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  fromArray,
  fromGeoTiff,
  fromVrt,
  writeCog,
  writeTiledVrt,
  type RasterSource,
} from '#src/index.js';
import { serveFiles, type FileServer } from './file-server.js';

const [WIDTH, HEIGHT] = [300, 200];
const options = { tileSizePx: 64, threads: 0 } as const;

function sourceOf(label: number): RasterSource {
  return fromArray({
    data: Int32Array.from({ length: WIDTH * HEIGHT }, (_, at) => label * 1e6 + at),
    width: WIDTH,
    height: HEIGHT,
    crs: 'EPSG:32632',
    transform: [600_000, 10, 0, 5_000_000, 0, -10],
  });
}

interface Place {
  readonly folder: string;
  readonly server: FileServer;
}

/** `dem.vrt` and its tiles, and `dem.tif` with a mask beside it, in a folder that is served. */
async function served(t: TestContext): Promise<Place> {
  const folder = temporaryDirectory(t);
  await put(folder, 1);
  const valid = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, at) => (at % 3 === 0 ? 0 : 255));
  const mask = fromArray({ data: valid, width: WIDTH, height: HEIGHT });
  await writeCog(join(folder, 'mask.tif'), mask, { threads: 0 });
  renameSync(join(folder, 'mask.tif'), join(folder, 'dem.tif.msk'));
  return { folder, server: await serveFiles(t, folder) };
}

/** So large that no file comes with the first request. */
async function put(folder: string, label: number): Promise<void> {
  const more = { threads: 0, compression: 'none', blockSizePx: 64 } as const;
  const source = sourceOf(label);
  await writeTiledVrt(join(folder, 'dem.vrt'), source, { ...more, tileSizePx: 128 });
  await writeCog(join(folder, 'dem.tif'), source, { ...more, overviews: [] });
}

/** Under the same names; the index stays, which says nothing of the pixels. */
async function replace(t: TestContext, folder: string): Promise<void> {
  const other = temporaryDirectory(t);
  await put(other, 2);
  cpSync(other, folder, { recursive: true, filter: (path) => !path.endsWith('.vrt') });
}

const opens = {
  'dem.tif': (path: string) => fromGeoTiff(path, { allowHttp: true, cacheBytes: 0 }),
  'dem.vrt': (path: string) => fromVrt(path, { allowHttp: true }),
} as const;

for (const [name, open] of Object.entries(opens)) {
  test(`${name} on a web server is written as the one on disk is, the mask beside it too`, async (t) => {
    const { folder, server } = await served(t);
    const here = temporaryDirectory(t);
    const write = async (path: string, to: string) => {
      const source = await open(path);
      try {
        const written = await writeTiledVrt(join(here, to), source, options);
        return [written.generation, source.info, source.notCarried];
      } finally {
        await source.close();
      }
    };
    const far = await write(`${server.url}/${name}?signed=secret`, 'far.vrt');
    assert.deepEqual(far, await write(join(folder, name), 'near.vrt'));
    assert.ok(server.asked.every(({ headers }) => headers.range !== undefined));
    const bytes = (index: string) => readFileSync(join(here, `${index}_tiles`, 'tile_00_00.tif'));
    assert.ok(bytes('far').equals(bytes('near')));
  });

  test(`${name} that is replaced on its server while it is read is TARGET_CHANGED, and nothing is written`, async (t) => {
    const { folder, server } = await served(t);
    const here = temporaryDirectory(t);
    const source = await open(`${server.url}/${name}?signed=secret`);
    const reading: RasterSource = {
      ...source,
      // Other blocks of files of which some were read.
      read: async (window, signal) => {
        if (window.yPx === 64 && window.xPx === 0) await replace(t, folder);
        return source.read(window, signal);
      },
    };
    await assert.rejects(writeTiledVrt(join(here, 'dem.vrt'), reading, options), (error: Error) => {
      assert.ok(isHoldfastError(error, 'TARGET_CHANGED'), String(error));
      assert.doesNotMatch(`${error.message}${error.stack}${JSON.stringify(error)}`, /secret/);
      return true;
    });
    await source.close();
    assert.deepEqual(
      readdirSync(here).filter((each) => !each.endsWith('.lock')),
      [],
    );
  });

  test(`the fingerprint of ${name} on a web server is another when it was changed`, async (t) => {
    const { folder, server } = await served(t);
    const fingerprint = async () => {
      const source = await open(`${server.url}/${name}`);
      const text = await source.fingerprint?.();
      await source.close();
      return text;
    };
    const first = await fingerprint();
    assert.equal(typeof first, 'string');
    assert.equal(await fingerprint(), first);
    await replace(t, folder);
    assert.notEqual(await fingerprint(), first);
  });
}

test('a server that is not to be trusted, an address of nothing, and one of http: are refused', async (t) => {
  const { server } = await served(t);
  for (const open of [fromGeoTiff, fromVrt]) {
    await assert.rejects(open(`${server.url}/dem.tif`), (error: Error) => {
      assert.match(error.message, /allowHttp/);
      return isHoldfastError(error, 'INVALID_ARGUMENT');
    });
    await assert.rejects(open(`${server.url}/none.tif`, { allowHttp: true }), (error) =>
      isHoldfastError(error, 'NOT_FOUND'),
    );
  }
});

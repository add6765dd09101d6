/** Mosaics and GeoTIFFs that are read from a web server: in one version, or not at all. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isHoldfastError, type ErrorCode } from 'holdfast';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  compressionNames,
  fromArray,
  openVrt,
  renderPreview,
  writeCog,
  writeTiledVrt,
  type CompressionName,
  type Mosaic,
  type OpenVrtOptions,
  type Pixels,
  type RasterSource,
} from '#src/index.js';
import { isHere } from '../codec/is-here.js';
import { giveFile, serveFiles, type FileServer } from './file-server.js';

const [WIDTH, HEIGHT, BANDS] = [500, 300, 2];

/** Of each pixel another value, so that pixels of two labels are never taken for each other. */
function samples(label = 0): Uint16Array {
  return Uint16Array.from(
    { length: WIDTH * HEIGHT * BANDS },
    (_, at) => (at * 7 + label * 1009) % 65_521,
  );
}

function sourceOf(label = 0): RasterSource {
  return fromArray({
    data: samples(label),
    width: WIDTH,
    height: HEIGHT,
    bandCount: BANDS,
    interleave: 'band',
    crs: 'EPSG:32632',
    transform: [600_000, 10, 0, 5_000_000, 0, -10],
  });
}

interface Place {
  readonly folder: string;
  readonly server: FileServer;
}

/** A mosaic of several tiles, `dem.vrt`, in a folder that is served. */
async function served(t: TestContext, compression: CompressionName = 'deflate'): Promise<Place> {
  const folder = temporaryDirectory(t);
  await writeTiledVrt(join(folder, 'dem.vrt'), sourceOf(), {
    tileSizePx: 256,
    blockSizePx: 64,
    compression,
    threads: 0,
    overviews: 'auto',
  });
  return { folder, server: await serveFiles(t, folder) };
}

async function using<T>(
  path: string,
  use: (mosaic: Mosaic) => Promise<T>,
  options: OpenVrtOptions = {},
): Promise<T> {
  const mosaic = await openVrt(path, { allowHttp: true, ...options });
  try {
    return await use(mosaic);
  } finally {
    await mosaic.close();
  }
}

const readAll = (path: string, options?: OpenVrtOptions): Promise<Pixels> =>
  using(path, (mosaic) => mosaic.read(), options);

async function failsWith(
  code: ErrorCode,
  work: Promise<unknown>,
  said: RegExp = /./,
): Promise<Error> {
  let caught: Error | undefined;
  await assert.rejects(work, (error: Error) => {
    assert.ok(isHoldfastError(error, code), String(error));
    assert.match(error.message, said);
    caught = error;
    return true;
  });
  return caught as unknown as Error;
}

/** Whatever can be seen of an error. */
function allOf(error: unknown): string {
  const { cause, message, stack } = error as Error;
  return `${message}${stack}${JSON.stringify(error)}${cause === undefined ? '' : allOf(cause)}`;
}

for (const compression of compressionNames) {
  test(`${compression}: a mosaic on a web server has the pixels that it has on disk`, async (t) => {
    if (!isHere(compression)) return;
    const { folder, server } = await served(t, compression);
    const local = join(folder, 'dem.vrt');
    const windows = [undefined, { xPx: 100, yPx: 200, widthPx: 300, heightPx: 77 }];
    for (const window of windows)
      for (const scale of [1, 0.3]) {
        const read = (mosaic: Mosaic) => mosaic.read(window, { scale });
        assert.deepEqual(await using(`${server.url}/dem.vrt`, read), await using(local, read));
      }
    const [far, near] = [
      await using(`${server.url}/dem.vrt`, async ({ info }) => info),
      await using(local, async ({ info }) => info),
    ];
    assert.deepEqual(far, near);
  });
}

test('a preview of a mosaic on a web server is that of the one on disk', async (t) => {
  const { folder, server } = await served(t);
  const draw = (mosaic: Mosaic) => renderPreview(mosaic, { style: 'hillshade', maxSizePx: 100 });
  const near = await using(join(folder, 'dem.vrt'), draw);
  assert.deepEqual(await using(`${server.url}/dem.vrt`, draw), near);
});

test('a GeoTIFF on a web server, its overviews, and the mask beside it are read as on disk', async (t) => {
  const { folder, server } = await served(t);
  await writeCog(join(folder, 'one file.tif'), sourceOf(), { threads: 0 });
  const valid = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, at) => (at % 3 === 0 ? 0 : 255));
  await writeCog(
    join(folder, 'one file.tif.msk.tif'),
    fromArray({ data: valid, width: WIDTH, height: HEIGHT }),
    { threads: 0 },
  );
  renameSync(join(folder, 'one file.tif.msk.tif'), join(folder, 'one file.tif.msk'));
  const read = async (mosaic: Mosaic) => ({
    hasMask: mosaic.hasMask,
    mask: await mosaic.read(undefined, { band: 'mask' }),
    all: await mosaic.read(),
    small: await mosaic.read(undefined, { scale: 0.25 }),
  });
  const near = await using(join(folder, 'one file.tif'), read);
  assert.ok(near.hasMask);
  assert.deepEqual(await using(`${server.url}/one%20file.tif`, read), near);
  assert.deepEqual(await using(`${server.url}/one file.tif`, read), near);
});

test('an index beside tiles with names that an address has to spell otherwise is read', async (t) => {
  const { folder, server } = await served(t);
  const text = readFileSync(join(folder, 'dem.vrt'), 'utf8');
  const name = 'dem 100% #1?_tiles';
  renameSync(join(folder, 'dem_tiles'), join(folder, name));
  writeFileSync(join(folder, 'dem.vrt'), text.replaceAll('dem_tiles/', `${name}/`));
  assert.deepEqual((await readAll(`${server.url}/dem.vrt`)).data, samples());
});

test('a window takes few requests: those that lie together are one, and each tile is opened once', async (t) => {
  const { server } = await served(t, 'none');
  await using(`${server.url}/dem.vrt`, async (mosaic) => {
    await mosaic.read({ xPx: 0, yPx: 0, widthPx: 256, heightPx: 256 }, { band: 1 });
    const ofTile = server.asked.filter(({ path }) => path.endsWith('tile_00_00.tif'));
    // Its head, and all of its blocks.
    assert.equal(ofTile.length, 2, ofTile.map(({ headers }) => headers.range).join(', '));
    assert.ok(ofTile[1]?.headers['if-match'], 'the second request is for the version of the first');
    assert.equal(server.asked.filter(({ path }) => path.endsWith('.vrt')).length, 1);
  });
});

test('no more than sixteen requests are under way at once', async (t) => {
  const folder = temporaryDirectory(t);
  await writeTiledVrt(join(folder, 'dem.vrt'), sourceOf(), { tileSizePx: 32, threads: 0 });
  const server = await serveFiles(t, folder);
  const held: (() => void)[] = [];
  let most = 0;
  // Each waits until nobody else comes any more.
  let quiet: NodeJS.Timeout | undefined;
  server.intervene = async ({ path }) => {
    if (path.endsWith('.vrt')) return false;
    await new Promise<void>((resolve) => {
      held.push(resolve);
      most = Math.max(most, held.length);
      clearTimeout(quiet);
      quiet = setTimeout(() => held.splice(0).forEach((each) => each()), 100);
    });
    return false;
  };
  await using(`${server.url}/dem.vrt`, async (mosaic) => {
    const rows = Array.from({ length: 9 }, (_, row) => row * 32);
    await Promise.all(
      rows.map((yPx) => mosaic.read({ xPx: 0, yPx, widthPx: 160, heightPx: 32 }, { band: 1 })),
    );
  });
  assert.ok(most <= 16, `${most} at once`);
});

test('a tile that is replaced after it was opened is an error, never a mixture, also when it was let go of', async (t) => {
  const { folder, server } = await served(t, 'none');
  const other = temporaryDirectory(t);
  await writeTiledVrt(join(other, 'dem.vrt'), sourceOf(1), {
    tileSizePx: 256,
    blockSizePx: 64,
    compression: 'none',
    threads: 0,
  });
  const top = { xPx: 0, yPx: 0, widthPx: 256, heightPx: 20 };
  const bottom = { xPx: 0, yPx: 230, widthPx: 256, heightPx: 20 };
  const elsewhere = { xPx: 300, yPx: 0, widthPx: 100, heightPx: 20 };
  for (const maxOpenTiles of [64, 1]) {
    const original = readFileSync(join(folder, 'dem_tiles/tile_00_00.tif'));
    await using(
      `${server.url}/dem.vrt`,
      async (mosaic) => {
        await mosaic.read(top);
        await mosaic.read(elsewhere);
        cpSync(join(other, 'dem_tiles/tile_00_00.tif'), join(folder, 'dem_tiles/tile_00_00.tif'));
        const error = await failsWith(
          'TARGET_CHANGED',
          mosaic.read(bottom),
          /Open the mosaic again/,
        );
        assert.match(error.message, /tile_00_00\.tif/);
      },
      { maxOpenTiles },
    );
    writeFileSync(join(folder, 'dem_tiles/tile_00_00.tif'), original);
  }
});

test('a server that passes over If-Match is found out by the version that it tells', async (t) => {
  const { folder, server } = await served(t, 'none');
  let etag = '"1"';
  server.intervene = ({ headers, ...asked }, response) => {
    const { 'if-match': _, ...others } = headers;
    giveFile(`${folder}${asked.path}`, { ...asked, headers: others }, response, { etag });
    return true;
  };
  await using(`${server.url}/dem.vrt`, async (mosaic) => {
    await mosaic.read({ xPx: 0, yPx: 0, widthPx: 10, heightPx: 10 });
    etag = '"2"';
    await failsWith('TARGET_CHANGED', mosaic.read({ xPx: 0, yPx: 240, widthPx: 10, heightPx: 10 }));
  });
});

test('weak ETags and times of change are held against each other too, and without either nothing is read', async (t) => {
  const { folder, server } = await served(t, 'none');
  const times = ['Sun, 06 Nov 1994 08:49:37 GMT', 'Sun, 06 Nov 1994 08:49:38 GMT'];
  const versions: readonly (readonly Readonly<Record<string, string>>[])[] = [
    [{ etag: 'W/"1"' }, { etag: 'W/"2"' }],
    times.map((time) => ({ 'last-modified': time })),
  ];
  for (const [before, after] of versions as readonly [
    Record<string, string>,
    Record<string, string>,
  ][]) {
    let version: Readonly<Record<string, string>> = before;
    server.intervene = (asked, response) => {
      giveFile(`${folder}${asked.path}`, asked, response, version);
      return true;
    };
    await using(`${server.url}/dem.vrt`, async (mosaic) => {
      const { data } = await mosaic.read(
        { xPx: 0, yPx: 0, widthPx: 64, heightPx: 64 },
        { band: 1 },
      );
      assert.deepEqual(data.subarray(0, 64), samples().subarray(0, 64));
      version = after;
      await failsWith('TARGET_CHANGED', mosaic.read());
    });
  }
  server.intervene = (asked, response) => {
    giveFile(`${folder}${asked.path}`, asked, response, {});
    return true;
  };
  await failsWith('UNSUPPORTED_TARGET', readAll(`${server.url}/dem.vrt`), /no ETag/);
});

test('an index that is replaced while it is read is read again, whole', async (t) => {
  const { folder, server } = await served(t);
  // Of two requests, with other bytes between them.
  const text = readFileSync(join(folder, 'dem.vrt'), 'utf8');
  const padding = `<!-- ${'x'.repeat(40_000)} -->`;
  writeFileSync(join(folder, 'dem.vrt'), `${text}${padding}`);
  let count = 0;
  server.intervene = ({ path }) => {
    if (path === '/dem.vrt') count += 1;
    if (path === '/dem.vrt' && count === 2)
      writeFileSync(join(folder, 'dem.vrt'), `${text}${padding} `);
    return false;
  };
  assert.deepEqual((await readAll(`${server.url}/dem.vrt`)).data, samples());
  assert.equal(count, 4);
});

test('what a server refuses is told with its status; what is busy or breaks off is asked again', async (t) => {
  const { folder, server } = await served(t);
  const url = `${server.url}/dem.vrt`;
  const answering = (status: number, headers: Record<string, string> = {}): void => {
    server.intervene = (_, response) => {
      response.writeHead(status, headers).end();
      return true;
    };
  };
  for (const status of [401, 403, 400]) {
    answering(status);
    await failsWith('STORE_FAILED', readAll(url), new RegExp(`answered ${status}`));
  }
  answering(404);
  await failsWith('NOT_FOUND', readAll(url));
  answering(503);
  server.asked.length = 0;
  await failsWith('STORE_FAILED', readAll(url), /answered 503, each of 5 times/);
  assert.equal(server.asked.length, 5);

  // Each request fails once, in one way after another.
  const failed = new Set<string>();
  server.intervene = (asked, response) => {
    const key = `${asked.path} ${asked.headers.range}`;
    if (failed.has(key)) return false;
    failed.add(key);
    const way = failed.size % 3;
    if (way === 0) response.writeHead(500).end();
    else if (way === 1) response.destroy();
    else {
      const half = { ...asked, headers: asked.headers };
      const end = response.end.bind(response);
      response.end = ((bytes: Buffer) => {
        response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
        return response;
      }) as typeof end;
      giveFile(`${folder}${asked.path}`, half, response);
    }
    return true;
  };
  assert.deepEqual((await readAll(url)).data, samples());
});

test('a tile that is missing is an error, or nodata for who says so', async (t) => {
  const { folder, server } = await served(t);
  rmSync(join(folder, 'dem_tiles/tile_00_01.tif'));
  await failsWith('NOT_FOUND', readAll(`${server.url}/dem.vrt`), /tile_00_01/);
  const { data } = await readAll(`${server.url}/dem.vrt`, { missing: 'nodata' });
  assert.equal(data[0], samples()[0]);
  assert.equal(data[300], 0);
});

test('a server without ranges, or with a content encoding, is refused; a short file may come whole', async (t) => {
  const { folder, server } = await served(t, 'none');
  const whole = readFileSync(join(folder, 'dem.vrt'));
  server.intervene = (asked, response) => {
    giveFile(`${folder}${asked.path}`, { ...asked, headers: {} }, response);
    return true;
  };
  assert.ok(whole.length < 16 * 1024);
  await failsWith('UNSUPPORTED_TARGET', readAll(`${server.url}/dem.vrt`), /ranges.*tile_/s);
  server.intervene = (_, response) => {
    response.writeHead(200, { etag: '"1"', 'content-encoding': 'gzip' }).end('x');
    return true;
  };
  await failsWith('UNSUPPORTED_TARGET', readAll(`${server.url}/dem.vrt`), /Content-Encoding/);
});

test('a server that sends more than it was asked for is not believed, and more than that is not kept', async (t) => {
  const { server } = await served(t, 'none');
  server.intervene = (_, response) => {
    response.writeHead(206, { etag: '"1"', 'content-range': 'bytes 0-9/10' });
    response.end(Buffer.alloc(1_000_000));
    return true;
  };
  await failsWith('STORE_FAILED', readAll(`${server.url}/dem.vrt`), /over 10 bytes/);
  server.intervene = (_, response) => {
    response.writeHead(206, { etag: '"1"', 'content-range': 'bytes 5-9/10' }).end('12345');
    return true;
  };
  await failsWith('UNSUPPORTED_TARGET', readAll(`${server.url}/dem.vrt`), /other parts/);
});

test('limits hold: an index over its limit is not asked for', async (t) => {
  const { folder, server } = await served(t);
  writeFileSync(join(folder, 'dem.vrt'), 'x'.repeat(100_000));
  await failsWith(
    'CORRUPT_DOCUMENT',
    readAll(`${server.url}/dem.vrt`, { maxIndexBytes: 50_000 }),
    /maxIndexBytes/,
  );
  assert.equal(server.asked.length, 1);
  writeFileSync(join(folder, 'dem.vrt'), '');
  await failsWith('CORRUPT_DOCUMENT', readAll(`${server.url}/dem.vrt`));
});

test('what an index names outside its folder is not asked for', async (t) => {
  const { folder, server } = await served(t);
  const text = readFileSync(join(folder, 'dem.vrt'), 'utf8');
  const other = await serveFiles(t, folder);
  const names = [
    '../dem_tiles/',
    '/dem_tiles/',
    `${other.url}/dem_tiles/`,
    `/vsicurl/${other.url}/dem_tiles/`,
    's3://bucket/dem_tiles/',
    '/vsis3/bucket/dem_tiles/',
    '..\\dem_tiles/../../',
  ];
  for (const name of names) {
    const isAbsolute = /^\/vsi|:/u.test(name);
    const named = text.replaceAll('dem_tiles/', name);
    cpSync(join(folder, 'dem_tiles'), join(folder, 'sub/dem_tiles'), { recursive: true });
    writeFileSync(
      join(folder, 'sub/dem.vrt'),
      isAbsolute ? named.replaceAll('relativeToVRT="1"', 'relativeToVRT="0"') : named,
    );
    await failsWith('PATH_ESCAPES', readAll(`${server.url}/sub/dem.vrt`), /outside/);
  }
  assert.deepEqual(other.asked, []);
  assert.ok(server.asked.every(({ path }) => path === '/sub/dem.vrt'));

  // To who trusts the index both are open.
  writeFileSync(join(folder, 'sub/dem.vrt'), text.replaceAll('dem_tiles/', '../dem_tiles/'));
  const { data } = await readAll(`${server.url}/sub/dem.vrt`, { outside: 'allow' });
  assert.deepEqual(data, samples());
});

test('http: is refused unless it is asked for, also where a redirect or an index leads to it', async (t) => {
  const { server } = await served(t);
  await failsWith('INVALID_ARGUMENT', openVrt(`${server.url}/dem.vrt`), /allowHttp/);
  assert.deepEqual(server.asked, []);
});

test('redirects are followed, a few of them', async (t) => {
  const { server } = await served(t);
  let count = 0;
  server.intervene = ({ path }, response) => {
    if (!path.startsWith('/moved')) return false;
    count += 1;
    const location = count % 3 === 0 ? path.replace('/moved', '') : path;
    response.writeHead(307, { location }).end();
    return true;
  };
  assert.deepEqual((await readAll(`${server.url}/moved/dem.vrt`)).data, samples());
  for (const location of ['ftp://127.0.0.1/x', 'http://user:secret@127.0.0.1/x', '']) {
    server.intervene = (_, response) => {
      response.writeHead(302, location === '' ? {} : { location }).end();
      return true;
    };
    const error = await failsWith('STORE_FAILED', readAll(`${server.url}/dem.vrt`), /leads to no/);
    assert.doesNotMatch(allOf(error), /secret/);
  }
});

test('what lets somebody in is in no error and no path, and goes with no other request', async (t) => {
  const { server } = await served(t);
  const url = `${server.url}/dem.vrt?X-Amz-Signature=secret`;
  await using(url, async (mosaic) => {
    assert.equal(mosaic.path, `${server.url}/dem.vrt`);
    assert.deepEqual((await mosaic.read()).data, samples());
    assert.doesNotMatch(JSON.stringify(mosaic), /secret/);
  });
  assert.equal(server.asked[0]?.search, '?X-Amz-Signature=secret');
  assert.ok(server.asked.slice(1).every(({ search }) => search === ''));
  server.intervene = (_, response) => {
    response.writeHead(403).end();
    return true;
  };
  assert.doesNotMatch(
    allOf(await failsWith('STORE_FAILED', openVrt(url, { allowHttp: true }))),
    /secret/,
  );
  for (const address of [
    'https://user:secret@127.0.0.1/dem.vrt',
    'https://user:secret@127.0.0.1:99999/dem.vrt',
    'http://user:secret@127.0.0.1/dem.vrt',
  ]) {
    const error = await failsWith('INVALID_ARGUMENT', openVrt(address, { allowHttp: true }));
    assert.doesNotMatch(allOf(error), /secret/);
  }
  // Nothing listens there.
  const gone = openVrt('http://127.0.0.1:9/dem.vrt?secret', { allowHttp: true });
  assert.doesNotMatch(allOf(await failsWith('STORE_FAILED', gone, /each of 5 times/)), /secret/);
});

test('reads that are under way fail when the mosaic is closed', async (t) => {
  const { server } = await served(t);
  const mosaic = await openVrt(`${server.url}/dem.vrt`, { allowHttp: true });
  const arrived = new Promise<void>((resolve) => {
    server.intervene = () => {
      resolve();
      return true;
    };
  });
  const reading = failsWith('ABORTED', mosaic.read(), /closed/);
  await arrived;
  await mosaic.close();
  await reading;
});

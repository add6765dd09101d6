/** A mosaic that is served, as a browser sees it. */
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { decode } from 'fast-png';
import { isHoldfastError } from 'holdfast';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  type ArrayRaster,
  fromArray,
  openVrt,
  renderPreview,
  type RasterServer,
  type ServeOptions,
  serveRaster,
  type WriteOptions,
  writeTiledVrt,
} from '#src/api.js';
import type { Description, PixelValue, Told } from '#src/serve/description.js';
import type { BandSummary } from '#src/serve/summary.js';
import type { TileStates } from '#src/serve/tile-states.js';

const NODATA = -9999;

/** A hill with a hole in it. */
function hill(widthPx: number, heightPx: number, higher = 0): ArrayRaster {
  const data = Float32Array.from({ length: widthPx * heightPx }, (_, index) => {
    const [x, y] = [index % widthPx, Math.floor(index / widthPx)];
    if (Math.hypot(x - 40, y - 30) < 10) return NODATA;
    return higher + 300 * Math.exp(-((Math.hypot(x - 90, y - 60) / 50) ** 2)) + 5 * Math.sin(x / 7);
  });
  const transform = [500_000, 10, 0, 5_600_000, 0, -10] as const;
  return { data, width: widthPx, height: heightPx, nodata: NODATA, crs: 25_832, transform };
}

async function mosaicOf(
  t: TestContext,
  raster: ArrayRaster,
  options: WriteOptions = {},
): Promise<string> {
  const path = join(temporaryDirectory(t), 'dem.vrt');
  await writeTiledVrt(path, fromArray(raster), { tileSizePx: 64, ...options });
  return path;
}

async function served(
  t: TestContext,
  path: string,
  options: ServeOptions = {},
): Promise<RasterServer> {
  const server = await serveRaster(path, { port: 0, ...options });
  t.after(() => server.close());
  return server;
}

async function jsonOf<T>({ url }: RasterServer, target: string): Promise<T> {
  const response = await fetch(new URL(target, url));
  assert.equal(response.status, 200, target);
  return (await response.json()) as T;
}

/** Red, green, blue and alpha of a pixel of a square. */
type Square = (x: number, y: number) => readonly number[];

async function squareOf({ url }: RasterServer, target: string): Promise<Square> {
  const response = await fetch(new URL(target, url));
  assert.equal(response.status, 200, target);
  assert.equal(response.headers.get('content-type'), 'image/png');
  return pixelsOf(new Uint8Array(await response.arrayBuffer()));
}

function pixelsOf(png: Uint8Array): Square {
  const { width, channels, data } = decode(png);
  return (x, y) => {
    const pixel = [...data.subarray((y * width + x) * channels, (y * width + x + 1) * channels)];
    const [tone = 0, second = 255] = pixel;
    if (channels < 3) return [tone, tone, tone, second];
    return channels === 3 ? [...pixel, 255] : pixel;
  };
}

/** What the server tells of changes, until it is as wanted. */
async function toldUntil({ url }: RasterServer, isWanted: (told: Told) => boolean): Promise<Told> {
  const response = await fetch(new URL('events', url));
  let text = '';
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    const told = events.map((event) => JSON.parse(event.replace(/^data: /u, '')) as Told);
    const found = told.find((each) => isWanted(each));
    if (found) return found;
  }
  throw new Error('the server ended');
}

test('a small raster is one square, with the pixels of a preview in each style', async (t) => {
  const path = await mosaicOf(t, hill(150, 100));
  const server = await served(t, path);
  const mosaic = await openVrt(path);
  t.after(() => mosaic.close());
  for (const style of ['auto', 'hillshade', 'ramp'] as const) {
    const { png } = await renderPreview(mosaic, { style });
    const [preview, square] = [
      pixelsOf(png),
      await squareOf(server, `tiles/0/0/0.png?style=${style}`),
    ];
    for (let y = 0; y < 100; y += 1)
      for (let x = y % 3; x < 150; x += 3) {
        const expected = preview(x, y);
        // What is clear has no colour.
        assert.deepEqual(
          square(x, y),
          expected[3] === 0 ? [0, 0, 0, 0] : expected,
          `${style} ${x} ${y}`,
        );
      }
    assert.deepEqual([square(40, 30)[3], square(150, 50)[3], square(50, 100)[3]], [0, 0, 0]);
  }
});

test('a palette is what the raster is shown in', async (t) => {
  const palette = [
    [0, 0, 0, 0],
    [200, 10, 20, 255],
    [1, 2, 3, 128],
  ] as const;
  const data = Uint8Array.from({ length: 80 * 70 }, (_, index) => index % 3);
  const bands = [{ colour: 'Palette', palette }] as const;
  const server = await served(t, await mosaicOf(t, { data, width: 80, height: 70, bands }));
  const { raster } = await jsonOf<Description>(server, 'tilejson.json');
  assert.equal(raster.style, 'auto');
  const square = await squareOf(server, 'tiles/0/0/0.png');
  assert.deepEqual(
    [square(1, 0), square(2, 0), square(0, 0)[3]],
    [[200, 10, 20, 255], [1, 2, 3, 128], 0],
  );
});

test('squares of every level have the samples that the reader gives for them', async (t) => {
  const [width, height] = [700, 530];
  const data = Uint8Array.from(
    { length: width * height * 3 },
    (_, index) => (index * 7 + (index >> 9)) % 256,
  );
  const path = await mosaicOf(
    t,
    { data, width, height, bandCount: 3, interleave: 'pixel' },
    { overviews: [2, 4] },
  );
  const server = await served(t, path);
  const { minzoom, maxzoom } = await jsonOf<Description>(server, 'tilejson.json');
  assert.deepEqual([minzoom, maxzoom], [0, 2]);
  const mosaic = await openVrt(path);
  t.after(() => mosaic.close());
  for (const [z, x, y, widthPx, heightPx] of [
    [2, 0, 0, 256, 256],
    [2, 2, 2, 188, 18],
    [1, 1, 0, 94, 256],
    [0, 0, 0, 175, 132],
  ] as const) {
    const factor = 2 ** (maxzoom - z);
    const window = {
      xPx: x * 256 * factor,
      yPx: y * 256 * factor,
      widthPx: widthPx * factor,
      heightPx: heightPx * factor,
    };
    const read = await mosaic.read(window, { scale: 1 / factor });
    assert.deepEqual([read.widthPx, read.heightPx], [widthPx, heightPx]);
    const square = await squareOf(server, `tiles/${z}/${x}/${y}.png`);
    const planePx = widthPx * heightPx;
    for (let at = 0; at < planePx; at += 97) {
      const expected = [0, 1, 2].map((band) => Number(read.data[band * planePx + at]));
      assert.deepEqual(square(at % widthPx, Math.floor(at / widthPx)), [...expected, 255]);
    }
    if (widthPx < 256) assert.equal(square(widthPx, 0)[3], 0);
    if (heightPx < 256) assert.equal(square(0, heightPx)[3], 0);
  }
});

test('a lit terrain has no seams between squares', async (t) => {
  const path = await mosaicOf(t, hill(300, 300), { overviews: [2] });
  const server = await served(t, path);
  const [left, right] = [
    await squareOf(server, 'tiles/1/0/0.png?style=hillshade'),
    await squareOf(server, 'tiles/1/1/0.png?style=hillshade'),
  ];
  const whole = await drawnWhole(t, path);
  for (const y of [0, 60, 255])
    assert.deepEqual(
      [left(254, y), left(255, y), right(0, y), right(1, y)],
      [254, 255, 256, 257].map((x) => whole(x, y)),
    );
});

/** The pixels of the deepest level in one picture, by the same light. */
async function drawnWhole(t: TestContext, path: string): Promise<Square> {
  const mosaic = await openVrt(path);
  t.after(() => mosaic.close());
  const { fittingExaggeration, rangeOf, numbersOf } = await import('#src/preview/paint.js');
  const overview = await mosaic.read(undefined, { scale: 1 });
  const range = rangeOf(numbersOf(overview.data, NODATA, undefined));
  const exaggeration = fittingExaggeration(range, 3000) * 0.75;
  return pixelsOf((await renderPreview(mosaic, { style: 'hillshade', exaggeration })).png);
}

test('a value is told of every band, with its unit, as what it is', async (t) => {
  const data = BigInt64Array.from({ length: 2 * 20 * 20 }, (_, index) => 2n ** 60n + BigInt(index));
  const bands = [{ scale: 2, offset: 1, unit: 'm' }, { description: 'second' }] as const;
  const server = await served(
    t,
    await mosaicOf(t, { data, width: 20, height: 20, bandCount: 2, bands, interleave: 'band' }),
  );
  const { values } = await jsonOf<PixelValue>(server, 'value.json?x=3&y=2');
  assert.deepEqual(values, [
    {
      band: 1,
      value: String(2n ** 60n + 43n),
      scaled: Number(2n ** 60n + 43n) * 2 + 1,
      isValid: true,
    },
    { band: 2, value: String(2n ** 60n + 443n), isValid: true },
  ]);
  assert.equal((await fetch(`${server.url}value.json?x=20&y=0`)).status, 404);
  const hole = await served(t, await mosaicOf(t, hill(100, 100)));
  const [value] = (await jsonOf<PixelValue>(hole, 'value.json?x=40&y=30')).values;
  assert.deepEqual(value, { band: 1, value: NODATA, isValid: false });
});

test('figures are those of the index, or of what was looked at', async (t) => {
  const raster = hill(100, 100);
  for (const statistics of [true, false]) {
    const server = await served(t, await mosaicOf(t, raster, { statistics }));
    const summary = await jsonOf<BandSummary>(server, 'statistics.json');
    assert.equal(summary.figuresAre, statistics ? 'of the index' : 'of a sample');
    const valid = [...(raster.data as Float32Array)].filter((value) => value !== NODATA);
    const mean = valid.reduce((sum, value) => sum + value, 0) / valid.length;
    assert.ok(Math.abs((summary.figures?.mean ?? 0) - mean) < 1e-3);
    assert.deepEqual([summary.valid, summary.lookedAt], [valid.length, 10_000]);
    assert.equal(
      summary.histogram?.counts.reduce((sum, count) => sum + count, 0),
      valid.length,
    );
    assert.equal((await fetch(`${server.url}statistics.json?band=2`)).status, 404);
  }
});

test('an answer carries the generation as its ETag, and none is sent to who has it', async (t) => {
  const path = await mosaicOf(t, hill(100, 100));
  const server = await served(t, path);
  const { raster } = await jsonOf<Description>(server, 'tilejson.json');
  for (const target of [
    'tilejson.json',
    'tiles/0/0/0.png',
    'value.json?x=0&y=0',
    'statistics.json',
  ]) {
    const first = await fetch(server.url + target);
    const etag = first.headers.get('etag') ?? '';
    assert.equal(etag, `"${raster.id}"`);
    for (const [known, status] of [
      [etag, 304],
      [`"other", W/${etag}`, 304],
      ['"other"', 200],
    ] as const) {
      const again = await fetch(server.url + target, {
        headers: { 'If-None-Match': known },
      });
      assert.equal(again.status, status);
      await again.arrayBuffer();
    }
    const head = await fetch(server.url + target, { method: 'HEAD' });
    assert.equal(
      head.headers.get('content-length'),
      String((await first.arrayBuffer()).byteLength),
    );
  }
  assert.equal((await fetch(server.url, { method: 'POST' })).status, 405);
});

test('a replaced mosaic is followed, and who is in the middle of the old one reads that to the end', async (t) => {
  const path = await mosaicOf(t, hill(100, 100));
  const server = await served(t, path);
  const before = await jsonOf<Description>(server, 'tilejson.json');
  const at = 'value.json?x=99&y=99';
  const [old] = (await jsonOf<PixelValue>(server, at)).values;
  const told = toldUntil(server, ({ id }) => id !== before.raster.id);
  await writeTiledVrt(path, fromArray(hill(100, 100, 1000)), {
    tileSizePx: 64,
    ifExists: 'replace',
    keepPrevious: 0,
  });
  const { id, generation } = await told;
  const after = await jsonOf<Description>(server, 'tilejson.json');
  assert.deepEqual([after.raster.id, after.raster.generation], [id, generation]);
  const [now] = (await jsonOf<PixelValue>(server, at)).values;
  assert.equal(Math.round(Number(now?.value) - Number(old?.value)), 1000);
  // Tiles that were not read before are there too.
  const [still] = (await jsonOf<PixelValue>(server, `${at}&g=${before.raster.id}`)).values;
  assert.deepEqual(still, old);
  const square = await fetch(`${server.url}tiles/0/0/0.png?g=${before.raster.id}`);
  assert.equal(square.headers.get('etag'), `"${before.raster.id}"`);
  assert.equal((await fetch(`${server.url}${at}&g=none`)).status, 404);
});

test('a broken index changes nothing but what is told, and one that is whole again is followed', async (t) => {
  const path = await mosaicOf(t, hill(100, 100));
  const server = await served(t, path);
  const { raster } = await jsonOf<Description>(server, 'tilejson.json');
  const whole = readFileSync(path);
  for (const breakIt of [() => writeFileSync(path, '<VRTDataset'), () => rmSync(path)]) {
    const broken = toldUntil(server, ({ trouble }) => trouble !== undefined);
    breakIt();
    assert.equal((await broken).id, raster.id);
    await squareOf(server, 'tiles/0/0/0.png');
    writeFileSync(path, whole);
    const mended = await toldUntil(server, ({ trouble }) => trouble === undefined);
    assert.equal(mended.id, raster.id);
  }
});

test('an index whose tiles cannot be read does not take the place of one whose tiles can', async (t) => {
  const path = await mosaicOf(t, hill(100, 100));
  const server = await served(t, path);
  const { raster } = await jsonOf<Description>(server, 'tilejson.json');
  const other = await mosaicOf(t, hill(100, 100, 50));
  const broken = toldUntil(server, ({ trouble }) => trouble !== undefined);
  writeFileSync(path, readFileSync(other, 'utf8').replaceAll('dem_tiles', 'other_tiles'));
  const { id, trouble } = await broken;
  assert.equal(id, raster.id);
  assert.match(trouble ?? '', /NOT_FOUND/);
  await squareOf(server, 'tiles/0/0/0.png');
});

test('a mosaic with a broken tile is shown without it, and the tile is named', async (t) => {
  const path = await mosaicOf(t, hill(100, 100));
  truncateSync(join(dirname(path), 'dem_tiles', 'tile_01_01.tif'), 100);
  const server = await served(t, path);
  await jsonOf<TileStates>(server, 'tiles.json');
  const { trouble } = await toldUntil(server, ({ check }) => check?.checking === 'finished');
  assert.match(trouble ?? '', /tile_01_01/);
  const { cells, problems } = await jsonOf<TileStates>(server, 'tiles.json');
  assert.deepEqual(
    cells.map(({ xPx, yPx, state }) => [xPx, yPx, state]),
    [
      [0, 0, 'good'],
      [64, 0, 'good'],
      [0, 64, 'good'],
      [64, 64, 'truncated'],
    ],
  );
  assert.deepEqual(
    problems.map(({ path: where }) => where),
    [join('dem_tiles', 'tile_01_01.tif')],
  );
  assert.equal((await fetch(`${server.url}value.json?x=99&y=99`)).status, 500);
  await jsonOf<PixelValue>(server, 'value.json?x=0&y=0');
});

/** The status of a target as it is, which `fetch` would put in order first. */
async function statusOf(
  { url }: RasterServer,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  agent?: Agent,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const asking = request({ hostname, port, path, headers, agent }, (response) => {
      resolve(response.statusCode ?? 0);
      // Events have no end.
      if (response.headers['content-type'] === 'text/event-stream') response.destroy();
      else response.resume();
    });
    asking.once('error', reject);
    asking.end();
  });
}

test('nothing but the page and the mosaic is served', async (t) => {
  const path = await mosaicOf(t, hill(100, 100));
  copyFileSync(path, join(dirname(path), 'secret.json'));
  const server = await served(t, path);
  for (const target of [
    '/secret.json',
    '/../secret.json',
    '/%2e%2e/package.json',
    '/dem.vrt',
    '/tiles/../page.js',
    '//x/y',
    '/toString',
  ])
    assert.equal(await statusOf(server, target), 404, target);
  for (const target of ['/', '/page.js', '/page.css', '/notices.txt'])
    assert.equal(await statusOf(server, target), 200, target);
});

test('a name that is led here by its owner is refused', async (t) => {
  const server = await served(t, await mosaicOf(t, hill(100, 100)));
  const { port } = new URL(server.url);
  for (const [host, status] of [
    [`localhost:${port}`, 200],
    [`127.0.0.1:${port}`, 200],
    ['evil.example', 400],
    [`127.0.0.1.evil.example:${port}`, 400],
  ] as const)
    assert.equal(await statusOf(server, '/tilejson.json', { host }), status, host);
});

test('2,000 targets of all kinds get nothing but 200, 304, 400 and 404', async (t) => {
  const server = await served(t, await mosaicOf(t, hill(300, 300), { overviews: [2] }));
  const { raster } = await jsonOf<Description>(server, 'tilejson.json');
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  t.after(() => agent.destroy());
  const seed = Number(process.env['HOLDFAST_SEED'] ?? 29);
  let state = seed;
  const below = (count: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
  const pick = <T>(...all: readonly T[]): T => all[below(all.length)] as T;
  const number = (): string =>
    pick('0', '1', '2', '-1', '00', '1e3', '99999999999', '٣', '', `${below(400)}`);
  const word = (): string =>
    pick(
      '..',
      '%2e%2e',
      '%',
      '%00',
      '\xff',
      'NaN',
      '[object Object]',
      '__proto__',
      'a'.repeat(below(3000)),
      raster.id,
    );
  const targets: readonly (() => string)[] = [
    () =>
      `/tiles/${number()}/${number()}/${number()}.png?style=${pick('auto', 'ramp', 'hillshade', word())}`,
    () => `/tiles/${below(3)}/${below(2)}/${below(2)}.png?g=${pick(raster.id, word())}`,
    () => `/value.json?x=${number()}&y=${number()}${pick('', '&x=7', `&g=${word()}`)}`,
    () => `/statistics.json?band=${number()}`,
    () =>
      `/${pick('', 'tiles.json', 'tilejson.json', 'page.js', 'events', 'notices.txt')}?${word()}=${word()}`,
    () => `/${word()}/${word()}/${number()}`,
    () =>
      `${pick('', '/', '//', 'http://x/', '*')}${word()}${String.fromCharCode(0x21 + below(0xdf))}`,
  ];
  const asked = async (): Promise<[string, number]> => {
    const target = pick(...targets)().replaceAll(/[^\u0021-\u00ff]/gu, '');
    const headers = {
      'if-none-match': pick(`"${raster.id}"`, '*', word().replaceAll(/[^ -~]/gu, '')),
    };
    return [target, await statusOf(server, target || '/', headers, agent)];
  };
  const seen = new Set<number>();
  for (let round = 0; round < 500; round += 1) {
    for (const [target, status] of await Promise.all([asked(), asked(), asked(), asked()])) {
      assert.ok([200, 304, 400, 404].includes(status), `${status} for ${target} (seed ${seed})`);
      seen.add(status);
    }
  }
  assert.equal(seen.size, 4);
});

test('a port that is asked for and taken is an error that says so', async (t) => {
  const path = await mosaicOf(t, hill(20, 20));
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as { port: number };
  await assert.rejects(
    serveRaster(path, { port }),
    (error) =>
      isHoldfastError(error, 'IO') && error.step === 'listen' && /EADDRINUSE/.test(error.message),
  );
  await assert.rejects(serveRaster(path, { port: 70_000 }), /INVALID_ARGUMENT/);
  await assert.rejects(serveRaster('a.tif'), /holdfast raster index/);
  // Where nobody asks for one, it is any.
  const [first, second] = [await serveRaster(path), await serveRaster(path)];
  assert.notEqual(first.url, second.url);
  await Promise.all([first.close(), second.close()]);
});

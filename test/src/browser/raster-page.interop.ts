/** The page of `serveRaster` in a browser: Debian's Chromium, as people use it. */
import assert from 'node:assert/strict';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { after, before, type TestContext } from 'node:test';
import { fromArray, type PaletteEntry, serveRaster, writeTiledVrt } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { decode } from 'fast-png';
import { type Browser, chromium, type Page } from 'playwright-core';

/** A busy machine may take its time; nothing waits for it that is done. */
const PATIENCE_MS = 120_000;
const [WIDTH, HEIGHT] = [1024, 768];
const RED = [200, 30, 30] as const;
const GREEN = [20, 160, 60] as const;
const BLUE = [30, 60, 200] as const;
const YELLOW = [230, 200, 40] as const;
const NODATA = 255;
/** Half the side of the hole in the middle. */
const HOLE_PX = 40;

type Rgb = readonly [number, number, number];

let browser: Browser;
before(async () => {
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox'],
    timeout: PATIENCE_MS,
  });
});
after(() => browser.close());

/** Four quarters in four colours, with a hole in the middle. */
async function writeQuarters(path: string, colours: readonly Rgb[]): Promise<void> {
  const data = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, index) => {
    const [x, y] = [index % WIDTH, Math.floor(index / WIDTH)];
    const [east, south] = [x - WIDTH / 2, y - HEIGHT / 2];
    if (Math.abs(east) < HOLE_PX && Math.abs(south) < HOLE_PX) return NODATA;
    return (east < 0 ? 0 : 1) + (south < 0 ? 0 : 2);
  });
  const palette = Array.from({ length: 256 }, (_, index): PaletteEntry => {
    const [red = 0, green = 0, blue = 0] = colours[index] ?? [];
    return [red, green, blue, 255];
  });
  const source = fromArray({
    data,
    width: WIDTH,
    height: HEIGHT,
    nodata: NODATA,
    crs: 25_832,
    transform: [500_000, 10, 0, 5_600_000, 0, -10],
    bands: [{ colour: 'Palette', palette, categories: ['north-west', 'north-east'] }],
  });
  const options = { tileSizePx: 256, overviews: [2, 4], resampling: 'nearest' } as const;
  await writeTiledVrt(path, source, { ...options, ifExists: 'replace' });
}

interface Shown {
  readonly page: Page;
  readonly path: string;
  /** What the browser had to complain of, and whom it asked but the server. */
  readonly complaints: readonly string[];
}

async function show(t: TestContext, widthPx = 1000, heightPx = 700): Promise<Shown> {
  const path = join(temporaryDirectory(t), 'map.vrt');
  await writeQuarters(path, [RED, GREEN, BLUE, YELLOW]);
  return showMosaic(t, path, widthPx, heightPx);
}

async function showMosaic(
  t: TestContext,
  path: string,
  widthPx = 1000,
  heightPx = 700,
): Promise<Shown> {
  const server = await serveRaster(path, { port: 0 });
  t.after(() => server.close());
  const page = await browser.newPage({ viewport: { width: widthPx, height: heightPx } });
  t.after(() => page.close());
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(server.url) && !url.startsWith('data:')) complaints.push(url);
  });
  await page.goto(server.url);
  await page.waitForFunction(() => document.body.dataset['drawn'] !== undefined);
  return { page, path, complaints };
}

/** The colour on the screen of a pixel of the raster. */
async function colourAt(page: Page, x: number, y: number): Promise<Rgb> {
  const view = await page.evaluate(() => {
    const { left, top, width, height } = document
      .querySelector('#map canvas')!
      .getBoundingClientRect();
    const { resolution, center } = document.body.dataset;
    return {
      left,
      top,
      width,
      height,
      resolution: Number(resolution),
      center: center!.split(' ').map(Number),
    };
  });
  const [centerX = 0, centerY = 0] = view.center;
  const column = Math.floor(view.left + view.width / 2 + (x - centerX) / view.resolution);
  const row = Math.floor(view.top + view.height / 2 + (y + centerY) / view.resolution);
  const { data, width, channels } = decode(await page.screenshot());
  const at = (row * width + column) * channels;
  return [...data.subarray(at, at + 3)] as unknown as Rgb;
}

async function drawn(page: Page, name: string, value: string): Promise<void> {
  await page.waitForFunction(([key, wanted]) => document.body.dataset[key] === wanted, [
    name,
    value,
  ] as const);
}

async function textOf(page: Page, selector: string): Promise<string> {
  return (await page.textContent(selector)) ?? '';
}

test('the page shows the right colours at every level, and no ground where there is no data', async (t) => {
  const { page, complaints } = await show(t);
  const [first] = await page.evaluate(() => [Number(document.body.dataset['resolution'])]);
  assert.equal(first, 2);
  const expectQuarters = async (off: number): Promise<void> => {
    const [x, y] = [WIDTH / 2, HEIGHT / 2];
    assert.deepEqual(await colourAt(page, x - off, y - off), RED);
    assert.deepEqual(await colourAt(page, x + off, y - off), GREEN);
    assert.deepEqual(await colourAt(page, x - off, y + off), BLUE);
    assert.deepEqual(await colourAt(page, x + off, y + off), YELLOW);
  };
  await expectQuarters(HOLE_PX + 10);
  const ground = await page.evaluate(
    () => getComputedStyle(document.querySelector('#map')!).backgroundColor,
  );
  const clear = ground.match(/\d+/g)!.slice(0, 3).map(Number);
  assert.deepEqual(await colourAt(page, WIDTH / 2 - 10, HEIGHT / 2 - 10), clear);
  await page.focus('#map');
  for (const resolution of ['1', '0.5']) {
    await page.keyboard.press('+');
    await drawn(page, 'resolution', resolution);
    await expectQuarters(HOLE_PX + 2);
    assert.deepEqual(await colourAt(page, WIDTH / 2 - HOLE_PX + 3, HEIGHT / 2), clear);
  }
  assert.deepEqual(complaints, []);
});

test('a pixel of the raster is one square of one colour, however near the map is', async (t) => {
  const path = join(temporaryDirectory(t), 'squares.vrt');
  const side = 96;
  const colours = [RED, GREEN, BLUE, YELLOW] as const;
  const indexAt = (x: number, y: number): number => (x % 2) + 2 * (y % 2);
  await writeTiledVrt(
    path,
    fromArray({
      data: Uint8Array.from({ length: side ** 2 }, (_, at) =>
        indexAt(at % side, Math.floor(at / side)),
      ),
      width: side,
      height: side,
      bands: [{ colour: 'Palette', palette: colours.map((rgb): PaletteEntry => [...rgb, 255]) }],
    }),
  );
  const { page, complaints } = await showMosaic(t, path);
  await page.focus('#map');
  const first = await page.evaluate(() => Number(document.body.dataset['resolution']));
  for (const resolution of [first, first / 2, first / 4]) {
    if (resolution < first) await page.keyboard.press('+');
    await drawn(page, 'resolution', String(resolution));
    const shown = await page.evaluate(() => {
      const { left, top, width, height } = document
        .querySelector('#map canvas')!
        .getBoundingClientRect();
      return {
        middle: [left + width / 2, top + height / 2],
        center: document.body.dataset['center']!.split(' ').map(Number),
      };
    });
    const [left = 0, top = 0] = shown.middle.map((px) => Math.round(px) - 60);
    const clip = { x: left, y: top, width: 120, height: 120 };
    const { data, channels } = decode(await page.screenshot({ clip }));
    const wrong: string[] = [];
    for (let row = 0; row < clip.height; row += 1)
      for (let column = 0; column < clip.width; column += 1) {
        const [x, y] = [
          shown.center[0]! + (left + column + 0.5 - shown.middle[0]!) * resolution,
          -shown.center[1]! + (top + row + 0.5 - shown.middle[1]!) * resolution,
        ];
        const at = (row * clip.width + column) * channels;
        const colour = [...data.subarray(at, at + 3)];
        const expected = colours[indexAt(Math.floor(x), Math.floor(y))]!;
        if (String(colour) !== String(expected)) wrong.push(`${x},${y}: ${colour.join(' ')}`);
      }
    assert.deepEqual(wrong, [], `at ${resolution}`);
  }
  assert.ok(first < 1);
  assert.deepEqual(complaints, []);
});

test('a replacement is shown by itself; one that fails leaves the map as it was, and says so', async (t) => {
  const { page, path, complaints } = await show(t);
  const at = [WIDTH / 2 - 100, HEIGHT / 2 - 100] as const;
  assert.deepEqual(await colourAt(page, ...at), RED);
  const idBefore = await page.evaluate(() => document.body.dataset['drawn']);
  await writeQuarters(path, [YELLOW, RED, GREEN, BLUE]);
  await page.waitForFunction((id) => document.body.dataset['drawn'] !== id, idBefore);
  assert.deepEqual(await colourAt(page, ...at), YELLOW);
  const generation = /generation (\w+)/.exec(await textOf(page, '#about'))?.[1] ?? '';
  const whole = readFileSync(path, 'utf8');
  assert.ok(generation.length > 8 && whole.includes(generation));

  writeFileSync(path, whole.slice(0, 200));
  await page.waitForSelector('#trouble:visible');
  assert.match(await textOf(page, '#trouble'), /cannot be understood.*as it was before/s);
  await page.click('input[value=hillshade]');
  await drawn(page, 'style', 'hillshade');
  await page.click('input[value=auto]');
  await drawn(page, 'style', 'auto');
  assert.deepEqual(await colourAt(page, ...at), YELLOW);
  writeFileSync(path, whole);
  await page.waitForSelector('#trouble', { state: 'hidden' });
  assert.deepEqual(complaints, []);
});

test('everything is reached and used by the keyboard alone', async (t) => {
  const { page, complaints } = await show(t);
  const reached = new Set<string>();
  for (let presses = 0; presses < 20; presses += 1) {
    await page.keyboard.press('Tab');
    reached.add(
      await page.evaluate(() => {
        const { id, title, localName, outerHTML } = document.activeElement as HTMLElement;
        return id || title || (localName === 'input' ? 'styles' : outerHTML.slice(0, 40));
      }),
    );
  }
  for (const name of ['map', 'Zoom in', 'Zoom out', 'Whole raster', 'styles', 'show-tiles'])
    assert.ok(reached.has(name), `${name} of ${[...reached].join(', ')}`);
  await page.focus('#map');
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction(() => Number(document.body.dataset['center']?.split(' ')[0]) > 512);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#values td');
  assert.match(await textOf(page, '#place'), /column \d+, row 384 · [\d., ]+ · 50\.\d+°N 9\.\d+°E/);
  await page.focus('input[name=style]:checked');
  await page.keyboard.press('ArrowRight');
  await drawn(page, 'style', 'ramp');
  assert.deepEqual(complaints, []);
});

test('what lies under the pointer, figures and the state of each tile are told', async (t) => {
  const { page, path, complaints } = await show(t);
  const box = await page.locator('#map canvas').first().boundingBox();
  await page.mouse.move(box!.x + box!.width / 2 + 100, box!.y + box!.height / 2 - 60);
  await page.waitForSelector('#values td');
  assert.equal(await textOf(page, '#values td'), '1 north-east');
  // 2 x 10 m a pixel of the screen.
  assert.equal(await textOf(page, '.ol-scale-line-inner'), '2 km');
  assert.match(await textOf(page, '#figures'), /Minimum0Maximum3/);
  assert.equal(await page.locator('#histogram rect').count(), 64);
  assert.match((await page.getAttribute('#histogram', 'aria-label')) ?? '', /^Histogram of /);
  await page.waitForFunction(() =>
    /Nothing wrong with 12/.test(document.querySelector('#check')!.textContent),
  );
  truncateSync(join(dirname(path), 'map_tiles', 'tile_00_00.tif'), 9);
  await page.uncheck('#show-tiles');
  await page.check('#show-tiles');
  await page.waitForSelector('#problems li');
  assert.match(await textOf(page, '#problems'), /^truncated: .*tile_00_00/);
  // Drawn with the next frame.
  while (String(await colourAt(page, 5, 250)) === String(RED)) await page.waitForTimeout(50);
  assert.deepEqual(complaints, []);
});

test('of a raster whose place is not known none is told, and no scale', async (t) => {
  const path = join(temporaryDirectory(t), 'plain.vrt');
  const data = Float32Array.from({ length: 100 * 100 }, (_, index) => index);
  await writeTiledVrt(path, fromArray({ data, width: 100, height: 100 }));
  const { page, complaints } = await showMosaic(t, path);
  await page.focus('#map');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#values td');
  assert.equal(await textOf(page, '#place'), 'column 50, row 50');
  assert.equal(await page.locator('.ol-scale-line').count(), 0);
  assert.deepEqual(complaints, []);
});

test('the page is readable at 320 px, by day and in the dark', async (t) => {
  const { page, complaints } = await show(t, 320, 640);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.equal(overflow, 320);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    const colours = await page.evaluate(() =>
      ['body', 'header p', '#place', 'th', 'a'].map((selector) => ({
        selector,
        text: getComputedStyle(document.querySelector(selector)!).color,
        ground: getComputedStyle(document.body).backgroundColor,
      })),
    );
    for (const { selector, text, ground } of colours) {
      const [a, b] = [luminance(text), luminance(ground)];
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      assert.ok(contrast >= 4.5, `${colorScheme}: ${selector} has a contrast of ${contrast}`);
      assert.equal(b < 0.5, colorScheme === 'dark');
    }
  }
  assert.deepEqual(complaints, []);
});

/** Relative luminance (WCAG 2.2) of `rgb(…)`. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = colour
    .match(/\d+/g)!
    .map((text) => Number(text) / 255)
    .map((share) => (share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

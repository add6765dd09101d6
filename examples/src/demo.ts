/**
 * The main job on real input: NASA's Blue Marble and a relief of the earth, tiled, killed, retried,
 * read back and looked at. `npm run demo` runs it; everything it makes is in demo-output/.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ProgressBar } from '@holdfast/cli/progress-bar';
import {
  type ArrayRaster,
  fromArray,
  openVrt,
  type PreviewStyle,
  type RasterSource,
  renderPreview,
  verifyVrt,
  writeTiledVrt,
} from '@holdfast/raster';
import { decode as decodeJpeg } from 'jpeg-js';
import { images, relief, wholeEarth } from './relief.js';

const output = fileURLToPath(new URL('../../demo-output', import.meta.url));
const commandLine = new URL('bin/holdfast.js', import.meta.resolve('@holdfast/cli/package.json'));

function blueMarble(): ArrayRaster {
  const { data, width, height } = decodeJpeg(readFileSync(join(images, 'earth-blue-marble.jpg')), {
    useTArray: true,
    formatAsRGBA: false,
  });
  const bands = (['Red', 'Green', 'Blue'] as const).map((colour) => ({ colour }));
  const shape = { data, width, height, bandCount: 3, interleave: 'pixel', bands } as const;
  return { ...shape, ...wholeEarth(width, height) };
}

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

async function main(): Promise<void> {
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output);
  say(
    "1. NASA's Blue Marble, 4096 x 2048 pixels, red, green and blue, from the package three-globe.",
  );
  const marble = blueMarble();
  await tile('blue-marble.vrt', fromArray(marble));
  await prove('blue-marble.vrt', marble);

  say(
    '\n2. A relief of the earth, killed in the middle of the write, and what the next run makes of it.',
  );
  await killMidWrite('relief.vrt');
  const heights = relief();
  await tile('relief.vrt', fromArray(heights));
  await prove('relief.vrt', heights);

  say('\n3. Pictures to look at.');
  await picture('blue-marble.vrt', 'blue-marble.png', 'auto');
  await picture('relief.vrt', 'relief.png', 'hillshade');
  const command = relative(process.cwd(), fileURLToPath(commandLine));
  const mosaic = relative(process.cwd(), join(output, 'relief.vrt'));
  say(`\nLook at it in a browser: node ${command} raster serve ${mosaic} --open`);
}

async function tile(name: string, source: RasterSource): Promise<void> {
  const bar = new ProgressBar(process.stderr);
  const onProgress = (progress: Parameters<typeof bar.update>[0]): void => bar.update(progress);
  const startMs = performance.now();
  const written = await writeTiledVrt(join(output, name), source, { tileSizePx: 256, onProgress });
  bar.end();
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  const megabytes = (written.sizeBytes / 1e6).toFixed(1);
  say(
    `   wrote ${written.tileCount} tiles, ${megabytes} MB, in ${seconds} s; published in one step:`,
  );
  listOutput();
}

function listOutput(): void {
  for (const name of readdirSync(output).toSorted()) {
    const path = join(output, name);
    const isDirectory = statSync(path).isDirectory();
    const size = isDirectory ? `${readdirSync(path).length} files` : `${statSync(path).size} bytes`;
    say(`     ${relative(process.cwd(), path)}${isDirectory ? '/' : ''}  (${size})`);
  }
}

/**
 * Reads the mosaic back, row of tiles by row of tiles, and compares every sample with the input.
 */
async function prove(name: string, input: ArrayRaster): Promise<void> {
  const report = await verifyVrt(join(output, name));
  const source = fromArray(input);
  const { widthPx, heightPx, bands } = source.info;
  const mosaic = await openVrt(join(output, name));
  let samples = 0;
  for (let yPx = 0; yPx < heightPx; yPx += 256) {
    const window = { xPx: 0, yPx, widthPx, heightPx: Math.min(256, heightPx - yPx) };
    const expected = await source.read(window);
    for (let band = 0; band < bands.length; band += 1) {
      const read = await mosaic.read(window, { band: band + 1 });
      samples += compare(
        read.data,
        expected.data,
        source.interleave === 'pixel' ? bands.length : 1,
        band,
      );
    }
  }
  await mosaic.close();
  say(
    `   read back: ${samples} samples, each equal to the input; checksums ${report.ok ? 'right' : 'WRONG'}.`,
  );
  if (!report.ok) throw new Error(JSON.stringify(report.problems));
}

function compare(
  read: ArrayLike<unknown>,
  expected: ArrayLike<unknown>,
  step: number,
  band: number,
): number {
  for (let i = 0; i < read.length; i += 1) {
    if (read[i] !== expected[i * step + band])
      throw new Error(`sample ${i} of band ${band} differs`);
  }
  return read.length;
}

/**
 * Starts the write in another process and kills it, without warning, when some tiles are written.
 */
async function killMidWrite(name: string): Promise<void> {
  const program = fileURLToPath(new URL('./demo-victim.js', import.meta.url));
  const child = spawn(process.execPath, [program, join(output, name)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  await tilesWritten(child, 5);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const left = readdirSync(output, { withFileTypes: true }).filter(({ name: each }) =>
    each.includes('relief'),
  );
  say('   kill -9 after 5 tiles. No index and no tiles to be misled by; what is left:');
  for (const entry of left) {
    const count = entry.isDirectory()
      ? `, ${readdirSync(join(output, entry.name)).length} files`
      : '';
    say(`     ${entry.name}${entry.isDirectory() ? '/' : ''}${count}`);
  }
  say('   The next run sees that its owner is dead, sweeps it and succeeds:');
}

async function tilesWritten(child: ChildProcess, count: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.on('message', (tilesDone) => {
      if (Number(tilesDone) >= count) resolve();
    });
    child.once('exit', () => reject(new Error('the write was to be killed, but ended before')));
  });
}

async function picture(name: string, png: string, style: PreviewStyle): Promise<void> {
  const mosaic = await openVrt(join(output, name));
  const preview = await renderPreview(mosaic, { style, maxSizePx: 1024 });
  await mosaic.close();
  writeFileSync(join(output, png), preview.png);
  say(`   ${relative(process.cwd(), join(output, png))}`);
}

await main();

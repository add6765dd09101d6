import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fromArray, writeTiledVrt } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';

const command = fileURLToPath(new URL('../../bin/holdfast.js', import.meta.url));

test('a mosaic is served at the address that is told, until Ctrl-C, which is no failure', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  const data = Int16Array.from({ length: 40 * 40 }, (_, index) => index);
  await writeTiledVrt(path, fromArray({ data, width: 40, height: 40 }), { tileSizePx: 16 });
  const args = ['raster', 'serve', path, '--port', '0', '--json'];
  const child = spawn(process.execPath, [command, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const { url } = JSON.parse(line) as { url: string };
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
  const page = await fetch(url);
  assert.match(await page.text(), /<title>Holdfast<\/title>/);
  const value = (await (await fetch(`${url}value.json?x=3&y=2`)).json()) as {
    values: { value: number }[];
  };
  assert.equal(value.values[0]?.value, 83);
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  assert.deepEqual(await ended, [0, null]);
});

test('what cannot be served is an error before anything listens', () => {
  for (const [args, status, text] of [
    [['none.vrt'], 3, /NOT_FOUND/],
    [['dem.tif'], 2, /holdfast raster index/],
    [['dem.vrt', '--port', '65536'], 2, /0 to 65535/],
  ] as const) {
    const ran = spawnSync(process.execPath, [command, 'raster', 'serve', ...args], {
      encoding: 'utf8',
    });
    assert.equal(ran.status, status, ran.stderr);
    assert.match(ran.stderr, text);
  }
});

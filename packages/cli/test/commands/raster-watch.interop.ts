/** `holdfast raster progress --watch` on a terminal: one that script(1) makes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { beginMosaic, fromArray } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';

const bin = fileURLToPath(new URL('../../bin/holdfast.js', import.meta.url));

test('Ctrl-C ends the drawing of a grid, with 130 and a cursor that is seen', async (t) => {
  const path = join(temporaryDirectory(t), 'dem.vrt');
  const source = fromArray({ data: new Float32Array(64 * 64).fill(1), width: 64, height: 64 });
  const { id } = await beginMosaic(path, source, { partCount: 2, tileSizePx: 32 });
  const command = [process.execPath, bin, 'raster', 'progress', path, id, '--watch'].join(' ');
  const terminal = spawn('script', ['-qefc', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => terminal.kill('SIGKILL'));
  let screen = '';
  terminal.stdout.on('data', (chunk: Buffer) => {
    const wasDrawn = screen.includes('0/4 tiles');
    screen += chunk.toString();
    if (!wasDrawn && screen.includes('0/4 tiles')) terminal.stdin.write('\x03');
  });
  assert.deepEqual(await once(terminal, 'close'), [130, null]);
  assert.ok(screen.startsWith('\u001b[?25l'), JSON.stringify(screen));
  assert.match(screen, /··/u);
  assert.ok(screen.trimEnd().endsWith('\u001b[?25h'), JSON.stringify(screen));
});

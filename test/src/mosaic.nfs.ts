/** Mosaics that two machines share by NFS: one writes, the other reads, verifies and resumes. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { nfsClients, onBothMachines } from '@holdfast/tools/testing';
import { openVrt, recoverVrt, verifyVrt } from '@holdfast/raster';
import { writeValue } from './mosaic-writer.js';

const IN_TURNS = 6;
const SIDE_BY_SIDE = 6;

async function valueAt(path: string): Promise<unknown> {
  const mosaic = await openVrt(path);
  try {
    const { data } = await mosaic.read({ xPx: 20, yPx: 20, widthPx: 1, heightPx: 1 });
    return data[0];
  } finally {
    await mosaic.close();
  }
}

test('a machine reads, verifies and replaces the mosaic that another has just written', async (t) => {
  const { a, b, server } = nfsClients(t);
  for (let round = 1; round <= IN_TURNS; round += 1) {
    const [writer, reader] = round % 2 === 1 ? [a, b] : [b, a];
    // As long as somebody has the old index open, an old name still leads to it.
    const held = round > 1 ? openSync(`${server}/out.vrt`, 'r') : undefined;
    await writeValue(`${writer}/out.vrt`, round);
    assert.equal(await valueAt(`${reader}/out.vrt`), round);
    const { ok, problems } = await verifyVrt(`${reader}/out.vrt`);
    assert.ok(ok, JSON.stringify(problems));
    assert.deepEqual(await recoverVrt(`${reader}/out.vrt`), []);
    if (held !== undefined) closeSync(held);
  }
  const tiles = readdirSync(server).filter((name) => name.includes('_tiles'));
  assert.deepEqual(tiles, [`out_tiles.${IN_TURNS}`], 'no name is used again');
});

test('a mosaic that a machine holds open keeps its tiles while another replaces it', async (t) => {
  const { a, b } = nfsClients(t);
  await writeValue(`${a}/out.vrt`, 1);
  const mosaic = await openVrt(`${b}/out.vrt`);
  for (const value of [2, 3]) await writeValue(`${a}/out.vrt`, value);
  const { data } = await mosaic.read({ xPx: 0, yPx: 0, widthPx: 64, heightPx: 64 });
  assert.deepEqual([...new Set<unknown>(data as Uint8Array)], [1]);
  await mosaic.close();
  await writeValue(`${a}/out.vrt`, 4);
  const tiles = readdirSync(a).filter((name) => name.includes('_tiles'));
  assert.deepEqual(tiles, ['out_tiles.4'], 'closed, its tiles go');
});

test('readers on two machines see no error and no mix while two machines replace the mosaic', async (t) => {
  const clients = nfsClients(t);
  await writeValue(`${clients.a}/out.vrt`, 0);
  const readers = [startReader(t, `${clients.a}/out.vrt`), startReader(t, `${clients.b}/out.vrt`)];
  const writer = new URL('mosaic-writer.js', import.meta.url);
  await onBothMachines(t, clients, writer, String(SIDE_BY_SIDE));
  for (const reader of readers) await reader.ended();
  const { ok, problems } = await verifyVrt(`${clients.a}/out.vrt`);
  assert.ok(ok, JSON.stringify(problems));
  const { youngest } = JSON.parse(readFileSync(`${clients.b}/out.vrt.generations`, 'utf8')) as {
    youngest: number;
  };
  assert.equal(youngest, 1 + 2 * SIDE_BY_SIDE, 'each replacement has a number of its own');
});

function startReader(t: TestContext, path: string): { ended: () => Promise<void> } {
  const program = fileURLToPath(new URL('mosaic-reader.js', import.meta.url));
  const reader = spawn(process.execPath, [program, path]);
  t.after(() => reader.kill('SIGKILL'));
  let output = '';
  for (const stream of [reader.stdout, reader.stderr])
    stream.on('data', (text) => (output += String(text)));
  return {
    async ended() {
      reader.stdin.end();
      const [status] = (await once(reader, 'close')) as [number];
      assert.equal(status, 0, output);
      assert.ok(Number(/READS (\d+)/.exec(output)?.[1]) > 2, output);
    },
  };
}

test('a write that is killed on one machine is resumed on another', (t) => {
  const { a, b, server } = nfsClients(t);
  const whole = write(`${b}/whole.vrt`, 0);
  assert.equal(whole.status, 0, whole.stderr);
  const { calls } = JSON.parse(whole.stdout) as { calls: number };
  let resumedTiles = 0;
  for (const part of [0.7, 0.95]) {
    const [name, step] = [`killed-${part}`, Math.floor(calls * part)];
    assert.equal(write(`${a}/${name}.vrt`, step).signal, 'SIGKILL');
    const { status, stdout, stderr } = write(`${b}/${name}.vrt`, 0);
    assert.equal(status, 0, stderr);
    resumedTiles += (JSON.parse(stdout) as { resumed: number }).resumed;
    assert.deepEqual(tilesOf(`${server}/${name}_tiles`), tilesOf(`${server}/whole_tiles`));
  }
  assert.ok(resumedTiles >= 16, `${resumedTiles} tiles were taken over`);
});

function write(path: string, step: number): ReturnType<typeof runNode> {
  return runNode([fileURLToPath(new URL('resumed-write.js', import.meta.url)), path, String(step)]);
}

function runNode(operands: readonly string[]) {
  return spawnSync(process.execPath, operands, { encoding: 'utf8' });
}

function tilesOf(directory: string): Readonly<Record<string, string>> {
  const names = readdirSync(directory).filter((name) => name.endsWith('.tif'));
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(`${directory}/${name}`, 'base64')]),
  );
}

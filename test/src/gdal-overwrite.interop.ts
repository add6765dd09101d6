/**
 * GDAL reads a mosaic through 200 overwrites: it takes no lock, so what it may count on is
 * `keepPrevious`.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fromArray, writeTiledVrt } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';

const program = fileURLToPath(new URL('../python/gdal_overwrite_reader.py', import.meta.url));
const OVERWRITES = 200;
const KEPT = 4;

interface Answer {
  readonly values?: readonly number[];
  readonly error?: string;
  readonly opened?: boolean;
}

/** Every raster holds one value, so two values within one opened dataset are a mix. */
async function write(path: string, value: number, keepPrevious: number): Promise<void> {
  const source = fromArray({ data: new Uint8Array(64 * 64).fill(value), width: 64, height: 64 });
  await writeTiledVrt(path, source, {
    tileSizePx: 16,
    threads: 0,
    overviews: [2, 4],
    ifExists: 'replace',
    keepPrevious,
    durability: 'atomic',
  });
}

/** A GDAL process; `ask` has it make a pass and gives its answer. */
function startReader(t: TestContext, path: string): { ask: (line: string) => Promise<Answer> } {
  const reader = spawn('/usr/bin/python3', [program, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => reader.kill());
  const lines = createInterface({ input: reader.stdout });
  return {
    ask: async (line) => {
      const answered = once(lines, 'line') as Promise<[string]>;
      reader.stdin.write(`${line}\n`);
      return JSON.parse((await answered)[0]) as Answer;
    },
  };
}

test(`GDAL reads through ${OVERWRITES} overwrites: never an error or a mix, while no dataset stays open for more than keepPrevious of them`, async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  await write(path, 0, KEPT);
  const { ask } = startReader(t, path);
  const seen = new Set<number>();
  for (let made = 0; made < OVERWRITES;) {
    const pass = ask('pass');
    // These race the pass: its dataset may be opened before, among or after them.
    for (let count = 0; count < KEPT; count += 1) {
      made += 1;
      await write(path, made % 251, KEPT);
    }
    const { values, error } = await pass;
    assert.equal(error, undefined);
    assert.equal(values?.length, 1, String(values));
    seen.add(values[0] as number);
  }
  assert.ok(seen.size > OVERWRITES / KEPT / 2, `${seen.size} different mosaics were read`);
});

test('a dataset that is open reads its own tiles after keepPrevious replacements, all of them opened only then', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  await write(path, 1, KEPT);
  const { ask } = startReader(t, path);
  assert.deepEqual(await ask('open'), { opened: true });
  for (let value = 2; value <= 1 + KEPT; value += 1) await write(path, value, KEPT);
  assert.deepEqual(await ask('read'), { values: [1] });
});

test('a dataset that stays open for longer gets an error that names a tile, and never other pixels', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  await write(path, 1, 0);
  const { ask } = startReader(t, path);
  await ask('open');
  await write(path, 2, 0);
  assert.match((await ask('read')).error ?? '', /out_tiles\/tile_00_00\.tif/u);
  assert.deepEqual(await ask('pass'), { values: [2] });
});

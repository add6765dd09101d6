/**
 * Readers that know nothing of GDAL, on the tiles that the defaults make: docs/raster.md has what
 * they read.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { type BandInfo, fromArray, type RasterArray, writeTiledVrt } from '@holdfast/raster';
import { pythonWith, temporaryDirectory } from '@holdfast/tools/testing';

const packages = ['pillow==13.0.0', 'tifffile==2026.3.3', 'imagecodecs==2026.3.6'];
const judge = fileURLToPath(new URL('../python/readers_judge.py', import.meta.url));
const [WIDTH, HEIGHT] = [90, 70];

type MakeSamples = (length: number) => RasterArray;

/** Numbers near both ends of each type and between them. */
const samples: Readonly<Record<string, MakeSamples>> = {
  uint8: (length) => Uint8Array.from({ length }, (_, i) => i * 7),
  uint16: (length) => Uint16Array.from({ length }, (_, i) => i * 6151),
  int16: (length) => Int16Array.from({ length }, (_, i) => i * 6151),
  uint32: (length) => Uint32Array.from({ length }, (_, i) => Math.imul(i, 0x9e37_79b1) >>> 0),
  int32: (length) => Int32Array.from({ length }, (_, i) => Math.imul(i, 0x9e37_79b1)),
  uint64: (length) => BigUint64Array.from({ length }, (_, i) => BigInt(i) * 0x9e37_79b9_7f4a_7c15n),
  int64: (length) => BigInt64Array.from({ length }, (_, i) => BigInt(i) * 0x9e37_79b9_7f4a_7c15n),
  float32: (length) => Float32Array.from({ length }, (_, i) => Math.sin(i) * 1e6),
  float64: (length) => Float64Array.from({ length }, (_, i) => Math.sin(i) * 1e6),
};
const ALL = Object.keys(samples);
const INTEGERS = ALL.filter((type) => type.includes('int'));

/** What each reads; it refuses the rest, and never gives other values. */
const readers: Readonly<
  Record<string, { readonly one: readonly string[]; readonly three: readonly string[] }>
> = {
  pillow: {
    one: ['uint8', 'uint16', 'int16', 'uint32', 'int32', 'float32'],
    three: ['uint8 as colours'],
  },
  tifffile: { one: ALL, three: ['uint8 as colours', ...ALL] },
  'tifffile-alone': { one: INTEGERS, three: ['uint8 as colours', ...INTEGERS] },
};

const colours: readonly BandInfo[] = [{ colour: 'Red' }, { colour: 'Green' }, { colour: 'Blue' }];

for (const [reader, { one, three }] of Object.entries(readers)) {
  test(`${reader} reads from the defaults' tiles what docs/raster.md says, and refuses the rest`, async (t) => {
    const directory = temporaryDirectory(t);
    const list: unknown[] = [];
    const expected: string[] = [];
    for (const [bandCount, types, right] of [
      [1, ALL, one],
      [3, ['uint8 as colours', ...ALL], three],
    ] as const) {
      for (const name of types) {
        const [type = ''] = name.split(' ');
        const data = (samples[type] as MakeSamples)(WIDTH * HEIGHT * bandCount);
        const stem = join(directory, `${list.length}`);
        const bands = name === type ? {} : { bands: colours };
        const source = fromArray({
          data,
          width: WIDTH,
          height: HEIGHT,
          bandCount,
          interleave: 'pixel',
          ...bands,
        });
        await writeTiledVrt(`${stem}.vrt`, source, { threads: 0, durability: 'atomic' });
        writeFileSync(`${stem}.raw`, new Uint8Array(data.buffer));
        const tile = `${stem}_tiles/tile_00_00.tif`;
        list.push([tile, type, bandCount, `${stem}.raw`, WIDTH, HEIGHT]);
        expected.push(`${bandCount} ${name}: ${right.includes(name) ? 'right' : 'error'}`);
      }
    }
    const python = pythonWith('readers-2026-03', packages);
    const input = JSON.stringify(list);
    const { stdout, stderr } = spawnSync(python, [judge, reader], { input, encoding: 'utf8' });
    assert.ok(stdout, stderr);
    const found = (JSON.parse(stdout) as string[]).map((verdict) => verdict.replace(/:.*/u, ''));
    const names = expected.map((each) => each.replace(/: .*/u, ''));
    assert.deepEqual(
      found.map((verdict, index) => `${names[index]}: ${verdict}`),
      expected,
    );
  });
}

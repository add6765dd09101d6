import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { nodeFileSystem } from 'holdfast/os';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { type Directory, directories } from '#src/source/geotiff/directories.js';

async function readAll(t: TestContext, bytes: Uint8Array): Promise<Directory[]> {
  const path = join(temporaryDirectory(t), 'file.tif');
  writeFileSync(path, bytes);
  const file = await nodeFileSystem.open(path, { access: 'read' });
  t.after(() => file.close());
  const found: Directory[] = [];
  for await (const directory of directories(file)) found.push(directory);
  return found;
}

/** A classic TIFF with one entry a directory: tag 256, of type long. */
function tiff(...chain: { at: number; count: number; value: number; next: number }[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(200));
  view.setUint32(0, 0x49492a00);
  view.setUint32(4, chain[0]?.at ?? 0, true);
  for (const { at, count, value, next } of chain) {
    view.setUint16(at, 1, true);
    view.setUint16(at + 2, 256, true);
    view.setUint16(at + 4, 4, true);
    view.setUint32(at + 6, count, true);
    view.setUint32(at + 10, value, true);
    view.setUint32(at + 14, next, true);
  }
  return new Uint8Array(view.buffer);
}

test('a BigTIFF in big-endian order gives its values, inside of entries and outside', async (t) => {
  const view = new DataView(new ArrayBuffer(200));
  view.setUint32(0, 0x4d4d002b);
  view.setUint32(4, 0x00080000);
  view.setBigUint64(8, 16n);
  view.setBigUint64(16, 2n);
  view.setUint16(24, 256);
  view.setUint16(26, 3);
  view.setBigUint64(28, 1n);
  view.setUint16(36, 1234);
  view.setUint16(44, 33_550);
  view.setUint16(46, 12);
  view.setBigUint64(48, 3n);
  view.setBigUint64(56, 100n);
  for (const [index, value] of [0.5, -2, 1e300].entries()) view.setFloat64(100 + 8 * index, value);
  const [directory] = await readAll(t, new Uint8Array(view.buffer));
  assert.deepEqual(await directory?.values(256, 8), [1234]);
  assert.deepEqual(await directory?.values(33_550, 8), [0.5, -2, 1e300]);
  assert.deepEqual(await directory?.values(257, 8), []);
});

test('directories that lead back to one before end the walk', async (t) => {
  const first = { at: 8, count: 1, value: 1, next: 40 };
  const second = { at: 40, count: 1, value: 2, next: 8 };
  assert.equal((await readAll(t, tiff(first, second))).length, 2);
});

test('a value that would reach past the end of the file is an error, however large it says it is', async (t) => {
  const [directory] = await readAll(t, tiff({ at: 8, count: 0xffff_ffff, value: 100, next: 0 }));
  await assert.rejects(async () => directory?.values(256, 2 ** 32), /the file ends before byte/);
});

test('what is no TIFF is an error', async (t) => {
  await assert.rejects(readAll(t, new TextEncoder().encode('II no TIFF at all')), /no TIFF/);
  await assert.rejects(readAll(t, new Uint8Array([0x49, 0x49])), /the file ends/);
});

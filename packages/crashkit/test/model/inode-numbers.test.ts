import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelDisk } from '@holdfast/crashkit';
import type { Fs } from 'holdfast/os';

async function put(fs: Fs, path: string): Promise<bigint> {
  const file = await fs.open(path, { access: 'write', create: 'exclusive' });
  const { ino } = await file.stat();
  await file.close();
  return ino;
}

async function syncRoot(fs: Fs): Promise<void> {
  const root = await fs.openDirectory('/');
  await root.sync();
  await root.close();
}

test('a removed file gives its number to the next one, once no crash can bring it back', async () => {
  const fs = new ModelDisk().process();
  const first = await put(fs, '/a');
  await syncRoot(fs);
  await fs.unlink('/a');
  assert.notEqual(await put(fs, '/b'), first);
  await syncRoot(fs);
  assert.equal(await put(fs, '/c'), first);
});

test('a removed file keeps its number while it is open', async () => {
  const fs = new ModelDisk().process();
  const file = await fs.open('/a', { access: 'write', create: 'exclusive' });
  const { ino } = await file.stat();
  await fs.unlink('/a');
  await syncRoot(fs);
  assert.notEqual(await put(fs, '/b'), ino);
  await file.close();
  assert.equal(await put(fs, '/c'), ino);
});

test('no two files that are there have one number', async () => {
  const fs = new ModelDisk().process();
  const numbers = new Set<bigint>();
  for (const name of ['a', 'b', 'c', 'd']) numbers.add(await put(fs, `/${name}`));
  assert.equal(numbers.size, 4);
});

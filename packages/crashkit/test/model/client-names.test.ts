import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelDisk } from '@holdfast/crashkit';
import type { Fs } from 'holdfast/os';

async function write(fs: Fs, path: string, text: string): Promise<void> {
  const file = await fs.open(path, { access: 'write', create: 'ifMissing' });
  await file.write(Buffer.from(text), 0);
  await file.close();
}

async function read(fs: Fs, path: string): Promise<string> {
  const file = await fs.open(path, { access: 'read' });
  const buffer = Buffer.alloc(10);
  const text = buffer.toString('utf8', 0, await file.read(buffer, 0));
  await file.close();
  return text;
}

async function lookAtDirectory(fs: Fs, path: string): Promise<void> {
  const directory = await fs.openDirectory(path);
  await directory.close();
}

function twoMachines(): readonly [Fs, Fs] {
  const disk = new ModelDisk(undefined, { onNfs: true });
  return [disk.process(), disk.process()];
}

test('a machine finds what a name led to before, until it opens the directory', async () => {
  const [a, b] = twoMachines();
  await write(a, '/file', 'old');
  assert.equal(await read(b, '/file'), 'old');
  await write(a, '/new', 'new');
  await a.rename('/new', '/file');
  assert.deepEqual([await read(a, '/file'), await read(b, '/file')], ['new', 'old']);
  await lookAtDirectory(b, '/');
  assert.equal(await read(b, '/file'), 'new');
});

test('a name that was missing stays so, but for who makes, links, renames or removes it', async () => {
  const [a, b] = twoMachines();
  for (const name of ['/one', '/two']) assert.equal(await b.exists(name), false);
  for (const name of ['/one', '/two']) await write(a, name, 'a');
  await assert.rejects(b.open('/one', { access: 'read' }), { code: 'ENOENT' });
  await assert.rejects(b.open('/one', { access: 'write', create: 'exclusive' }), {
    code: 'EEXIST',
  });
  assert.equal(await b.exists('/two'), false, 'a failed call tells of no other name');
  assert.equal(await a.exists('/two'), true);
  await b.unlink('/two');
  assert.equal(await a.exists('/two'), true, 'to the other machine it is still there');
  assert.equal(await b.exists('/two'), false);
});

test('another machine’s lock is seen on a file and not on a directory', async () => {
  const [a, b] = twoMachines();
  const flags = { access: 'readWrite', create: 'ifMissing' } as const;
  const [fileA, fileB] = [await a.open('/file', flags), await b.open('/file', flags)];
  assert.deepEqual([fileA.tryLock('exclusive'), fileB.tryLock('exclusive')], [true, false]);
  const [rootA, rootB] = [await a.openDirectory('/'), await b.openDirectory('/')];
  assert.deepEqual([rootA.tryLock('exclusive'), rootB.tryLock('exclusive')], [true, true]);
  const again = await a.openDirectory('/');
  assert.equal(again.tryLock('exclusive'), false);
});

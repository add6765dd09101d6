import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import { ModelDisk } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';

/** Each call is made on the model and on the real filesystem, and must have the same outcome. */
const calls: readonly [string, (fs: Fs, root: string) => Promise<unknown>][] = [
  ['open a missing file', (fs, d) => fs.open(`${d}/none`, { access: 'read' })],
  [
    'create an existing file',
    (fs, d) => fs.open(`${d}/file`, { access: 'write', create: 'exclusive' }),
  ],
  [
    'create through a dangling symlink',
    async (fs, d) => {
      await (await fs.open(`${d}/dangling`, { access: 'write', create: 'ifMissing' })).close();
      return (await fs.stat(`${d}/made`)).kind;
    },
  ],
  [
    'create exclusively at a dangling symlink',
    (fs, d) => fs.open(`${d}/dangling`, { access: 'write', create: 'exclusive' }),
  ],
  [
    'open a symlink, not following',
    (fs, d) => fs.open(`${d}/link`, { access: 'read', noFollow: true }),
  ],
  ['open a loop', (fs, d) => fs.open(`${d}/loop`, { access: 'read' })],
  ['open a directory for writing', (fs, d) => fs.open(`${d}/full`, { access: 'write' })],
  ['open a file as a directory', (fs, d) => fs.openDirectory(`${d}/file`)],
  ['a file used as a directory', (fs, d) => fs.stat(`${d}/file/x`)],
  ['a name of 256 bytes', (fs, d) => fs.stat(`${d}/${'n'.repeat(256)}`)],
  ['a name of 255 bytes', (fs, d) => fs.stat(`${d}/${'n'.repeat(255)}`)],
  ['mkdir over a file', (fs, d) => fs.mkdir(`${d}/file`)],
  ['mkdir in a missing directory', (fs, d) => fs.mkdir(`${d}/none/x`)],
  ['rmdir a full directory', (fs, d) => fs.rmdir(`${d}/full`)],
  ['rmdir a file', (fs, d) => fs.rmdir(`${d}/file`)],
  ['unlink a missing file', (fs, d) => fs.unlink(`${d}/none`)],
  [
    'unlink a directory',
    async (fs, d) => {
      await assert.rejects(fs.unlink(`${d}/full`));
    },
  ],
  ['rename a file over a directory', (fs, d) => fs.rename(`${d}/file`, `${d}/empty`)],
  ['rename a directory over a file', (fs, d) => fs.rename(`${d}/empty`, `${d}/file`)],
  ['rename a directory over a full one', (fs, d) => fs.rename(`${d}/empty`, `${d}/full`)],
  ['rename a directory over an empty one', (fs, d) => fs.rename(`${d}/full`, `${d}/empty`)],
  ['rename a directory below itself', (fs, d) => fs.rename(`${d}/full`, `${d}/full/x`)],
  ['rename without replacing', (fs, d) => fs.renameNoReplace(`${d}/file`, `${d}/empty`)],
  [
    'exchange a file and a directory',
    async (fs, d) => {
      await fs.exchange(`${d}/file`, `${d}/full`);
      return [(await fs.stat(`${d}/file`)).kind, (await fs.stat(`${d}/full`)).kind];
    },
  ],
  ['exchange with a missing name', (fs, d) => fs.exchange(`${d}/file`, `${d}/none`)],
  [
    'exchange a directory with one inside it',
    (fs, d) => fs.exchange(`${d}/full`, `${d}/full/inner`),
  ],
  [
    'link a file',
    async (fs, d) => {
      await fs.link(`${d}/file`, `${d}/other`);
      return (await fs.stat(`${d}/other`)).linkCount;
    },
  ],
  [
    'list a directory',
    async (fs, d) =>
      (await fs.readDirectory(d)).map(({ name, kind }) => `${name} ${kind}`).toSorted(),
  ],
  ['read a link', async (fs, d) => (await fs.readlink(`${d}/link`)).slice(d.length)],
  ['read a link that is none', (fs, d) => fs.readlink(`${d}/file`)],
  ['resolve a path', async (fs, d) => (await fs.realpath(`${d}/full/../link`)).slice(d.length)],
  [
    'a sparse write and a truncation',
    async (fs, d) => {
      const file = await fs.open(`${d}/file`, { access: 'readWrite' });
      await file.write(Buffer.from('far'), 5000);
      await file.truncate(5001);
      await file.truncate(5004);
      const buffer = Buffer.alloc(9000, 1);
      const count = await file.read(buffer, 3);
      await file.close();
      return [count, buffer.toString('latin1', 0, count)];
    },
  ],
  [
    'write to a file opened for reading',
    async (fs, d) => (await fs.open(`${d}/file`, { access: 'read' })).write(Buffer.from('x'), 0),
  ],
  [
    'open and truncate',
    async (fs, d) => {
      await (await fs.open(`${d}/file`, { access: 'write', truncate: true })).close();
      return (await fs.stat(`${d}/file`)).sizeBytes;
    },
  ],
  [
    'two locks of one file',
    async (fs, d) => {
      const [a, b] = [
        await fs.open(`${d}/file`, { access: 'readWrite' }),
        await fs.open(`${d}/file`, { access: 'readWrite' }),
      ];
      const taken = [a.tryLock('shared'), b.tryLock('shared'), b.tryLock('exclusive')];
      await a.close();
      return [...taken, b.tryLock('exclusive')];
    },
  ],
  [
    'a file unlinked while open',
    async (fs, d) => {
      const file = await fs.open(`${d}/file`, { access: 'read' });
      await fs.unlink(`${d}/file`);
      return [await file.read(Buffer.alloc(10), 0), (await file.stat()).linkCount];
    },
  ],
];

for (const [name, call] of calls) {
  test(`the model does as the kernel does: ${name}`, async (t) => {
    assert.deepEqual(
      await outcomeOn(new ModelDisk().process(), '/root', call),
      await outcomeOnDisk(t, call),
    );
  });
}

async function outcomeOnDisk(t: TestContext, call: (fs: Fs, root: string) => Promise<unknown>) {
  return outcomeOn(nodeFileSystem, `${temporaryDirectory(t)}/root`, call);
}

async function outcomeOn(fs: Fs, root: string, call: (fs: Fs, root: string) => Promise<unknown>) {
  await makeTree(fs, root);
  try {
    const result = await call(fs, root);
    return typeof result === 'object' && result !== null && 'close' in result ? 'opened' : result;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

async function makeTree(fs: Fs, root: string): Promise<void> {
  for (const path of ['', '/full', '/full/inner', '/empty']) await fs.mkdir(root + path);
  await fs.symlink('made', `${root}/dangling`);
  await fs.symlink(`${root}/file`, `${root}/link`);
  await fs.symlink('loop', `${root}/loop`);
  const file = await fs.open(`${root}/file`, { access: 'write', create: 'exclusive' });
  await file.write(Buffer.from('content'), 0);
  await file.close();
}

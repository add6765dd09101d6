/** Paths that begin at an open directory. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, symlinkSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { nodeFileSystem as fs } from 'holdfast/os';

const onlyLinux = {
  skip: process.platform === 'linux' ? false : 'Linux alone is known to have them',
};

test('what is reached through an open directory stays in it', onlyLinux, async (t) => {
  const root = temporaryDirectory(t);
  for (const name of ['tree', 'other']) mkdirSync(`${root}/${name}`);
  const directory = await fs.openDirectory(`${root}/tree`, { noFollow: true });
  renameSync(`${root}/tree`, `${root}/moved`);
  symlinkSync('other', `${root}/tree`);
  await fs.mkdir(directory.at('below'));
  const below = await fs.openDirectory(directory.at('below'), { noFollow: true });
  const file = await fs.open(below.at('file'), { access: 'write', create: 'exclusive' });
  await fs.rename(below.at('file'), directory.at('renamed'));
  const names = (await fs.readDirectory(directory.at('.'))).map(({ name }) => name);
  assert.deepEqual(names.toSorted(), ['below', 'renamed']);
  assert.deepEqual(readdirSync(`${root}/moved`).toSorted(), ['below', 'renamed']);
  assert.deepEqual(readdirSync(`${root}/other`), []);
  assert.equal(below.path, `${root}/tree/below`, 'the path by which it was opened');
  assert.equal(file.path, `${root}/tree/below/file`);
  for (const handle of [file, below, directory]) await handle.close();
});

test('an error of the kernel names the paths that people know', onlyLinux, async (t) => {
  const root = temporaryDirectory(t);
  const directory = await fs.openDirectory(root);
  const [none, to] = [directory.at('none'), directory.at('to')];
  const path = `${root}/none`;
  await assert.rejects(fs.unlink(none), {
    path,
    message: `ENOENT: no such file or directory, unlink '${path}'`,
  });
  await assert.rejects(fs.rename(none, to), { path, dest: `${root}/to` });
  await assert.rejects(fs.renameNoReplace(none, to), { path });
  await assert.rejects(fs.lstat(none), { path });
  await directory.close();
});

test('a directory that was closed leads nowhere', async (t) => {
  const directory = await fs.openDirectory(temporaryDirectory(t));
  await directory.close();
  if (process.platform !== 'win32') assert.throws(() => directory.at('name'), /not open/);
});

test('names in the root directory have one slash', async () => {
  const root = await fs.openDirectory('/');
  const below = await fs.openDirectory(root.at('tmp'));
  assert.equal(below.path, '/tmp');
  await below.close();
  await root.close();
});

test('a directory that is not to be followed is refused behind a symlink', onlyLinux, async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/real`);
  symlinkSync('real', `${root}/link`);
  await assert.rejects(fs.openDirectory(`${root}/link`, { noFollow: true }), { code: 'ENOTDIR' });
  await (await fs.openDirectory(`${root}/link`)).close();
});

test(
  'a canonical path is not followed through a symlink in any part of it',
  onlyLinux,
  async (t) => {
    const root = temporaryDirectory(t);
    mkdirSync(`${root}/real/below/deep`, { recursive: true });
    symlinkSync('real', `${root}/link`);
    symlinkSync('deep', `${root}/real/below/last`);
    for (const path of ['link/below/deep', 'link/below', 'link', 'real/below/last']) {
      for (const namesOnly of [true, false]) {
        await assert.rejects(
          fs.openDirectory(`${root}/${path}`, { noSymlinks: true, namesOnly }),
          { code: 'ENOTDIR', path: `${root}/${path}` },
          path,
        );
      }
    }
    // Not the name by which the kernel knows it, and no symlink in it.
    for (const path of [`${root}/real/below/deep`, `${root}//real/./below/deep/`, '/']) {
      await (await fs.openDirectory(path, { noSymlinks: true })).close();
    }
    await assert.rejects(fs.openDirectory(`${root}/none`, { noSymlinks: true }), {
      code: 'ENOENT',
    });
  },
);

test(
  "under Node's permission model names are reached by the paths that it allows",
  onlyLinux,
  (t) => {
    const root = temporaryDirectory(t);
    const script = `
    import { nodeFileSystem as fs } from 'holdfast/os';
    const directory = await fs.openDirectory('${root}', { noSymlinks: true });
    await fs.mkdir(directory.at('made'));
    await directory.close();`;
    const model = process.allowedNodeEnvironmentFlags.has('--permission')
      ? '--permission'
      : '--experimental-permission';
    const flags = ['--no-warnings', model, '--allow-fs-read=*', `--allow-fs-write=${root}/*`];
    execFileSync(process.execPath, [...flags, '--input-type=module', '--eval', script], {
      cwd: import.meta.dirname,
    });
    assert.deepEqual(readdirSync(root), ['made']);
  },
);

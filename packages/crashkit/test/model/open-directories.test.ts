/** Paths that begin at an open directory, in the model and as hooks see them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interceptFs, ModelDisk } from '@holdfast/crashkit';
import type { Fs } from 'holdfast/os';

async function moveWhileOpen(fs: Fs): Promise<void> {
  await fs.mkdir('/tree');
  await fs.mkdir('/other');
  const directory = await fs.openDirectory('/tree', { noFollow: true });
  await fs.rename('/tree', '/moved');
  await fs.symlink('other', '/tree');
  await fs.mkdir(directory.at('below'));
  const below = await fs.openDirectory(directory.at('below'), { noFollow: true });
  await fs.rename(directory.at('below'), directory.at('renamed'));
  await below.close();
  await directory.close();
  await assert.rejects(fs.lstat(directory.at('renamed')), { code: 'EBADF' });
}

test('what is reached through an open directory stays in it', async () => {
  const disk = new ModelDisk();
  const fs = disk.process();
  await moveWhileOpen(fs);
  assert.deepEqual(await fs.readDirectory('/moved'), [{ name: 'renamed', kind: 'directory' }]);
  assert.deepEqual(await fs.readDirectory('/other'), []);
  const texts = disk.operations.map(({ text }) => text);
  assert.ok(texts.includes('rename /tree/below /tree/renamed'), texts.join('\n'));
  await assert.rejects(fs.openDirectory('/tree', { noFollow: true }), { code: 'ENOTDIR' });
});

test('a hook sees the paths that people know', async () => {
  const seen: string[] = [];
  const fs = interceptFs(new ModelDisk().process(), {
    before({ name, path, args }) {
      seen.push([name, path, ...args.slice(1).filter((arg) => typeof arg === 'string')].join(' '));
      return undefined;
    },
  });
  await moveWhileOpen(fs);
  assert.ok(seen.includes('rename /tree/below /tree/renamed'), seen.join('\n'));
  assert.ok(seen.includes('mkdir /tree/below'));
});

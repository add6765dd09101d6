import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError, recover, transaction } from 'holdfast';
import { nodeFileSystem, systemError, type Fs } from 'holdfast/os';

const files = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => !name.endsWith('.lock'))
    .toSorted();

for (const [name, errno, type] of [
  ['EIO, as rclone says', 5, 'fuse.rclone'],
  ['ERANGE, as cryfs says', 34, 'fuse.cryfs'],
  ['ENOTSUP', 95, undefined],
] as const) {
  test(`a transaction moves a file where link gives ${name}, and blocks nothing`, async (t) => {
    const root = temporaryDirectory(t);
    mkdirSync(`${root}/sub`);
    writeFileSync(`${root}/old`, 'x');
    const fs: Fs = {
      ...nodeFileSystem,
      async statFilesystem(path) {
        const stat = await nodeFileSystem.statFilesystem(path);
        return type === undefined ? stat : { ...stat, mount: { type, options: [] } };
      },
      async link(from) {
        throw systemError(errno, 'link', from);
      },
    };
    await transaction(
      root,
      async (tx) => {
        await tx.replaceFile('a', 'A');
        await tx.rename('old', 'sub/new');
      },
      { fs },
    );
    assert.deepEqual(files(root), ['a', 'sub']);
    assert.equal(readFileSync(`${root}/sub/new`, 'utf8'), 'x');
    assert.equal((await recover(root)).journal, 'none');
  });
}

test('what keeps a file from getting its new name is found before the commit point', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/sub`);
  writeFileSync(`${root}/old`, 'x');
  let atLink: readonly string[] | undefined;
  const fs: Fs = {
    ...nodeFileSystem,
    async link(_from, to) {
      atLink ??= readdirSync(root);
      throw systemError(28, 'link', to);
    },
  };
  const moved = transaction(
    root,
    async (tx) => {
      await tx.replaceFile('a', 'A');
      await tx.rename('old', 'sub/new');
    },
    { fs },
  );
  await assert.rejects(
    moved,
    (error) => isHoldfastError(error, 'NO_SPACE') && error.outcome === 'unchanged',
  );
  assert.ok(atLink && !atLink.includes('.holdfast-journal'), atLink?.join());
  assert.deepEqual(files(root), ['old', 'sub']);
});

test('the old content goes also where a second name has an inode number of its own', async (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(`${root}/a`, '1');
  const second = new Map<string, bigint>();
  const fs: Fs = {
    ...nodeFileSystem,
    async exchange(a) {
      throw systemError(22, 'renameat2', a);
    },
    async link(from, to) {
      await nodeFileSystem.link(from, to);
      second.set(to, BigInt(1000 + second.size));
    },
    async lstat(path) {
      const stat = await nodeFileSystem.lstat(path);
      return { ...stat, ino: second.get(path) ?? stat.ino };
    },
  };
  for (const content of ['2', '3']) {
    await transaction(root, (tx) => tx.replaceFile('a', content), { fs });
    assert.deepEqual(files(root), ['a']);
    assert.equal(readFileSync(`${root}/a`, 'utf8'), content);
  }
});

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { isHoldfastError, probe, type Fs } from 'holdfast';
import { nodeFileSystem, systemError } from 'holdfast/os';
import { observeFs, temporaryDirectory } from '@holdfast/tools/testing';
import { findMount, parseMountInfo } from '#src/directory/mount-info.js';

async function holdsFor(directory: string, fs: Fs): Promise<Record<string, string>> {
  const { guarantees } = await probe(directory, { fs });
  return Object.fromEntries(guarantees.map(({ name, holds }) => [name, holds]));
}

function failing(...calls: readonly string[]): Fs {
  return observeFs(nodeFileSystem, {
    before: ({ call, path }) => {
      if (calls.includes(call)) throw systemError(22, call, path);
    },
  });
}

test('a call that does not work takes away the guarantees that rest on it, and no others', async (t) => {
  const root = temporaryDirectory(t);
  const all = await holdsFor(root, nodeFileSystem);
  const lost = async (...calls: readonly string[]): Promise<string[]> => {
    const now = await holdsFor(root, failing(...calls));
    return Object.keys(all).filter((name) => all[name] === 'yes' && now[name] !== 'yes');
  };
  // Windows has no exchange that could be lost.
  const replaced = nodeFileSystem.hasExchange === false ? [] : ['a directory is replaced whole'];
  assert.deepEqual(await lost('exchange'), replaced);
  const durability = 'what is acknowledged survives power loss';
  assert.equal((await holdsFor(root, failing('sync')))[durability], 'no');
  // In a temporary directory in memory it does not hold anyway.
  assert.deepEqual(await lost('sync'), all[durability] === 'yes' ? [durability] : []);
  assert.deepEqual(await lost('setXattr'), ['attributes and ACLs are kept']);
  assert.deepEqual(await lost('rename'), [
    'a file is replaced whole',
    'a new directory is published whole',
  ]);
  assert.deepEqual(readdirSync(root), [], 'the probe leaves nothing');
});

test('where other machines share the filesystem, no lock is trusted', async (t) => {
  const root = temporaryDirectory(t);
  const fs: Fs = {
    ...observeFs(nodeFileSystem, {}),
    statFilesystem: async (path) => ({
      ...(await nodeFileSystem.statFilesystem(path)),
      type: 0x6969,
    }),
  };
  const holds = await holdsFor(root, fs);
  assert.equal(holds['writers of all processes take turns'], 'unknown');
  assert.equal(holds['what dead processes leave is swept'], 'unknown');
  assert.equal(holds['what is acknowledged survives power loss'], 'unknown');
});

test('a missing directory is refused, and so is an unknown option', async (t) => {
  const root = temporaryDirectory(t);
  await assert.rejects(probe(`${root}/missing`), (error) => isHoldfastError(error, 'NOT_FOUND'));
  await assert.rejects(probe(root, { fx: 1 } as never), (error) =>
    isHoldfastError(error, 'INVALID_ARGUMENT'),
  );
});

const mountInfo = `\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,nobarrier
30 22 0:40 / /var/with\\040space rw,nosuid shared:2 master:3 - tmpfs tmpfs rw,size=1k
31 22 0:41 /sub /data rw - btrfs /dev/vdb rw,subvol=/sub
32 22 0:42 / /data rw - overlay overlay rw,volatile
`;

test('the mount of a path is the last one on the longest mount point above it', () => {
  const mounts = parseMountInfo(mountInfo);
  assert.equal(findMount(mounts, '/data')?.type, 'overlay');
  assert.equal(findMount(mounts, '/database')?.type, 'ext4');
  assert.equal(findMount(mounts, '/var/with space/x')?.type, 'tmpfs');
  assert.ok(findMount(mounts, '/')?.options.includes('nobarrier'));
  assert.equal(mounts[2]?.rootInFilesystem, '/sub');
});

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { isHoldfastError, probe, type Fs } from 'holdfast';
import { nodeFileSystem, systemError } from 'holdfast/os';
import { observeFs } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';

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

test('overwriting in place is tried, and where the redo copies lie is told', async (t) => {
  const root = temporaryDirectory(t);
  const row = 'a file is overwritten in place safely';
  const stateDirectory = `${temporaryDirectory(t)}/none/yet`;
  const reasons = await reasonsFor(root, { ...nodeFileSystem, stateDirectory });
  assert.equal(reasons[row]?.[0], 'yes');
  assert.ok(reasons[row]?.[1].includes(`lies beside it, of a file with hard links`));
  assert.ok(reasons[row]?.[1].includes(stateDirectory));
  assert.equal(await nodeFileSystem.exists(stateDirectory), false, 'it is not made');
  const none = await reasonsFor(root, { ...nodeFileSystem, stateDirectory: undefined });
  assert.match(none[row]?.[1] ?? '', /beside it, and there is no state directory/u);
  const [holds, because] = (await reasonsFor(root, failing('write')))[row] ?? [];
  assert.equal(holds, 'no');
  assert.match(because ?? '', /Leave out inPlace/u);
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

/** A filesystem of a type on which every look at one thing goes its own way. */
function mountedAs(type: string, changes: Partial<Fs> = {}): Fs {
  return {
    ...nodeFileSystem,
    statFilesystem: async (path) => ({
      ...(await nodeFileSystem.statFilesystem(path)),
      mount: { type, options: [] },
    }),
    ...changes,
  };
}

function mountedByNfs(...options: readonly string[]): Fs {
  return mountedAs('nfs', {
    statFilesystem: async (path) => ({
      ...(await nodeFileSystem.statFilesystem(path)),
      type: 0x6969,
      mount: { type: 'nfs', options },
    }),
  });
}

async function reasonsFor(directory: string, fs: Fs): Promise<Record<string, [string, string]>> {
  const { guarantees } = await probe(directory, { fs });
  return Object.fromEntries(guarantees.map(({ name, holds, because }) => [name, [holds, because]]));
}

test('a file whose name is lost for a moment is not replaced whole, and a reader is told what to do', async (t) => {
  // As a filesystem without an atomic rename does it: for an instant the name leads nowhere.
  const fs = mountedAs('fuse.of-tomorrow', {
    async rename(from, to) {
      await nodeFileSystem.rename(to, `${to}.gone`).catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
      await nodeFileSystem.rename(from, to);
    },
  });
  const reasons = await reasonsFor(temporaryDirectory(t), fs);
  const [holds, because] = reasons['a file is replaced whole'] as [string, string];
  assert.equal(holds, 'no');
  assert.match(because, /readJson/);
});

test(
  'a mode that is not kept is told, with what to do',
  { skip: process.platform === 'win32' },
  async (t) => {
    const fs = mountedAs('vfat', {
      async open(...args) {
        const file = await nodeFileSystem.open(...args);
        file.chmod = async () => undefined;
        return file;
      },
    });
    const reasons = await reasonsFor(temporaryDirectory(t), fs);
    assert.equal(reasons['a secret is kept from others']?.[0], 'no');
    assert.match(reasons['a secret is kept from others']?.[1] ?? '', /Keep secrets on another/);
    assert.equal(reasons['what is acknowledged survives power loss']?.[0], 'no');
  },
);

test('"only this mount" and "nobody" are verdicts of their own', async (t) => {
  const directory = temporaryDirectory(t);
  const turns = 'writers of all processes take turns';
  const of = async (type: string): Promise<string | undefined> =>
    (await reasonsFor(directory, mountedAs(type)))[turns]?.[0];
  assert.equal(await of('overlay'), 'thisMount');
  assert.equal(await of('fakeowner'), 'no');
  assert.equal(await of('ext4'), 'yes');
});

test('of NFS it is told what machines see of each other, by the options of the mount', async (t) => {
  const directory = temporaryDirectory(t);
  const of = async (...options: readonly string[]): Promise<readonly (string | undefined)[]> => {
    const reasons = await reasonsFor(directory, mountedByNfs(...options));
    const names = reasons['what another machine wrote is found'] ?? [];
    const readers = reasons['readers of a mosaic on other machines keep their tiles'] ?? [];
    return [names[0], /lookupcache=none|nocto/.exec(names[1] ?? '')?.[0], readers[0]];
  };
  const mounts = [[], ['nocto'], ['lookupcache=none', 'nolock']];
  assert.deepEqual(await Promise.all(mounts.map((options) => of(...options))), [
    ['yes', 'lookupcache=none', 'yes'],
    ['no', 'nocto', 'yes'],
    ['yes', 'lookupcache=none', 'thisMachine'],
  ]);
});

test('what another process says of a lock is told in one line, without a stack', async (t) => {
  const directory = temporaryDirectory(t);
  const fs = mountedAs('ext4', {
    async open(path, flags, mode) {
      const file = await nodeFileSystem.open(path, flags, mode);
      // Gone before the other process comes.
      if (path.endsWith('/lock')) await nodeFileSystem.unlink(path);
      return file;
    },
  });
  const { checks } = await probe(directory, { fs });
  const { detail = '' } = checks.find(({ name }) => name.startsWith('two processes')) ?? {};
  assert.match(detail, /another process: ENOENT/);
  assert.equal(detail.split('\n').length, 1);
});

test('what could not be tried for want of room is unknown, and the room is what is missing', async (t) => {
  const ENOSPC = 28;
  const fs = mountedAs('ext4', {
    async mkdir(path, ...rest) {
      if (!path.includes('holdfast-probe') || path.endsWith('/full')) {
        throw systemError(ENOSPC, 'mkdir', path);
      }
      return nodeFileSystem.mkdir(path, ...rest);
    },
  });
  const reasons = await reasonsFor(temporaryDirectory(t), fs);
  const [holds, because] = reasons['a new directory is published whole'] as [string, string];
  assert.equal(holds, 'unknown');
  assert.match(because, /no room/);
  assert.equal(reasons['there is room to write']?.[0], 'no');
  assert.equal(reasons['a file is replaced whole']?.[0], 'yes');
});

test('a filesystem that tells no size (ramfs) is not full', async (t) => {
  const fs = mountedAs('ramfs', {
    statFilesystem: async (path) => ({
      ...(await nodeFileSystem.statFilesystem(path)),
      freeBytes: 0,
      totalBytes: 0,
    }),
  });
  const reasons = await reasonsFor(temporaryDirectory(t), fs);
  assert.equal(reasons['there is room to write']?.[0], 'yes');
});

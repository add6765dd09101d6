import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  appendRecords,
  compactRecords,
  isHoldfastError,
  publishDirectory,
  readJson,
  readRecords,
  type Fs,
} from 'holdfast';
import { nodeFileSystem, openGiven, systemError } from 'holdfast/os';
import { rememberFull, whenFilled } from '#src/file/seen-full.js';
import { openOwn } from '#src/os/handles.js';

const ESTALE = 116;

/** What a kernel remembers of a file that another mount has made longer; `fresh` asks who knows. */
const remembering: Fs = {
  ...nodeFileSystem,
  async open(...args) {
    const file = await nodeFileSystem.open(...args);
    return overridden(file, {
      async stat(freshness?: 'fresh') {
        const stat = await file.stat(freshness);
        return freshness === 'fresh'
          ? stat
          : { ...stat, sizeBytes: Math.floor(stat.sizeBytes / 2) };
      },
    });
  },
  statFilesystem: async (path) => ({
    ...(await nodeFileSystem.statFilesystem(path)),
    mount: { type: 'fuse.bindfs', options: [] },
  }),
};

function overridden<T extends object>(whole: T, parts: Partial<T>): T {
  return new Proxy(whole, {
    get(target, name) {
      if (Object.hasOwn(parts, name)) return Reflect.get(parts, name) as unknown;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

test('no document is cut at the size that the kernel remembers', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  writeFileSync(path, '{"a":1}');
  assert.deepEqual(await readJson(path, { fs: remembering }), { a: 1 });
});

for (const [name, open] of [
  ['a file that a caller has named', openGiven],
  ['a file of ours', (fs: Fs, path: string) => openOwn(fs, path, { access: 'read' })],
] as const) {
  test(`${name} is as long as the server says`, async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    writeFileSync(path, '0123456789', { mode: 0o600 });
    const { handle, stat } = await open(remembering, path);
    await handle.close();
    assert.equal(stat.sizeBytes, 10);
  });
}

test('no record is overwritten, read over or dropped behind the size that the kernel remembers', async (t) => {
  const path = `${temporaryDirectory(t)}/a.jsonl`;
  const fs = remembering;
  await appendRecords(path, [{ id: 1 }, { id: 2 }], { fs });
  await appendRecords(path, [{ id: 3 }], { fs });
  const whole = '{"id":1}\n{"id":2}\n{"id":3}\n';
  assert.equal(readFileSync(path, 'utf8'), whole);
  await compactRecords(path, { key: 'id', fs });
  assert.equal(readFileSync(path, 'utf8'), whole);
  const ids: unknown[] = [];
  for await (const { id } of readRecords<{ id: number }>(path, { fs })) ids.push(id);
  assert.deepEqual(ids, [1, 2, 3]);
});

test('a file that another mount has filled is not empty', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  writeFileSync(path, 'x');
  rememberFull(remembering, path);
  const file = await remembering.open(path, { access: 'read' });
  const { sizeBytes } = await whenFilled(remembering, path, file, await file.stat());
  await file.close();
  assert.equal(sizeBytes, 1);
});

test('a tree that its server has removed is not replaced, though its number is that of the one that is there', async (t) => {
  const path = `${temporaryDirectory(t)}/out`;
  await publishDirectory(path, (stage) => stage.write('page', 'old'));
  const fs: Fs = {
    ...nodeFileSystem,
    async openDirectory(of, flags) {
      const directory = await nodeFileSystem.openDirectory(of, flags);
      return overridden(directory, {
        async stat(freshness?: 'fresh') {
          const isOld = freshness === 'fresh' && readPage(directory.at('page')) === 'old';
          if (isOld && isReplacing) throw systemError(ESTALE, 'statx', of);
          return directory.stat(freshness);
        },
      });
    },
  };
  let isReplacing = false;
  const replacing = publishDirectory(
    path,
    async (stage) => {
      await stage.write('page', 'new');
      isReplacing = true;
    },
    { ifExists: 'replace', fs },
  );
  await assert.rejects(replacing, (error) => isHoldfastError(error, 'TARGET_CHANGED'));
  assert.equal(readPage(`${path}/page`), 'old');
});

function readPage(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

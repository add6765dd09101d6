import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { test, type TestContext } from 'node:test';
import {
  appendRecords,
  publishDirectory,
  readJson,
  readRecords,
  updateJson,
  isHoldfastError,
  type Fs,
  type Stage,
} from 'holdfast';
import { nodeFileSystem, openGiven, systemError } from 'holdfast/os';
import { temporaryDirectory } from '@holdfast/tools/testing';

const ENOENT = 2;
const ESTALE = 116;

/** The calls that lead from a name to what it names. */
const lookingCalls = ['open', 'openDirectory', 'lstat', 'readlink', 'realpath'] as const;
type Look = (typeof lookingCalls)[number];

/**
 * The same filesystem, with something done before every look at a name, and a mount table that says
 * FUSE.
 */
function looking(before: (call: Look, path: string) => void, type = 'fuse.bindfs'): Fs {
  const watched = lookingCalls.map((name) => {
    const look = nodeFileSystem[name] as (path: string, ...rest: unknown[]) => Promise<unknown>;
    const watch = async (path: string, ...rest: unknown[]): Promise<unknown> => {
      before(name, path);
      return look(path, ...rest);
    };
    return [name, watch] as const;
  });
  return {
    ...nodeFileSystem,
    ...(Object.fromEntries(watched) as unknown as Pick<Fs, Look>),
    statFilesystem: async (path) => ({
      ...(await nodeFileSystem.statFilesystem(path)),
      mount: { type, options: [] },
    }),
  };
}

/** Where the first `count` looks at a name fail, or those of one kind. */
function forgetful(
  name: string,
  errno: number,
  count: number,
  only?: Look,
): { fs: Fs; left: () => number } {
  let left = count;
  const fs = looking((call, path) => {
    if (!path.endsWith(name) || call !== (only ?? call) || left === 0) return;
    left -= 1;
    throw systemError(errno, call, path);
  });
  return { fs, left: () => left };
}

async function recordsOf(path: string, fs: Fs = nodeFileSystem): Promise<unknown[]> {
  const records: unknown[] = [];
  for await (const record of readRecords(path, { fs })) records.push(record);
  return records;
}

function documentIn(t: TestContext): string {
  const path = `${temporaryDirectory(t)}/a.json`;
  writeFileSync(path, '{"kept":1}\n');
  return path;
}

for (const [name, errno] of [
  ['ENOENT', ENOENT],
  ['ESTALE', ESTALE],
] as const) {
  test(`where a name may lead nowhere for a moment, ${name} is no missing document for a reader`, async (t) => {
    const path = documentIn(t);
    for (const count of [1, 3, 4]) {
      const { fs, left } = forgetful('a.json', errno, count);
      assert.deepEqual(await readJson(path, { initial: {}, fs }), { kept: 1 });
      assert.equal(left(), 0);
    }
  });

  test(`an update begins nothing anew because of ${name}`, async (t) => {
    const path = documentIn(t);
    const { fs } = forgetful('a.json', errno, 4);
    const value = await updateJson<Record<string, number>>(
      path,
      (before) => ({ ...before, more: 2 }),
      { fs },
    );
    assert.deepEqual(value, { kept: 1, more: 2 });
  });

  test(`a log is neither empty nor made anew because of ${name}`, async (t) => {
    const path = `${temporaryDirectory(t)}/a.jsonl`;
    await appendRecords(path, [{ n: 1 }]);
    const reading = forgetful('a.jsonl', errno, 3);
    assert.deepEqual(await recordsOf(path, reading.fs), [{ n: 1 }]);
    await appendRecords(path, [{ n: 2 }], { fs: forgetful('a.jsonl', errno, 3).fs });
    assert.deepEqual(await recordsOf(path), [{ n: 1 }, { n: 2 }]);
  });
}

test('a reader that found nothing looks once more under the lock of the writers, if there is one', async (t) => {
  const path = documentIn(t);
  // More often than is asked without the lock.
  const many = 20;
  const without = forgetful('a.json', ENOENT, many);
  assert.deepEqual(await readJson(path, { initial: 'nothing', fs: without.fs }), 'nothing');
  writeFileSync(`${path}.lock`, '');
  // Found by none of the looks without the lock, and by the first one under it.
  let isLocked = false;
  const fs = looking((call, of) => {
    isLocked ||= call === 'open' && of.endsWith('.lock');
    if (of.endsWith('a.json') && !isLocked) throw systemError(ENOENT, call, of);
  });
  assert.deepEqual(await readJson(path, { initial: 'nothing', fs }), { kept: 1 });
});

/** Each look by itself, where every other one succeeds: of which thing, and who looks. */
const alone: readonly [string, Look, string, number, (path: string, fs: Fs) => Promise<unknown>][] =
  [
    ['a document between lstat and open', 'open', 'a.json', ENOENT, readDocument],
    ['a document between lstat and open', 'open', 'a.json', ESTALE, readDocument],
    ['a document that is updated', 'open', 'a.json', ENOENT, updateDocument],
    ['the directory of a document', 'realpath', 'folder', ESTALE, readDocument],
    ['a symlink to a document', 'readlink', 'link', ESTALE, readByLink],
    ['a lock file', 'open', 'a.json.lock', ESTALE, updateDocument],
    ['a lock file that is locked', 'lstat', 'a.json.lock', ESTALE, updateDocument],
    ['a file that a caller has named', 'open', 'a.json', ESTALE, openAsGiven],
    ['a tree to be replaced', 'openDirectory', 'tree', ESTALE, publishTree],
  ];

async function readDocument(path: string, fs: Fs): Promise<unknown> {
  return readJson(path, { initial: 'nothing', fs });
}

async function updateDocument(path: string, fs: Fs): Promise<unknown> {
  return updateJson(path, (before) => before, { fs });
}

async function readByLink(path: string, fs: Fs): Promise<unknown> {
  symlinkSync('a.json', `${dirname(path)}/link`);
  return readDocument(`${dirname(path)}/link`, fs);
}

async function openAsGiven(path: string, fs: Fs): Promise<unknown> {
  const { handle } = await openGiven(fs, path);
  await handle.close();
  return JSON.parse(readFileSync(path, 'utf8'));
}

async function publishTree(path: string, fs: Fs): Promise<unknown> {
  const target = `${dirname(path)}/tree`;
  mkdirSync(target);
  writeFileSync(`${target}/old`, '');
  const fill = (stage: Stage): Promise<void> => stage.write('copy', readFileSync(path));
  await publishDirectory(target, fill, { ifExists: 'replace', fs });
  return JSON.parse(readFileSync(`${target}/copy`, 'utf8'));
}

for (const [what, call, name, errno, work] of alone) {
  const errnoName = errno === ENOENT ? 'ENOENT' : 'ESTALE';
  test(`${errnoName} of ${call} alone: ${what} is there (${work.name})`, async (t) => {
    const folder = `${temporaryDirectory(t)}/folder`;
    mkdirSync(folder);
    writeFileSync(`${folder}/a.json`, '{"kept":1}\n');
    writeFileSync(`${folder}/a.json.lock`, '');
    const { fs, left } = forgetful(name, errno, 3, call);
    assert.deepEqual(await work(`${folder}/a.json`, fs), { kept: 1 });
    assert.equal(left(), 0);
  });
}

test('a log whose name leads nowhere for a moment is not made', async (t) => {
  const path = `${temporaryDirectory(t)}/a.jsonl`;
  await appendRecords(path, [{ n: 1 }]);
  const { fs, left } = forgetful('a.jsonl', ENOENT, 5, 'lstat');
  const creating: unknown[] = [];
  const watched: Fs = {
    ...fs,
    async open(of, flags, mode) {
      if (of.endsWith('a.jsonl')) creating.push(flags.create);
      return fs.open(of, flags, mode);
    },
  };
  await appendRecords(path, [{ n: 2 }], { fs: watched });
  assert.equal(left(), 0);
  assert.deepEqual(creating, [undefined]);
});

test('a log that is replaced between its name and its descriptor is opened again', async (t) => {
  const path = `${temporaryDirectory(t)}/a.jsonl`;
  await appendRecords(path, [{ n: 1 }]);
  const { fs, left } = forgetful('a.jsonl', ESTALE, 3, 'open');
  await appendRecords(path, [{ n: 2 }], { fs });
  assert.equal(left(), 0);
  assert.deepEqual(await recordsOf(path), [{ n: 1 }, { n: 2 }]);
});

test('a reader of a log asks again without a lock, and then once more under it', async (t) => {
  const path = `${temporaryDirectory(t)}/a.jsonl`;
  writeFileSync(path, '{"n":1}\n');
  const { fs, left } = forgetful('a.jsonl', ENOENT, 4);
  assert.deepEqual(await recordsOf(path, fs), [{ n: 1 }]);
  assert.equal(left(), 0);
  writeFileSync(`${path}.lock`, '');
  let isLocked = false;
  const underLock = looking((call, of) => {
    isLocked ||= call === 'open' && of.endsWith('.lock');
    if (of.endsWith('a.jsonl') && !isLocked) throw systemError(ENOENT, call, of);
  });
  assert.deepEqual(await recordsOf(path, underLock), [{ n: 1 }]);
});

test('an ESTALE that stays is told by its name', async (t) => {
  const path = documentIn(t);
  const { fs } = forgetful('a.json', ESTALE, Infinity);
  await assert.rejects(readJson(path, { fs }), (error) => {
    assert.ok(isHoldfastError(error, 'IO'));
    assert.match(error.message, /ESTALE/);
    return true;
  });
});

test('on a local filesystem what is missing is missing at the first look', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  let looks = 0;
  const count = (call: string, of: string): void => {
    if (call === 'lstat' && of.endsWith('a.json')) looks += 1;
  };
  assert.equal(await readJson(path, { initial: 0, fs: looking(count, 'ext4') }), 0);
  assert.ok(looks <= 2, `${looks} looks`);
});

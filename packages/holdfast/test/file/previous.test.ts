import assert from 'node:assert/strict';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  acquireLock,
  isHoldfastError,
  listPrevious,
  replaceFile,
  restorePrevious,
  transaction,
  updateEnv,
  updateFile,
  updateJson,
  updateToml,
  updateYaml,
  withLock,
} from 'holdfast';
import { nodeFileSystem, systemError, type Fs } from 'holdfast/os';

const code = (name: Parameters<typeof isHoldfastError>[1]) => (error: unknown) =>
  isHoldfastError(error, name);
const permissions = (path: string): number => statSync(path).mode & 0o7777;
const text = (path: string): string => readFileSync(path, 'utf8');

const withoutLinks: Fs = {
  ...nodeFileSystem,
  async link(_, path) {
    throw systemError(constants.errno.EPERM, 'link', path);
  },
};

/** What the versions hold, the latest first. */
async function history(path: string, previousDirectory?: string): Promise<string[]> {
  const versions = await listPrevious(path, { previousDirectory });
  return versions.map((version) => `${version.version} ${text(version.path)}`);
}

for (const [kind, fs] of [
  ['', nodeFileSystem],
  [', also where no links can be made', withoutLinks],
] as const) {
  test(`the last versions stay beside the file, and no more than asked for${kind}`, async (t) => {
    const directory = temporaryDirectory(t);
    const path = `${directory}/a`;
    for (const content of ['1', '2', '3', '4', '5']) {
      await replaceFile(path, content, { keepPrevious: 2, fs });
    }
    assert.deepEqual(readdirSync(directory).toSorted(), [
      'a',
      'a.lock',
      'a.previous-3',
      'a.previous-4',
    ]);
    assert.deepEqual(await history(path), ['4 4', '3 3']);
    assert.equal(text(path), '5');
    // A call that keeps none leaves those that are there.
    await replaceFile(path, '6', { fs });
    assert.deepEqual(await history(path), ['4 4', '3 3']);
  });

  test(`in a named directory versions of files with one name stay apart${kind}`, async (t) => {
    const directory = temporaryDirectory(t);
    const previousDirectory = `${directory}/versions`;
    for (const name of ['versions', 'x', 'y']) mkdirSync(`${directory}/${name}`);
    for (const content of ['1', '2', '3']) {
      for (const name of ['x', 'y']) {
        const options = { keepPrevious: 1, previousDirectory, fs };
        await replaceFile(`${directory}/${name}/same`, name + content, options);
      }
    }
    assert.deepEqual(await history(`${directory}/x/same`, previousDirectory), ['2 x2']);
    assert.deepEqual(await history(`${directory}/y/same`, previousDirectory), ['2 y2']);
    assert.deepEqual(await history(`${directory}/x/same`), []);
    const [name] = readdirSync(previousDirectory);
    assert.match(name ?? '', /^same-[0-9a-f]{32}\.previous-2$/u);
  });

  test(`a replacement that fails keeps nothing and removes nothing${kind}`, async (t) => {
    const directory = temporaryDirectory(t);
    const path = `${directory}/a`;
    for (const content of ['1', '2']) await replaceFile(path, content, { keepPrevious: 1, fs });
    const before = readdirSync(directory).toSorted();
    const failing: Fs = {
      ...fs,
      async rename(_, to) {
        throw systemError(constants.errno.EIO, 'rename', to);
      },
    };
    await assert.rejects(replaceFile(path, '3', { keepPrevious: 1, fs: failing }), code('IO'));
    assert.deepEqual(readdirSync(directory).toSorted(), before);
    assert.deepEqual(await history(path), ['1 1']);
    assert.equal(text(path), '2');
  });
}

test('every update keeps the version that its commit replaces; one that changes nothing keeps none', async (t) => {
  const directory = temporaryDirectory(t);
  const options = { keepPrevious: 3 };
  const updates: Record<string, (value: string) => Promise<unknown>> = {
    'a.json': (v) => updateJson(`${directory}/a.json`, () => ({ v }), options),
    'a.toml': (v) => updateToml(`${directory}/a.toml`, () => ({ v }), options),
    'a.yaml': (v) => updateYaml(`${directory}/a.yaml`, () => ({ v }), options),
    '.env': (v) => updateEnv(`${directory}/.env`, () => ({ v }), options),
    'a.txt': (v) => updateFile(`${directory}/a.txt`, () => v, options),
  };
  for (const [name, update] of Object.entries(updates)) {
    const path = `${directory}/${name}`;
    const contents: string[] = [];
    for (const value of ['one', 'two', 'three']) {
      await update(value);
      contents.unshift(text(path));
    }
    await update('three');
    assert.deepEqual(await history(path), [`2 ${contents[1]}`, `1 ${contents[2]}`], name);
  }
});

test('updaters that share a commit share its version', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const options = { keepPrevious: 100 };
  await updateJson(path, () => ({ n: 0 }), options);
  const add = (): Promise<unknown> =>
    updateJson<{ n: number }>(path, (value) => void (value.n += 1), options);
  await Promise.all(Array.from({ length: 20 }, add));
  const versions = await listPrevious(path);
  assert.ok(versions.length >= 1 && versions.length < 20, `${versions.length} versions`);
  assert.match(text(path), /"n": 20/u);
});

test('side by side, each replacement keeps what the one before has written', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  const contents = Array.from({ length: 20 }, (_, index) => `${index}`);
  await Promise.all(contents.map((content) => replaceFile(path, content, { keepPrevious: 100 })));
  const versions = await listPrevious(path);
  const seen = [text(path), ...versions.map((version) => text(version.path))];
  assert.deepEqual(seen.toSorted(), contents.toSorted());
});

test('a replacement under a lock that the chain holds goes on under it, and so does restoring', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  await withLock(path, async () => {
    await replaceFile(path, '1', { keepPrevious: 1 });
    await replaceFile(path, '2', { keepPrevious: 1 });
    await restorePrevious(path);
  });
  assert.equal(text(path), '1');
  const lock = await acquireLock(path);
  const options = { keepPrevious: 1, timeoutMs: 0 };
  await assert.rejects(replaceFile(path, '3', options), code('LOCK_TIMEOUT'));
  await assert.rejects(restorePrevious(path, { timeoutMs: 0 }), code('LOCK_TIMEOUT'));
  await lock.release();
  assert.equal(text(path), '1');
});

test('restoring keeps what was there, so that restoring again undoes it', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/a`;
  for (const content of ['1', '2', '3']) await replaceFile(path, content, { keepPrevious: 9 });
  const { restored, kept } = await restorePrevious(path);
  assert.equal(restored.version, 2);
  assert.deepEqual(kept, { version: 3, path: `${path}.previous-3` });
  assert.equal(text(path), '2');
  await restorePrevious(path);
  assert.equal(text(path), '3');
  await restorePrevious(path, { version: 1 });
  assert.equal(text(path), '1');
  assert.deepEqual(await history(path), ['5 3', '4 2', '3 3', '2 2', '1 1']);
  // A version is never the file itself: who writes the file in place does not change it.
  writeFileSync(path, 'in place');
  assert.deepEqual(await history(path), ['5 3', '4 2', '3 3', '2 2', '1 1']);
});

test('a file that is missing is made again from its latest version', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  for (const content of ['1', '2']) {
    await replaceFile(path, content, { keepPrevious: 1, mode: 0o640 });
  }
  rmSync(path);
  const { restored, kept } = await restorePrevious(path);
  assert.deepEqual([restored.version, kept, text(path)], [1, undefined, '1']);
  assert.equal(permissions(path), 0o640);
});

test('a version that is not there is NOT_FOUND, and nothing is changed', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  await replaceFile(path, '1', { keepPrevious: 1 });
  await assert.rejects(restorePrevious(path), code('NOT_FOUND'));
  await replaceFile(path, '2', { keepPrevious: 1 });
  await assert.rejects(restorePrevious(path, { version: 7 }), (error: Error) => {
    assert.match(error.message, /No version 7 .* there are 1/u);
    return code('NOT_FOUND')(error);
  });
  assert.equal(text(path), '2');
  assert.deepEqual(await history(path), ['1 1']);
});

test('what a dead replacement had linked is no version, and the next one uses it', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/a`;
  for (const content of ['1', '2']) await replaceFile(path, content, { keepPrevious: 2 });
  linkSync(path, `${path}.previous-2`);
  assert.deepEqual(await history(path), ['1 1']);
  await replaceFile(path, '3', { keepPrevious: 2 });
  assert.deepEqual(await history(path), ['2 2', '1 1']);
});

test('what a dead replacement had copied is taken for the version that it is', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  const options = { keepPrevious: 2, fs: withoutLinks };
  for (const content of ['1', '2']) await replaceFile(path, content, options);
  const stopped: Fs = {
    ...withoutLinks,
    // As a process that dies: it tidies nothing up.
    async rename(_, to) {
      throw systemError(constants.errno.EIO, 'rename', to);
    },
    async unlink() {},
  };
  for (const content of ['3', '3']) {
    await assert.rejects(replaceFile(path, content, { ...options, fs: stopped }), code('IO'));
  }
  await replaceFile(path, '3', options);
  assert.deepEqual(await history(path), ['4 2', '1 1']);
});

test('nobody may read a version who could not read the file, and a secret has secret versions', async (t) => {
  for (const fs of [nodeFileSystem, withoutLinks]) {
    const path = `${temporaryDirectory(t)}/a`;
    await replaceFile(path, 'open', { mode: 0o644, fs });
    await replaceFile(path, 'secret', { secret: true, keepPrevious: 9, fs });
    assert.equal(permissions(`${path}.previous-1`), 0o600);
    await replaceFile(path, 'group', { mode: 0o640, keepPrevious: 9, fs });
    assert.equal(permissions(`${path}.previous-2`), 0o600);
    await replaceFile(path, 'all', { mode: 0o644, keepPrevious: 9, fs });
    assert.equal(permissions(`${path}.previous-3`), 0o640);
    // The secret comes back as one, and the present mode is no reason to open it.
    await restorePrevious(path, { version: 2, fs });
    assert.deepEqual([text(path), permissions(path)], ['secret', 0o600]);
    await restorePrevious(path, { version: 4, fs });
    assert.deepEqual([text(path), permissions(path)], ['all', 0o600]);
    chmodSync(path, 0o604);
    await restorePrevious(path, { version: 3, fs });
    assert.deepEqual([text(path), permissions(path)], ['group', 0o600]);
  }
});

test('a program with set-ID bits is kept without them', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  writeFileSync(path, 'old');
  chmodSync(path, 0o4755);
  await replaceFile(path, 'new', { keepPrevious: 1 });
  assert.deepEqual([text(`${path}.previous-1`), permissions(`${path}.previous-1`)], ['old', 0o755]);
});

test('a file that is overwritten in place is kept by a copy', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  const mounted: Fs = {
    ...nodeFileSystem,
    async rename(from, to) {
      if (to.endsWith('/a')) throw systemError(constants.errno.EBUSY, 'rename', to);
      await nodeFileSystem.rename(from, to);
    },
  };
  writeFileSync(path, '1');
  linkSync(path, `${path}.previous-1`);
  const options = { keepPrevious: 3, inPlace: 'ifNeeded', fs: mounted } as const;
  for (const content of ['2', '3']) await replaceFile(path, content, options);
  assert.deepEqual([text(path), statSync(path).nlink], ['3', 1]);
  assert.deepEqual(await history(path), ['2 2', '1 1']);
});

test('names that are no files of ours are neither listed, followed, replaced nor swept', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/a`;
  const outside = `${directory}/outside`;
  writeFileSync(outside, 'precious');
  writeFileSync(path, '1');
  symlinkSync(outside, `${path}.previous-1`);
  mkdirSync(`${path}.previous-2`);
  writeFileSync(`${path}.previous-03`, 'no number');
  writeFileSync(`${path}.previous-x`, 'no number');
  for (const content of ['2', '3', '4']) await replaceFile(path, content, { keepPrevious: 1 });
  const [latest, ...others] = await listPrevious(path);
  assert.deepEqual([text(latest?.path ?? ''), others], ['3', []]);
  for (const name of ['previous-1', 'previous-2', 'previous-03', 'previous-x']) {
    assert.ok(readdirSync(directory).includes(`a.${name}`), name);
  }
  assert.equal(text(outside), 'precious');
});

test('where another file comes to have the name that is linked, the version is still what was opened', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/a`;
  writeFileSync(path, 'opened');
  writeFileSync(`${directory}/b`, 'other');
  const racing: Fs = {
    ...nodeFileSystem,
    async link(from, to) {
      renameSync(`${directory}/b`, path);
      await nodeFileSystem.link(from, to);
    },
  };
  await replaceFile(path, 'new', { keepPrevious: 1, fs: racing });
  assert.deepEqual(await history(path), ['1 opened']);
});

test('the old name is durable before the new content has its own', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/a`;
  for (const content of ['1', '2']) await replaceFile(path, content, { keepPrevious: 1 });
  const calls: string[] = [];
  const recorded: Fs = {
    ...nodeFileSystem,
    async openDirectory(at, flags) {
      const opened = await nodeFileSystem.openDirectory(at, flags);
      const sync = opened.sync.bind(opened);
      opened.sync = async () => {
        calls.push('sync');
        await sync();
      };
      return opened;
    },
    async link(from, to) {
      calls.push('link');
      await nodeFileSystem.link(from, to);
    },
    async rename(from, to) {
      calls.push('rename');
      await nodeFileSystem.rename(from, to);
    },
    async unlink(at) {
      calls.push('unlink');
      await nodeFileSystem.unlink(at);
    },
  };
  await replaceFile(path, '3', { keepPrevious: 1, fs: recorded });
  assert.deepEqual(calls, ['link', 'sync', 'rename', 'sync', 'unlink']);
});

test('a transaction keeps versions with its commit, and none without it', async (t) => {
  const directory = temporaryDirectory(t);
  const keep = { keepPrevious: 1 };
  const change = (n: number, end: () => void = () => undefined): Promise<void> =>
    transaction(directory, async (tx) => {
      await tx.replaceFile('a', `a${n}`, keep);
      await tx.updateFile('b', () => `b${n}`, keep);
      await tx.updateJson('c', () => ({ n }), { ...keep, indent: 0 });
      await tx.updateFile('d', end);
    });
  for (const n of [1, 2, 3]) await change(n);
  const versions = async (): Promise<string[][]> =>
    Promise.all(['a', 'b', 'c'].map((name) => history(`${directory}/${name}`)));
  assert.deepEqual(await versions(), [['2 a2'], ['2 b2'], ['2 {"n":2}\n']]);
  const names = readdirSync(directory).toSorted();
  const fail = (): never => {
    throw new Error('no');
  };
  await assert.rejects(change(4, fail), code('UPDATER_FAILED'));
  assert.deepEqual(readdirSync(directory).toSorted(), names);
  assert.deepEqual(await versions(), [['2 a2'], ['2 b2'], ['2 {"n":2}\n']]);
});

test('wrong options are refused before anything is touched', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/a`;
  const refused = code('INVALID_ARGUMENT');
  for (const keepPrevious of [-1, 1.5, NaN, '2' as unknown as number]) {
    await assert.rejects(replaceFile(path, '', { keepPrevious }), refused);
    await assert.rejects(
      updateJson(path, () => ({}), { keepPrevious }),
      refused,
    );
    const inTransaction = transaction(directory, (tx) => tx.replaceFile('a', '', { keepPrevious }));
    await assert.rejects(inTransaction, refused);
  }
  await assert.rejects(replaceFile(path, '', { previousDirectory: '' }), refused);
  await assert.rejects(replaceFile(path, '', { timeoutMs: 1 }), refused);
  await assert.rejects(replaceFile(path, '', { lockPath: 'x' }), refused);
  await assert.rejects(listPrevious(path, { previousDirectory: '' }), refused);
  await assert.rejects(listPrevious(path, { version: 1 } as object), refused);
  await assert.rejects(restorePrevious(path, { version: 0 }), refused);
  assert.deepEqual(readdirSync(directory), []);
});

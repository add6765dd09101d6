/**
 * An overwrite in place: a redo copy first, so that whoever reads by Holdfast sees the old content
 * or the new one.
 */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { test, type TestContext } from 'node:test';
import { interceptFs } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  isHoldfastError,
  readJson,
  readRecords,
  recover,
  replaceFile,
  transaction,
  updateFile,
  updateJson,
  withLock,
  type ErrorCode,
  type Outcome,
} from 'holdfast';
import { contentIfOverwritten, readWhole } from '#src/journal/overwrite.js';
import { isBelieved } from '#src/journal/redo-copy.js';
import type { FileStat, Fs, FsFile } from '#src/os/fs.js';
import { openResolved, readAll } from '#src/os/handles.js';
import { nodeFileSystem } from '#src/os/node-fs.js';
import { systemError } from '#src/os/system-error.js';

const inPlace = 'always';
const long = (letter: string): string => JSON.stringify(letter.repeat(3 * 64 * 1024));

const failing = (code: ErrorCode, outcome: Outcome) => (error: unknown) =>
  isHoldfastError(error, code) && error.outcome === outcome;

/** A directory for the file, and one for the state of the user. */
function twoDirectories(t: TestContext): { readonly directory: string; readonly state: string } {
  const base = temporaryDirectory(t);
  const [directory, state] = [`${base}/data`, `${base}/home/state/holdfast`];
  mkdirSync(directory);
  return { directory, state };
}

/**
 * A filesystem on which one file takes so many writes; from then on it fails, and so does all that
 * would clean up.
 */
function dyingAfter(path: string, writes: number, code: 'EIO' | 'ENOSPC' = 'EIO'): Fs {
  let left = writes;
  const die = (): void => {
    left -= 1;
    if (left < 0) throw systemError(constants.errno[code], 'write', path);
  };
  return {
    ...nodeFileSystem,
    async open(name, flags, mode) {
      const file = await nodeFileSystem.open(name, flags, mode);
      if (!file.path.endsWith(path)) return file;
      const own: Partial<FsFile> = {
        async write(data, offsetBytes) {
          die();
          return file.write(data, offsetBytes);
        },
        async truncate(sizeBytes) {
          if (code === 'EIO') die();
          await file.truncate(sizeBytes);
        },
      };
      return new Proxy(file, {
        get(inner, key) {
          const member: unknown = Reflect.get(key in own ? own : inner, key);
          return typeof member === 'function' ? (member.bind(inner) as unknown) : member;
        },
      });
    },
  };
}

/**
 * A filesystem that remembers of one file what is long past, unless it is asked for what is so now.
 */
function stale(path: string, fs: Fs = nodeFileSystem): Fs {
  return {
    ...fs,
    async open(name, flags, mode) {
      const file = await fs.open(name, flags, mode);
      if (!file.path.endsWith(path)) return file;
      const stat: FsFile['stat'] = async (freshness) => {
        const now = await file.stat(freshness);
        return freshness === 'fresh' ? now : { ...now, ino: 1n, sizeBytes: 1 };
      };
      return new Proxy(file, {
        get(inner, key) {
          const member: unknown = key === 'stat' ? stat : Reflect.get(inner, key);
          return typeof member === 'function' ? (member.bind(inner) as unknown) : member;
        },
      });
    },
  };
}

/** A file that an overwrite has left between old and new. */
async function halfOverwritten(t: TestContext, options: object = {}): Promise<string> {
  const path = `${temporaryDirectory(t)}/doc.json`;
  writeFileSync(path, long('o'));
  const fs = dyingAfter('/doc.json', 2);
  await assert.rejects(
    replaceFile(path, long('n'), { inPlace, fs, ...options }),
    failing('IO', 'committed'),
  );
  const half = readFileSync(path, 'utf8');
  assert.ok(half.includes('n') && half.includes('o'));
  return path;
}

function redoOf(path: string, directory = path.slice(0, path.lastIndexOf('/'))): string {
  return `${directory}/.holdfast-${statSync(path).ino.toString(16)}.redo`;
}

test('an overwrite keeps inode and mode, and leaves its lock file alone', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/a`;
  for (const data of ['new', long('n'), '', [Buffer.from('in '), Buffer.from('pieces')]]) {
    writeFileSync(path, 'old and longer');
    chmodSync(path, 0o640);
    const { ino } = statSync(path);
    await replaceFile(path, data, { inPlace });
    const whole = Array.isArray(data) ? 'in pieces' : data;
    assert.equal(readFileSync(path, 'utf8'), whole);
    assert.deepEqual([statSync(path).ino, statSync(path).mode & 0o777], [ino, 0o640]);
    assert.deepEqual(readdirSync(directory), [`.holdfast-${ino.toString(16)}.redo.lock`, 'a']);
  }
});

test('a file that is not there is made, and one that can be replaced is, where that is no loss', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  await replaceFile(path, 'made', { inPlace });
  const { ino } = statSync(path);
  await replaceFile(path, 'replaced', { inPlace: 'ifNeeded' });
  assert.notEqual(statSync(path).ino, ino);
  assert.deepEqual(readdirSync(path.slice(0, -2)), ['a']);
});

test('all hard links of a file see what is written by one of them, and what a crash has left by any', async (t) => {
  const { directory, state } = twoDirectories(t);
  mkdirSync(`${directory}/elsewhere`);
  const [path, other] = [`${directory}/doc.json`, `${directory}/elsewhere/name`];
  writeFileSync(path, long('o'));
  linkSync(path, other);
  const fs = { ...nodeFileSystem, stateDirectory: state };
  await updateJson(path, () => 1, { inPlace: 'ifNeeded', fs });
  assert.equal(readFileSync(other, 'utf8'), '1');
  assert.equal(statSync(state).mode & 0o777, 0o700);
  writeFileSync(path, long('o'));
  const dying = { ...dyingAfter('/doc.json', 2), stateDirectory: state };
  await assert.rejects(replaceFile(path, long('n'), { inPlace: 'ifNeeded', fs: dying }));
  assert.ok(existsSync(redoOf(path, state)));
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.startsWith('.')),
    [],
  );
  assert.equal(JSON.stringify(await readJson(other, { fs })), long('n'));
  await withLock(other, () => assert.equal(readFileSync(path, 'utf8'), long('n')), { fs });
  assert.ok(!existsSync(redoOf(path, state)));
});

test('a lock in the state directory says nothing of a younger file with the same inode number', async (t) => {
  const { directory, state } = twoDirectories(t);
  const path = `${directory}/doc.json`;
  writeFileSync(path, long('o'));
  const fs = { ...nodeFileSystem, stateDirectory: state };
  const opened = await openResolved(fs, path, { access: 'read' });
  t.after(() => opened.handle.close());
  if ((await opened.handle.bornMs?.()) === undefined) return;
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const lock = `${redoOf(path, state)}.lock`;
  writeFileSync(lock, '');
  utimesSync(lock, 1e9, 1e9);
  assert.equal(await contentIfOverwritten(fs, path, opened), undefined);
  linkSync(path, `${directory}/name`);
  await replaceFile(path, long('n'), { inPlace: 'ifNeeded', fs });
  assert.deepEqual(readdirSync(state), [basename(lock)]);
  assert.equal(String(await contentIfOverwritten(fs, path, opened)), long('n'));
});

test('what a crash has left nobody of Holdfast sees half of, and the next call finishes it', async (t) => {
  const calls: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
    withLock: (path) => withLock(path, () => undefined),
    updateJson: (path) => updateJson(path, () => undefined),
    updateFile: (path) => updateFile(path, () => undefined),
    replaceFile: (path) => replaceFile(path, long('n')),
    'replaceFile in place': (path) => replaceFile(path, long('n'), { inPlace }),
    transaction: (path) =>
      transaction(path.slice(0, -'/doc.json'.length), (tx) =>
        tx.updateJson('doc.json', () => undefined),
      ),
    recover: (path) => recover(path.slice(0, -'/doc.json'.length)),
  };
  for (const [name, call] of Object.entries(calls)) {
    const path = await halfOverwritten(t);
    assert.equal(JSON.stringify(await readJson(path)), long('n'), name);
    assert.ok(existsSync(redoOf(path)), name);
    await call(path);
    assert.equal(readFileSync(path, 'utf8'), long('n'), name);
    assert.ok(!existsSync(redoOf(path)), name);
  }
});

test('a log that a crash has left half overwritten is read whole', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const log = (letter: string): string => `${JSON.stringify({ n: letter.repeat(200_000) })}\n`;
  writeFileSync(path, log('o'));
  const fs = dyingAfter('/log.jsonl', 2);
  await assert.rejects(updateFile(path, () => log('n') + log('m'), { inPlace, fs }));
  const letters: unknown[] = [];
  for await (const { n } of readRecords(path)) letters.push(String(n).slice(0, 1));
  assert.deepEqual(letters, ['n', 'm']);
});

test('what is open is asked anew, not what this machine remembers of it', async (t) => {
  const path = await halfOverwritten(t);
  const fs = stale('/doc.json');
  assert.equal(JSON.stringify(await readJson(path, { fs })), long('n'));
  await recover(path.slice(0, -'/doc.json'.length));
  const opened = await openResolved(fs, path, { access: 'read' });
  const sizes: number[] = [];
  await readWhole(fs, path, opened, (file, sizeBytes) => {
    sizes.push(sizeBytes);
    return readAll(file, sizeBytes);
  });
  await opened.handle.close();
  const sizeBytes = Buffer.byteLength(long('n'));
  assert.deepEqual(sizes, [sizeBytes, sizeBytes]);

  writeFileSync(path, long('o'));
  const dying = stale('/doc.json', dyingAfter('/doc.json', 2));
  await assert.rejects(replaceFile(path, long('n'), { inPlace, fs: dying }));
  assert.equal(JSON.stringify(await readJson(path)), long('n'));
});

test("a copy is believed of who owns the file, and of its group where the directory is that group's alone", async (t) => {
  const copy = `${temporaryDirectory(t)}/copy`;
  writeFileSync(copy, '');
  const [mine, theirs] = [4242, 4343];
  const stat = { kind: 'file', linkCount: 1, uid: theirs, gid: theirs, mode: 0o664 } as FileStat;
  const believed = (file: Partial<FileStat>, directory: Partial<FileStat>): Promise<boolean> => {
    const fs = { ...nodeFileSystem, stat: async () => ({ ...stat, ...directory }) };
    return isBelieved(fs, copy, stat, { ...stat, ...file });
  };
  const ofGroup = { uid: mine, gid: theirs };
  assert.equal(await believed({ uid: theirs }, { gid: mine, mode: 0o755 }), true);
  assert.equal(await believed(ofGroup, { gid: theirs, mode: 0o775 }), true);
  assert.equal(await believed(ofGroup, { gid: mine, mode: 0o775 }), false);
  assert.equal(await believed(ofGroup, { gid: theirs, mode: 0o777 }), false);
  assert.equal(await believed({ ...ofGroup, mode: 0o644 }, { gid: theirs, mode: 0o775 }), false);
});

test('who finishes what a crash has left trusts no name or byte of it before it is on disk', async (t) => {
  const path = await halfOverwritten(t);
  const directory = path.slice(0, -'/doc.json'.length);
  const names: Readonly<Record<string, string>> = {
    [redoOf(path)]: 'copy',
    [path]: 'file',
    [directory]: 'directory',
  };
  const calls: string[] = [];
  const fs = interceptFs(nodeFileSystem, {
    before({ name, path: on }) {
      const call = `${name} ${names[on]}`;
      const counts = ['write', 'sync', 'unlink'].includes(name) && names[on] !== undefined;
      if (counts && calls.at(-1) !== call) calls.push(call);
      return undefined;
    },
  });
  await recover(directory, { fs });
  assert.deepEqual(calls, [
    'sync copy',
    'sync directory',
    'write file',
    'sync file',
    'unlink copy',
    'sync directory',
  ]);
});

test('recover tells what it found, and only tells it with dryRun', async (t) => {
  const path = await halfOverwritten(t);
  const root = path.slice(0, -'/doc.json'.length);
  const [pending] = (await recover(root, { dryRun: true })).overwrites;
  assert.deepEqual(pending, { path, state: 'pending' });
  assert.deepEqual((await recover(root)).overwrites, [{ path, state: 'finished' }]);
  assert.deepEqual((await recover(root)).overwrites, []);
});

test('a copy is not followed over what another program has written since', async (t) => {
  const writes: Readonly<Record<string, (path: string) => void>> = {
    'other bytes': (path) => writeFileSync(path, long('x')),
    'a few other bytes': (path) =>
      writeFileSync(path, `${readFileSync(path, 'utf8').slice(0, -2)}x"`),
    shorter: (path) => truncateSync(path, 7),
    longer: (path) => appendFileSync(path, 'more'),
    'another file of that name': (path) => {
      writeFileSync(`${path}.new`, readFileSync(path));
      renameSync(`${path}.new`, path);
    },
  };
  for (const [name, write] of Object.entries(writes)) {
    const path = await halfOverwritten(t);
    const copy = redoOf(path);
    write(path);
    const written = readFileSync(path, 'utf8');
    await updateFile(path, (content) => assert.equal(content, written, name), { encoding: 'utf8' });
    assert.equal(readFileSync(path, 'utf8'), written, name);
    await recover(path.slice(0, -'/doc.json'.length));
    assert.ok(!existsSync(copy), name);
    assert.equal(readFileSync(path, 'utf8'), written, name);
  }
});

test('a copy that is not whole is never followed', async (t) => {
  const tears: Readonly<Record<string, (copy: string) => void>> = {
    'a byte of the content': (copy) => tear(copy, (bytes) => void (bytes[70_000] = 0)),
    'a byte of the old content': (copy) => tear(copy, (bytes) => void (bytes[270_000] = 0)),
    'a byte of the line': (copy) =>
      tear(copy, (bytes) => void bytes.writeUInt8((bytes.at(-20) ?? 0) ^ 1, bytes.length - 20)),
    'its end': (copy) => truncateSync(copy, 200_000),
    'all of it': (copy) => truncateSync(copy, 0),
    'more bytes': (copy) => tear(copy, (bytes) => Buffer.concat([Buffer.from('x'), bytes])),
  };
  for (const [name, harm] of Object.entries(tears)) {
    const path = await halfOverwritten(t);
    const half = readFileSync(path, 'utf8');
    harm(redoOf(path));
    await updateFile(path, (content) => assert.equal(content, half, name), { encoding: 'utf8' });
    assert.equal(readFileSync(path, 'utf8'), half, name);
  }
});

function tear(path: string, change: (bytes: Buffer) => Buffer | void): void {
  const bytes = readFileSync(path);
  writeFileSync(path, change(bytes) ?? bytes);
}

test('the copy of a secret is for this user alone, and no copy is for more people than the file', async (t) => {
  for (const [options, before, expected] of [
    [{ secret: true }, 0o644, 0o600],
    [{}, 0o640, 0o640],
    [{ mode: 0o604 }, 0o640, 0o600],
    [{ mode: 0o644 }, 0o600, 0o600],
  ] as const) {
    const path = `${temporaryDirectory(t)}/doc.json`;
    writeFileSync(path, long('o'));
    chmodSync(path, before);
    const fs = dyingAfter('/doc.json', 2);
    await assert.rejects(replaceFile(path, long('n'), { inPlace, fs, ...options }));
    assert.equal(statSync(redoOf(path)).mode & 0o777, expected);
    assert.equal(statSync(path).mode & ~before & 0o777, 0);
    await recover(path.slice(0, -'/doc.json'.length));
    const wanted = { mode: before, ...options };
    assert.equal(statSync(path).mode & 0o777, 'secret' in wanted ? 0o600 : wanted.mode);
  }
});

test('what a mode keeps from others it keeps before the first byte of the new content is there', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  writeFileSync(path, 'old');
  chmodSync(path, 0o644);
  const modes: number[] = [];
  const fs: Fs = {
    ...nodeFileSystem,
    async open(name, flags, mode) {
      const file = await nodeFileSystem.open(name, flags, mode);
      if (file.path !== path) return file;
      const write: FsFile['write'] = (data, offsetBytes) => {
        modes.push(statSync(path).mode & 0o777);
        return file.write(data, offsetBytes);
      };
      return new Proxy(file, {
        get(inner, key) {
          const member: unknown = key === 'write' ? write : Reflect.get(inner, key);
          return typeof member === 'function' ? (member.bind(inner) as unknown) : member;
        },
      });
    },
  };
  await replaceFile(path, long('n'), { inPlace, mode: 0o600, fs });
  assert.deepEqual([...new Set(modes)], [0o600]);
});

test('a full disk leaves the old file, and no copy', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  writeFileSync(path, '"old"');
  for (const writes of [0, 1, 2]) {
    const fs = dyingAfter('/doc.json', writes, 'ENOSPC');
    await assert.rejects(
      replaceFile(path, long('n'), { inPlace, fs }),
      failing('NO_SPACE', 'unchanged'),
    );
    assert.equal(readFileSync(path, 'utf8'), '"old"');
    assert.ok(!existsSync(redoOf(path)));
  }
});

test('a name of ours that leads elsewhere is neither followed nor touched', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  writeFileSync(path, '"old"');
  writeFileSync(`${path}.precious`, 'precious');
  symlinkSync(`${path}.precious`, redoOf(path));
  await assert.rejects(replaceFile(path, '"new"', { inPlace }), failing('NAME_TAKEN', 'unchanged'));
  assert.equal(await readJson(path), 'old');
  assert.equal(readFileSync(path, 'utf8'), '"old"');
  assert.equal(readFileSync(`${path}.precious`, 'utf8'), 'precious');
});

test('readers beside a writer that overwrites see the old document or the new one', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  writeFileSync(path, long('a'));
  const over = new AbortController();
  const write = async (): Promise<void> => {
    for (let round = 0; round < 20; round += 1) {
      await replaceFile(path, long('ab'[round % 2] as string), { inPlace, durability: 'atomic' });
    }
    over.abort();
  };
  const read = async (): Promise<void> => {
    while (!over.signal.aborted)
      assert.ok([long('a'), long('b')].includes(JSON.stringify(await readJson(path))));
  };
  await Promise.all([write(), read(), read()]);
});

test('a transaction refuses to overwrite in place', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/a`, '{}');
  const options = { inPlace } as object;
  for (const call of [
    () => transaction(directory, (tx) => tx.replaceFile('a', 'new', options)),
    () => transaction(directory, (tx) => tx.updateJson('a', () => ({ n: 1 }), options)),
    () => transaction(directory, (tx) => tx.updateFile('a', () => Buffer.of(1), options)),
  ]) {
    await assert.rejects(call(), failing('INVALID_ARGUMENT', 'unchanged'));
  }
  assert.equal(readFileSync(`${directory}/a`, 'utf8'), '{}');
});

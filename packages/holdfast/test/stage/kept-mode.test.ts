import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError, replaceFile, transaction, updateJson } from 'holdfast';
import { nodeFileSystem, type FileStat, type Fs, type FsFile } from 'holdfast/os';

const isUnix = process.platform !== 'win32';

/** A filesystem on which every file has one mode, as vfat or SMB is mounted. */
function withOneMode(mode: number): { fs: Fs; written: () => number } {
  let writtenBytes = 0;
  const fixed = (stat: FileStat): FileStat => (stat.kind === 'file' ? { ...stat, mode } : stat);
  const proxied = (file: FsFile): FsFile =>
    new Proxy(file, {
      get(inner, name) {
        if (name === 'chmod') return async () => undefined;
        if (name === 'stat') return async () => fixed(await inner.stat());
        const value: unknown = Reflect.get(inner, name);
        if (typeof value !== 'function') return value;
        if (name === 'write') {
          return async (data: Uint8Array, at: number) => {
            writtenBytes += data.length;
            return inner.write(data, at);
          };
        }
        return value.bind(inner) as unknown;
      },
    });
  const fs: Fs = {
    ...nodeFileSystem,
    open: async (...args) => proxied(await nodeFileSystem.open(...args)),
    stat: async (path) => fixed(await nodeFileSystem.stat(path)),
    lstat: async (path) => fixed(await nodeFileSystem.lstat(path)),
  };
  return { fs, written: () => writtenBytes };
}

const isRefused = (error: unknown): boolean =>
  isHoldfastError(error, 'UNSUPPORTED_PLATFORM') &&
  error.outcome === 'unchanged' &&
  /does not keep modes/.test(error.message);

test(
  'a secret that the filesystem would show to everyone is refused before its first byte',
  { skip: !isUnix },
  async (t) => {
    const directory = temporaryDirectory(t);
    const { fs, written } = withOneMode(0o755);
    const path = `${directory}/token`;
    await assert.rejects(replaceFile(path, 'secret', { secret: true, fs }), isRefused);
    await assert.rejects(replaceFile(path, 'secret', { mode: 0o640, fs }), isRefused);
    await assert.rejects(
      updateJson(path, () => ({ a: 1 }), { secret: true, fs }),
      isRefused,
    );
    await assert.rejects(
      transaction(directory, (tx) => tx.replaceFile('token', 'secret', { mode: 0o600 }), { fs }),
      isRefused,
    );
    assert.equal(written(), 0);
    assert.deepEqual(
      readdirSync(directory).filter((name) => !name.endsWith('.lock')),
      [],
    );
  },
);

test(
  'a mode that the filesystem gives anyway is no reason to refuse',
  { skip: !isUnix },
  async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    await replaceFile(path, 'open', { mode: 0o755, fs: withOneMode(0o755).fs });
    await replaceFile(path, 'as before', { fs: withOneMode(0o755).fs });
    assert.equal(readFileSync(path, 'utf8'), 'as before');
  },
);

test(
  'a mode that is ignored at the end only is found out before the file is published',
  { skip: !isUnix },
  async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    writeFileSync(path, 'old');
    chmodSync(path, 0o644);
    const fs: Fs = {
      ...nodeFileSystem,
      async open(...args) {
        const file = await nodeFileSystem.open(...args);
        file.chmod = async () => undefined;
        return file;
      },
    };
    await assert.rejects(replaceFile(path, 'new', { mode: 0o640, fs }), isRefused);
    assert.equal(readFileSync(path, 'utf8'), 'old');
  },
);

test(
  'a new file that would be open to more than the old one is not published',
  { skip: !isUnix },
  async (t) => {
    const path = `${temporaryDirectory(t)}/a`;
    writeFileSync(path, 'old');
    chmodSync(path, 0o600);
    const lstat: Fs['lstat'] = (of) => nodeFileSystem.lstat(of);
    const fs: Fs = { ...withOneMode(0o644).fs, lstat };
    await assert.rejects(replaceFile(path, 'new', { fs }), isRefused);
    assert.equal(readFileSync(path, 'utf8'), 'old');
  },
);

test(
  'an overwrite in place refuses a mode that is ignored, and leaves the file as it is',
  { skip: !isUnix },
  async (t) => {
    const directory = temporaryDirectory(t);
    const path = `${directory}/a`;
    writeFileSync(path, 'old');
    const { fs, written } = withOneMode(0o755);
    const cannotRename: Fs = {
      ...fs,
      rename: async () => {
        throw Object.assign(new Error('busy'), { code: 'EBUSY' });
      },
    };
    for (const inPlace of ['ifNeeded', 'always'] as const) {
      await assert.rejects(
        replaceFile(path, 'new', { secret: true, inPlace, fs: cannotRename }),
        isRefused,
      );
    }
    assert.equal(written(), 0);
    assert.equal(readFileSync(path, 'utf8'), 'old');
    assert.ok(existsSync(path));
    assert.equal(statSync(directory).isDirectory(), true);
  },
);

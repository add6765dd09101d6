/** The calls that macOS would get, over a recorded native layer. Not run on macOS. */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { darwinNative } from '#src/os/native/darwin.js';
import { recordedKoffi, type Answer } from './recorded-koffi.js';

/** The native layer of macOS over a koffi that calls nothing. */
function recorded(answers: Readonly<Record<string, Answer>>, errno = 0) {
  const { koffi, calls, libraries } = recordedKoffi(answers, errno);
  return { native: darwinNative(koffi), calls, libraries };
}

test('locks are flock, never blocking: LOCK_EX | LOCK_NB, LOCK_SH | LOCK_NB, LOCK_UN', () => {
  const { native, calls, libraries } = recorded({});
  assert.equal(native.tryLock(7, 'exclusive', 'p'), true);
  assert.equal(native.tryLock(7, 'shared', 'p'), true);
  native.unlock(7, 'p');
  assert.deepEqual(calls, [
    ['flock', 7, 6],
    ['flock', 7, 5],
    ['flock', 7, 8],
  ]);
  assert.deepEqual(libraries, ['/usr/lib/libSystem.B.dylib']);
});

test('a lock that another holds is not taken, any other refusal is an error with its name', () => {
  // SMB says EACCES.
  for (const errno of [constants.errno.EWOULDBLOCK, constants.errno.EACCES]) {
    const held = recorded({ flock: () => -1 }, errno);
    assert.equal(held.native.tryLock(7, 'exclusive', 'p'), false);
  }
  const unsupported = recorded({ flock: () => -1 }, constants.errno.ENOTSUP);
  assert.throws(() => unsupported.native.tryLock(7, 'exclusive', 'p'), { code: 'ENOTSUP' });
});

test('a swap is renamex_np with RENAME_SWAP, a rename that replaces nothing with RENAME_EXCL', () => {
  const { native, calls } = recorded({});
  native.exchange('a', 'b');
  native.renameNoReplace('a', 'b');
  assert.deepEqual(calls, [
    ['renamex_np', 'a', 'b', 2],
    ['renamex_np', 'a', 'b', 4],
  ]);
  const there = recorded({ renamex_np: () => -1 }, constants.errno.EEXIST);
  assert.throws(() => there.native.renameNoReplace('a', 'b'), { code: 'EEXIST', path: 'a' });
});

test('extended attributes are read with position and options, in the size that the kernel tells', () => {
  const value = Buffer.from('user.a\0user.b\0');
  const fill = (buffer: unknown): number => {
    if (buffer instanceof Uint8Array) buffer.set(value);
    return value.length;
  };
  const { native, calls } = recorded({
    flistxattr: (_fd, buffer) => fill(buffer),
    fgetxattr: (_fd, _name, buffer) => fill(buffer),
  });
  assert.deepEqual(native.listXattrs(7, 'p'), ['user.a', 'user.b']);
  assert.deepEqual(Buffer.from(native.getXattr(7, 'user.a', 'p')), value);
  native.setXattr(7, 'user.a', value, 'p');
  native.removeXattr(7, 'user.a', 'p');
  assert.deepEqual(calls.at(-2), ['fsetxattr', 7, 'user.a', value, value.length, 0, 0]);
  assert.deepEqual(calls.at(-1), ['fremovexattr', 7, 'user.a', 0]);
  assert.deepEqual(calls.find(([name]) => name === 'fgetxattr')?.slice(-2), [0, 0]);
});

test('a sync is F_FULLFSYNC, where a filesystem has none fsync, and no other failure is hidden by that', async () => {
  const done = recorded({});
  await done.native.sync?.(7, 'p');
  assert.deepEqual(done.calls, [['fcntl', 7, 51]]);
  const remote = recorded({ fcntl: () => -1 }, constants.errno.ENOTSUP);
  await remote.native.sync?.(7, 'p');
  assert.deepEqual(remote.calls, [
    ['fcntl', 7, 51],
    ['fsync', 7],
  ]);
  const broken = recorded({ fcntl: () => -1 }, constants.errno.EIO);
  await assert.rejects(broken.native.sync?.(7, 'p') as Promise<void>, {
    code: 'EIO',
    path: 'p',
  });
  assert.deepEqual(broken.calls, [['fcntl', 7, 51]]);
});

test('there is no syncfs, which is an error with its name', async () => {
  await assert.rejects(recorded({}).native.syncFilesystem(7, 'p'), { code: 'ENOSYS' });
});

/**
 * The calls that Windows gets, over a recorded native layer: what no test under Wine can show. Runs
 * anywhere.
 */
import assert from 'node:assert/strict';
import { toNamespacedPath } from 'node:path';
import { test } from 'node:test';
import { windowsNative } from '#src/os/native/windows.js';
import { recordedKoffi, type Answer } from './recorded-koffi.js';

/** Paths as Windows is given them; as they are on any other system. */
const [FROM, TO, Q] = ['C:/d/from', 'C:/d/to', 'C:/d/q'].map(toNamespacedPath) as [
  string,
  string,
  string,
];
const HANDLE = 77;
const ACCESS_DENIED = 5;
const NOT_SUPPORTED = 50;
const INVALID_PARAMETER = 87;
const DIR_NOT_EMPTY = 145;

function recorded(answers: Readonly<Record<string, Answer>>, lastError = 0) {
  const opening = { CreateFileW: () => HANDLE, uv_get_osfhandle: () => HANDLE };
  const all = { ...opening, GetLastError: () => lastError, ...answers };
  const { koffi, calls } = recordedKoffi(all);
  const native = windowsNative(koffi, 'node.exe');
  return { native, calls, named: (name: string) => calls.filter(([each]) => each === name) };
}

const fails = (): number => 0;
const succeeds = (): number => 1;

test('a rename is FileRenameInfoEx on a handle of the source: replace, POSIX semantics, read-only files too', () => {
  const { native, named } = recorded({ SetFileInformationByHandle: succeeds });
  native.renameReplacing('C:/d/from', 'C:/d/to');
  assert.deepEqual(named('MoveFileExW'), []);
  const [[, , access, share] = []] = named('CreateFileW');
  assert.deepEqual([access, share], [0x00010000, 7], 'DELETE, shared with everyone');
  const [[, handle, kind, buffer, size] = []] = named('SetFileInformationByHandle');
  const information = Buffer.from(buffer as Uint8Array);
  assert.deepEqual([handle, kind, size], [HANDLE, 22, information.length]);
  assert.equal(information.readUInt32LE(0), 0x1 | 0x2 | 0x40, 'Flags');
  assert.equal(information.readBigUInt64LE(8), 0n, 'RootDirectory');
  const nameBytes = information.readUInt32LE(16);
  assert.equal(information.toString('utf16le', 20, 20 + nameBytes), TO, 'FileName');
  assert.ok(information.subarray(20 + nameBytes).every((byte) => byte === 0));
  assert.ok(information.length >= 24, 'sizeof(FILE_RENAME_INFO)');
  assert.equal(named('CloseHandle').length, 1);
});

test('a system that does not know POSIX semantics gets MoveFileExW, replacing and written through', () => {
  for (const lastError of [1, NOT_SUPPORTED, INVALID_PARAMETER, 124]) {
    const { native, named } = recorded(
      { SetFileInformationByHandle: fails, MoveFileExW: succeeds },
      lastError,
    );
    native.renameReplacing('C:/d/from', 'C:/d/to');
    assert.deepEqual(named('MoveFileExW'), [['MoveFileExW', FROM, TO, 1 | 8]]);
  }
});

test('a rename that Windows refuses is that error, and nothing else is tried that could replace', () => {
  for (const [lastError, code] of [
    [32, 'EBUSY'],
    [112, 'ENOSPC'],
    [17, 'EXDEV'],
  ] as const) {
    const { native, named } = recorded({ SetFileInformationByHandle: fails }, lastError);
    assert.throws(() => native.renameReplacing('C:/d/from', 'C:/d/to'), {
      code,
      path: 'C:/d/from',
    });
    assert.deepEqual(named('MoveFileExW'), []);
    assert.deepEqual(named('RemoveDirectoryW'), []);
  }
});

test('an empty directory in the way is removed first, a full one is ENOTEMPTY, a file that is held is EPERM', () => {
  const empty = recorded(
    { SetFileInformationByHandle: fails, RemoveDirectoryW: succeeds, MoveFileExW: succeeds },
    ACCESS_DENIED,
  );
  empty.native.renameReplacing('C:/d/from', 'C:/d/to');
  assert.deepEqual(empty.named('MoveFileExW'), [['MoveFileExW', FROM, TO, 8]]);
  for (const [why, code] of [
    [DIR_NOT_EMPTY, 'ENOTEMPTY'],
    [267, 'EPERM'],
  ] as const) {
    const errors = [ACCESS_DENIED, why];
    const { native } = recorded({
      SetFileInformationByHandle: fails,
      RemoveDirectoryW: fails,
      GetLastError: () => errors.shift() as number,
    });
    assert.throws(() => native.renameReplacing('C:/d/from', 'C:/d/to'), { code });
  }
});

test('a rename that replaces nothing is MoveFileExW without replace', () => {
  const { native, named } = recorded({ MoveFileExW: succeeds });
  native.renameNoReplace('C:/d/from', 'C:/d/to');
  assert.deepEqual(named('MoveFileExW'), [['MoveFileExW', FROM, TO, 8]]);
  const there = recorded({ MoveFileExW: fails }, 183);
  assert.throws(() => there.native.renameNoReplace('C:/d/from', 'C:/d/to'), { code: 'EEXIST' });
});

test('a lock is one byte at the offset 2^62, never waited for: who holds it already has it replaced', () => {
  const { native, named } = recorded({ LockFileEx: succeeds, UnlockFileEx: succeeds });
  assert.equal(native.tryLock(3, 'exclusive', 'p'), true);
  assert.equal(native.tryLock(3, 'shared', 'p'), true);
  const locks = named('LockFileEx');
  assert.deepEqual(
    locks.map(([, handle, flags, , low, high]) => [handle, flags, low, high]),
    [
      [HANDLE, 1 | 2, 1, 0],
      [HANDLE, 1, 1, 0],
    ],
  );
  const overlapped = Buffer.from(locks[0]?.[6] as Uint8Array);
  assert.equal(overlapped.length, 32, 'sizeof(OVERLAPPED)');
  assert.equal(overlapped.readBigUInt64LE(16), 2n ** 62n, 'Offset and OffsetHigh');
  assert.equal(named('UnlockFileEx').length, 2);
});

test('a lock that another holds is not taken, any other refusal is an error with its name', () => {
  const held = recorded({ LockFileEx: fails, UnlockFileEx: succeeds }, 33);
  assert.equal(held.native.tryLock(3, 'exclusive', 'p'), false);
  const unsupported = recorded({ LockFileEx: fails, UnlockFileEx: succeeds }, NOT_SUPPORTED);
  assert.throws(() => unsupported.native.tryLock(3, 'exclusive', 'p'), { code: 'ENOTSUP' });
});

test('flushing opens for writing, a directory too; that Windows forbids it is told, not thrown', async () => {
  const done = recorded({ FlushFileBuffers: succeeds });
  assert.equal(await done.native.flush('d'), true);
  const [[, , access, , , , flags] = []] = done.named('CreateFileW');
  assert.deepEqual([access, flags], [0x40000000, 0x02000000]);
  assert.equal(done.named('CloseHandle').length, 1);
  const denied = recorded({ FlushFileBuffers: fails }, ACCESS_DENIED);
  assert.equal(await denied.native.flush('d'), false);
  const broken = recorded({ FlushFileBuffers: fails }, 112);
  await assert.rejects(broken.native.flush('d'), { code: 'ENOSPC' });
});

test('an access control list is read in the size that Windows tells, and set as it was read', () => {
  const descriptor = Buffer.from('a descriptor');
  let asked = 0;
  const { native, named } = recorded(
    {
      GetFileSecurityW: (_name, _what, buffer, size, needed) => {
        (needed as [number])[0] = 2000 + asked;
        asked += 1;
        if ((size as number) < 2000) return 0;
        (buffer as Uint8Array).set(descriptor);
        return 1;
      },
      SetFileSecurityW: succeeds,
    },
    122,
  );
  const value = native.getXattr(3, 'windows.dacl', 'p');
  assert.deepEqual(Buffer.from(value.subarray(0, descriptor.length)), descriptor);
  native.setXattr(3, 'windows.dacl', value, 'C:/d/q');
  assert.deepEqual(named('SetFileSecurityW'), [['SetFileSecurityW', Q, 4, value]]);
});

/** What an error says is what its reader can do something with. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { interceptFs, type Call } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  appendRecords,
  isHoldfastError,
  replaceFile,
  updateJson,
  withLock,
  type ErrorCode,
  type Fs,
} from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { decodeText } from '#src/document/decode.js';

/** A filesystem on which some opens fail. */
function refusing(code: string, isRefused: (call: Call) => boolean, freeBytes = 0): Fs {
  const error = Object.assign(new Error(`${code}: refused`), { code });
  const fs = interceptFs(nodeFileSystem, {
    before: (call) => (call.name === 'open' && isRefused(call) ? { throws: error } : undefined),
  });
  return new Proxy(fs, {
    get: (target, name) =>
      name === 'statFilesystem'
        ? async (path: string) => ({ ...(await target.statFilesystem(path)), freeBytes })
        : (Reflect.get(target, name, target) as unknown),
  });
}

function isMade({ args }: Call): boolean {
  return (args[1] as { readonly create?: string }).create === 'exclusive';
}

interface Case {
  readonly call: (path: string) => Promise<unknown>;
  readonly code: ErrorCode;
  readonly says: RegExp;
}

const cases: Readonly<Record<string, Case>> = {
  'a read-only filesystem': {
    call: (path) => replaceFile(path, '', { fs: refusing('EROFS', isMade) }),
    code: 'DIRECTORY_NOT_WRITABLE',
    says: /mounted read-only\. Mount it for writing/,
  },
  'no inodes': {
    call: (path) => replaceFile(path, '', { fs: refusing('ENOSPC', isMade, 1e9) }),
    code: 'NO_SPACE',
    says: /1000000000 bytes free, but no inodes .*df -i/,
  },
  'no space': {
    call: (path) => replaceFile(path, '', { fs: refusing('ENOSPC', isMade) }),
    code: 'NO_SPACE',
    says: /df -h and df -i tell which/,
  },
  'a directory that this user may not write to': {
    call: (path) => replaceFile(path, '', { fs: refusing('EACCES', isMade) }),
    code: 'DIRECTORY_NOT_WRITABLE',
    says: /Allow it, or allow an overwrite/,
  },
  "another user's lock file": {
    call: async (path) => {
      await withLock(path, () => undefined);
      const fs = refusing('EACCES', (call) => call.path.endsWith('.lock'));
      await withLock(path, () => undefined, { fs });
    },
    code: 'IO',
    says: /It belongs to user \d+ \(0 is root\), with mode 0\d+\. .*chmod a\+r .*\.lock; or/,
  },
  'a lock file on a read-only filesystem': {
    call: (path) => {
      const fs = refusing(
        'EROFS',
        (call) =>
          call.path.endsWith('.lock') && (call.args[1] as { access: string }).access !== 'read',
      );
      return withLock(path, () => undefined, { fs });
    },
    code: 'DIRECTORY_NOT_WRITABLE',
    says: /mounted read-only\. Mount it for writing, or name another one with lockPath/,
  },
  'a trailing slash': {
    call: (path) => replaceFile(`${path}/`, ''),
    code: 'UNSUPPORTED_TARGET',
    says: /ends in a slash.*Leave the slash out/,
  },
  'a missing directory': {
    call: (path) => appendRecords(`${path}/log.jsonl`, [{ a: 1 }]),
    code: 'NOT_FOUND',
    says: /The directory does not exist\. Make it first .*updateJson and its kin/,
  },
  'a log that this user may not write': {
    call: async (path) => {
      await appendRecords(path, [{ a: 1 }]);
      const fs = refusing('EACCES', (call) => call.path.endsWith('/file'));
      await appendRecords(path, [{ a: 2 }], { fs });
    },
    code: 'IO',
    says: /no right to do that\. Look at the owner and the mode/,
  },
  'too many open files': {
    call: (path) => replaceFile(path, '', { fs: refusing('EMFILE', isMade) }),
    code: 'IO',
    says: /ulimit -n/,
  },
};

for (const [name, { call, code, says }] of Object.entries(cases)) {
  test(`the error says what to do: ${name}`, async (t) => {
    await assert.rejects(
      call(pathIn(t)),
      (error) => isHoldfastError(error, code) && says.test(error.message),
    );
  });
}

function pathIn(t: TestContext): string {
  return `${temporaryDirectory(t)}/file`;
}

test('updateJson makes the directory of its document, and says of a document that is too long what to do', async (t) => {
  const path = `${pathIn(t)}/below/doc.json`;
  assert.deepEqual(await updateJson(path, () => ({ a: 1 })), { a: 1 });
  const long = { length: 2 ** 30, subarray: () => ({ equals: () => false }) } as unknown as Buffer;
  assert.throws(
    () => decodeText(long, path),
    (error) => isHoldfastError(error, 'UNREPRESENTABLE') && /records of a log/.test(error.message),
  );
});

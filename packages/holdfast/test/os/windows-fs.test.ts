/**
 * What the filesystem of Windows does beyond Node's, over a native layer that plays its part; runs
 * anywhere.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import { failure } from '#src/failure.js';
import type { WindowsNative } from '#src/os/native/windows.js';
import { windowsError } from '#src/os/native/windows-error.js';
import { windowsFileSystem } from '#src/os/windows-fs.js';

const SHARING_VIOLATION = 32;
const ACCESS_DENIED = 5;

function windows(native: Partial<WindowsNative>, patienceMs?: number): Fs {
  return windowsFileSystem(nodeFileSystem, () => native as WindowsNative, patienceMs);
}

function failingTimes(times: number, lastError: number): { calls: number; run(): void } {
  return {
    calls: 0,
    run() {
      this.calls += 1;
      if (this.calls <= times) throw windowsError(lastError, 'rename', 'a');
    },
  };
}

test('a rename over a file that others hold open is tried again until they close it', async () => {
  for (const lastError of [SHARING_VIOLATION, ACCESS_DENIED]) {
    const held = failingTimes(4, lastError);
    await windows({ renameReplacing: () => held.run() }).rename('from', 'to');
    assert.equal(held.calls, 5);
  }
});

test('when they keep it open the error comes in bounded time, and says so', async () => {
  const held = failingTimes(Infinity, SHARING_VIOLATION);
  await assert.rejects(
    windows({ renameReplacing: () => held.run() }, 500).rename('from', 'to'),
    (error) => {
      assert.match(String(error), /ETXTBSY: another program kept the file open for 500 ms/);
      assert.equal(failure('publish', 'to', error).code, 'TARGET_IN_USE');
      return true;
    },
  );
  assert.ok(held.calls > 2);
});

test('any other failure of a rename is told at once', async () => {
  const full = failingTimes(Infinity, 112);
  await assert.rejects(windows({ renameReplacing: () => full.run() }).rename('from', 'to'), {
    code: 'ENOSPC',
  });
  assert.equal(full.calls, 1);
});

test('names that Windows keeps for itself or would shorten are refused before anything is made', async () => {
  const fs = windows({});
  const names = ['CON', 'nul.txt', 'COM1', 'lpt9.log', 'dot.', 'space ', 'a:b', 'a?b', 'a\u0001b'];
  for (const name of names) {
    await assert.rejects(
      fs.open(`C:/x/${name}`, { access: 'write', create: 'exclusive' }),
      { code: 'EINVAL' },
      name,
    );
    await assert.rejects(fs.mkdir(`C:/x/${name}`), { code: 'EINVAL' }, name);
    await assert.rejects(fs.rename('C:/x/a', `C:/x/${name}`), { code: 'EINVAL' }, name);
  }
  await assert.rejects(fs.mkdir(`C:/x/${'x'.repeat(256)}`), { code: 'ENAMETOOLONG' });
});

test('names that only look like those are made', async (t) => {
  const directory = temporaryDirectory(t);
  const fs = windows({});
  for (const name of ['console', 'nulls.txt', 'com', 'a.b', '.hidden', 'com10'])
    await fs.mkdir(`${directory}/${name}`);
  assert.equal((await fs.readDirectory(directory)).length, 6);
});

test("a directory's sync flushes it, and is none where Windows does not let this user do so", async (t) => {
  const directory = temporaryDirectory(t);
  const flushed: string[] = [];
  const flush = async (path: string): Promise<boolean> => flushed.push(path) > 1;
  const opened = await windows({ flush }).openDirectory(directory);
  await opened.sync();
  await opened.sync();
  await opened.close();
  assert.deepEqual(flushed, [directory, directory]);
});

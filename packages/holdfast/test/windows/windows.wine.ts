/**
 * What Holdfast promises on Windows and nowhere else, or does in another way there; run under Wine.
 * Wine is not Windows. What is the same everywhere is in the unit tests, which are run there too.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  openSync,
  closeSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';
import { observeFs } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  isHoldfastError,
  publishDirectory,
  replaceFile,
  sweepOrphans,
  transaction,
  updateJson,
  withLock,
} from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { ended, start } from './windows-process.js';

/** Another process that has a file open, so that nobody may replace it. */
async function holdOpen(file: string): Promise<() => Promise<void>> {
  const done = `${file}.is-open`;
  const holder = start('open', file, done);
  while (!existsSync(done)) {
    assert.equal(holder.exitCode, null, 'the file could not be opened');
    await sleep(10);
  }
  rmSync(done);
  return async () => {
    holder.kill('SIGKILL');
    await ended(holder);
  };
}

test('a file that another program has open is replaced when it is closed, within the time of a write', async (t) => {
  const file = `${temporaryDirectory(t)}/a`;
  writeFileSync(file, 'old');
  const close = await holdOpen(file);
  const closed = sleep(300).then(close);
  await replaceFile(file, 'new');
  await closed;
  assert.equal(readFileSync(file, 'utf8'), 'new');
});

test('a scanner that opens the temporary file only delays its publication', async (t) => {
  const directory = temporaryDirectory(t);
  let closed: Promise<void> | undefined;
  const fs = observeFs(nodeFileSystem, {
    async before({ call, path }) {
      if (call !== 'rename') return;
      const close = await holdOpen(path);
      closed = sleep(300).then(close);
    },
  });
  await replaceFile(`${directory}/a`, 'new', { fs });
  await closed;
  assert.equal(readFileSync(`${directory}/a`, 'utf8'), 'new');
  assert.deepEqual(readdirSync(directory), ['a']);
});

test('a file that stays open is TARGET_IN_USE after 2 seconds, with its old content and nothing beside it', async (t) => {
  const directory = temporaryDirectory(t);
  const file = `${directory}/a.json`;
  writeFileSync(file, '{"n":1}');
  const close = await holdOpen(file);
  const calls = [() => replaceFile(file, 'new'), () => updateJson(file, () => ({ n: 2 }))];
  for (const call of calls) {
    const began = performance.now();
    await assert.rejects(call, (error) => {
      assert.ok(isHoldfastError(error, 'TARGET_IN_USE'), String(error));
      return error.outcome === 'unchanged';
    });
    const tookMs = performance.now() - began;
    assert.ok(tookMs > 1500 && tookMs < 4000, `${tookMs} ms`);
    assert.equal(readFileSync(file, 'utf8'), '{"n":1}');
  }
  await close();
  const left = readdirSync(directory).filter((name) => !name.endsWith('.lock'));
  assert.deepEqual(left, ['a.json']);
});

test('a transaction on a file that stays open is TARGET_IN_USE too, and undoes all', async (t) => {
  const directory = temporaryDirectory(t);
  for (const name of ['a', 'b']) writeFileSync(`${directory}/${name}`, 'old');
  const close = await holdOpen(`${directory}/b`);
  const replacing = transaction(directory, async (tx) => {
    await tx.replaceFile('a', 'new');
    await tx.replaceFile('b', 'new');
  });
  await assert.rejects(replacing, (error) => {
    assert.ok(isHoldfastError(error, 'TARGET_IN_USE'), String(error));
    return error.outcome === 'unchanged';
  });
  await close();
  for (const name of ['a', 'b']) assert.equal(readFileSync(`${directory}/${name}`, 'utf8'), 'old');
  await sweepOrphans(directory);
  const left = readdirSync(directory).filter((name) => !name.endsWith('.lock'));
  assert.deepEqual(left, ['a', 'b']);
});

test('an open reader sees the old content to its end, or stops the write; never a mix', async (t) => {
  const file = `${temporaryDirectory(t)}/a`;
  writeFileSync(file, 'old');
  const reader = openSync(file, 'r');
  // With the POSIX renames of Windows itself an open reader stops nothing; Wine has none.
  const result = await replaceFile(file, 'new').catch((error: unknown) => error);
  assert.equal(readFileSync(reader, 'utf8'), 'old');
  closeSync(reader);
  const isReplaced = !isHoldfastError(result, 'TARGET_IN_USE');
  assert.equal(readFileSync(file, 'utf8'), isReplaced ? 'new' : 'old');
});

test('a read-only file is replaced and stays read-only', async (t) => {
  const file = `${temporaryDirectory(t)}/a`;
  writeFileSync(file, 'old');
  chmodSync(file, 0o444);
  await replaceFile(file, 'new');
  assert.equal(readFileSync(file, 'utf8'), 'new');
  assert.equal(statSync(file).mode & 0o222, 0);
  chmodSync(file, 0o666);
});

/** The access control list of a file in the words of Windows (SDDL), and how to set one. */
function accessControl(): { get(file: string): string; set(file: string, list: string): void } {
  const advapi32 = koffi.load('advapi32.dll');
  const DACL = 4;
  const parse = advapi32.func(
    'int __stdcall ConvertStringSecurityDescriptorToSecurityDescriptorW(const char16_t *text, uint32_t revision, _Out_ void **descriptor, void *size)',
  );
  const print = advapi32.func(
    'int __stdcall ConvertSecurityDescriptorToStringSecurityDescriptorW(const uint8_t *descriptor, uint32_t revision, uint32_t what, _Out_ char16_t **text, void *length)',
  );
  const setSecurity = advapi32.func(
    'int __stdcall SetFileSecurityW(const char16_t *name, uint32_t what, void *descriptor)',
  );
  const getSecurity = advapi32.func(
    'int __stdcall GetFileSecurityW(const char16_t *name, uint32_t what, _Out_ uint8_t *descriptor, uint32_t size, _Out_ uint32_t *needed)',
  );
  return {
    get(file) {
      const descriptor = new Uint8Array(4096);
      assert.ok(getSecurity(file, DACL, descriptor, descriptor.length, [0]));
      const text: [string | null] = [null];
      assert.ok(print(descriptor, 1, DACL, text, null));
      return text[0] as string;
    },
    set(file, list) {
      const descriptor: [unknown] = [null];
      assert.ok(parse(list, 1, descriptor, null));
      assert.ok(setSecurity(file, DACL, descriptor[0]));
    },
  };
}

test('a replaced file keeps its access control list', async (t) => {
  const directory = temporaryDirectory(t);
  const acl = accessControl();
  writeFileSync(`${directory}/fresh`, '');
  writeFileSync(`${directory}/a`, 'old');
  // Everyone else loses their rights; Wine keeps no more of a list than permission bits can hold.
  acl.set(`${directory}/a`, acl.get(`${directory}/fresh`).replace(/\(A;;[^;]*;;;WD\)/, ''));
  const list = acl.get(`${directory}/a`);
  assert.notEqual(list, acl.get(`${directory}/fresh`));
  await replaceFile(`${directory}/a`, 'new');
  assert.equal(readFileSync(`${directory}/a`, 'utf8'), 'new');
  assert.equal(acl.get(`${directory}/a`), list);
});

test('names that Windows cannot hold are refused, longer paths than MAX_PATH work', async (t) => {
  const directory = temporaryDirectory(t);
  for (const name of ['CON', 'nul.txt', 'COM1', 'dot.', 'space ', 'a?'])
    await assert.rejects(replaceFile(`${directory}/${name}`, ''), isHoldfastError);
  assert.deepEqual(readdirSync(directory), []);
  // Longer than MAX_PATH (260) with its name, while Wine resolves no directory that is longer.
  const deep = `${directory}/${'d'.repeat(150)}`;
  await nodeFileSystem.mkdir(deep);
  const file = `${deep}/${'f'.repeat(200)}`;
  await replaceFile(file, 'new');
  await replaceFile(file, 'newer');
  assert.equal(readFileSync(file, 'utf8'), 'newer');
});

test('two spellings of one name are one file: one lock, one document, one place in a transaction', async (t) => {
  const directory = temporaryDirectory(t);
  const [one, other] = [`${directory}/Count.json`, `${directory.toUpperCase()}\\cOUNT.JSON`];
  await updateJson(one, () => ({ n: 0 }), { initial: { n: 0 } });
  await assert.rejects(
    withLock(one, () => withLock(other, () => undefined)),
    (error) => isHoldfastError(error, 'LOCK_NESTED'),
  );
  const raise = (file: string): Promise<unknown> =>
    updateJson<{ n: number }>(file, ({ n }) => ({ n: n + 1 }));
  await Promise.all(Array.from({ length: 20 }, (_, index) => raise(index % 2 ? one : other)));
  assert.deepEqual(JSON.parse(readFileSync(one, 'utf8')), { n: 20 });
  assert.deepEqual(readdirSync(directory), ['Count.json', 'Count.json.lock']);
  const twice = transaction(directory, async (tx) => {
    await tx.replaceFile('Count.json', '');
    await tx.replaceFile('COUNT.JSON', '');
  });
  await assert.rejects(twice, (error) => isHoldfastError(error, 'PATH_CONFLICT'));
});

test('a directory is replaced by two renames without being asked to, its stage is nobody elses, no lock is left', async (t) => {
  const directory = temporaryDirectory(t);
  const out = `${directory}/out`;
  await nodeFileSystem.mkdir(out);
  await publishDirectory(out, (stage) => stage.write('a', '1'));
  await publishDirectory(out, (stage) => stage.write('b', '3'), { ifExists: 'replace' });
  assert.deepEqual(readdirSync(out), ['b']);
  assert.deepEqual(readdirSync(directory), ['out']);
});

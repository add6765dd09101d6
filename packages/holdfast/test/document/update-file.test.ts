import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError, transaction, updateFile, updateJson } from 'holdfast';

test('updates of any file made at once lose nothing, and one after the other finds what is there', async (t) => {
  const path = `${temporaryDirectory(t)}/new/list.txt`;
  const names = Array.from({ length: 40 }, (_, index) => `${index}\n`);
  const add = (name: string): Promise<string> =>
    updateFile(path, (text) => text + name, { encoding: 'utf8' });
  const seen = await Promise.all(names.map(add));
  assert.equal(readFileSync(path, 'utf8'), names.join(''));
  assert.equal(seen[3], names.slice(0, 4).join(''));
});

test('bytes stay bytes: what is no text, an empty file, a byte order mark', async (t) => {
  const path = `${temporaryDirectory(t)}/file`;
  writeFileSync(path, Buffer.from([0xff, 0xfe, 0]));
  await updateFile(path, (bytes) => void bytes.fill(7, 1, 2));
  assert.deepEqual([...readFileSync(path)], [0xff, 7, 0]);
  await updateFile(path, () => new Uint8Array());
  assert.equal(readFileSync(path).length, 0);
  assert.equal((await updateFile(path, () => '\uFEFFtext')).length, 7);
  assert.equal(await updateFile(path, (text) => `${text}.`, { encoding: 'utf8' }), '\uFEFFtext.');
});

test('a missing file is what the caller says, and empty otherwise', async (t) => {
  const path = `${temporaryDirectory(t)}/file`;
  assert.equal(
    (await updateFile(path, (bytes) => bytes, { initial: 'first' })).toString(),
    'first',
  );
  assert.equal((await updateFile(`${path}2`, (bytes) => bytes)).length, 0);
  assert.equal(existsSync(`${path}2`), true);
});

test('a file that is not changed is not written, and a failed updater leaves no trace', async (t) => {
  const path = `${temporaryDirectory(t)}/file`;
  writeFileSync(path, 'old');
  const before = readFileSync(path);
  await updateFile(path, (bytes) => bytes);
  await assert.rejects(
    updateFile(path, (bytes) => {
      bytes.fill(0);
      throw new Error('no');
    }),
    (error) => isHoldfastError(error, 'UPDATER_FAILED') && error.outcome === 'unchanged',
  );
  assert.deepEqual(readFileSync(path), before);
});

test('what is no content, or no text, is refused', async (t) => {
  const path = `${temporaryDirectory(t)}/file`;
  writeFileSync(path, Buffer.from([0xff]));
  const text = { encoding: 'utf8' } as const;
  await assert.rejects(
    updateFile(path, (old) => old, text),
    (error) => isHoldfastError(error, 'CORRUPT_DOCUMENT'),
  );
  await assert.rejects(
    updateFile(path, () => 7 as unknown as string),
    (error) => isHoldfastError(error, 'INVALID_ARGUMENT'),
  );
  await assert.rejects(
    updateFile(path, () => '\uD800'),
    (error) => isHoldfastError(error, 'UNREPRESENTABLE'),
  );
  await assert.rejects(
    updateFile(path, () => '', { encoding: 'latin1' as 'utf8' }),
    (error) => isHoldfastError(error, 'INVALID_ARGUMENT'),
  );
  assert.deepEqual([...readFileSync(path)], [0xff]);
});

test('it shares the lock of the other calls on the path, and takes part in transactions', async (t) => {
  const root = temporaryDirectory(t);
  const path = `${root}/doc.json`;
  await updateJson(path, () => ({ a: 1 }), { indent: 0 });
  await Promise.all([
    updateFile(path, (text) => text.replace('1', '1.0'), { encoding: 'utf8' }),
    transaction(root, async (tx) => {
      await tx.updateFile('notes', (text) => `${text}more\n`, { encoding: 'utf8', initial: 'x\n' });
      await tx.updateFile('bytes', (bytes) => Buffer.concat([bytes, Buffer.from([1])]));
    }),
  ]);
  assert.equal(readFileSync(path, 'utf8'), '{"a":1.0}\n');
  assert.equal(readFileSync(`${root}/notes`, 'utf8'), 'x\nmore\n');
  assert.deepEqual([...readFileSync(`${root}/bytes`)], [1]);
  const failed = transaction(root, async (tx) => {
    await tx.updateFile('notes', () => 'gone', { encoding: 'utf8' });
    await tx.updateFile('bytes', () => {
      throw new Error('no');
    });
  });
  await assert.rejects(failed, (error) => isHoldfastError(error, 'UPDATER_FAILED'));
  assert.equal(readFileSync(`${root}/notes`, 'utf8'), 'x\nmore\n');
});

import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError, readJson, transaction, updateJson, type ErrorCode } from 'holdfast';
import { nodeFileSystem, type Fs } from 'holdfast/os';

const code = (name: ErrorCode) => (error: unknown) => isHoldfastError(error, name);
const mark = (document: Record<string, unknown>): void => void (document['mine'] = 1);
const full = '{"theirs":1}';

function fileWith(t: TestContext, content: string): string {
  const path = `${temporaryDirectory(t)}/state.json`;
  writeFileSync(path, content);
  return path;
}

/**
 * A filesystem that changes a file after so many reads of it have begun: another program that
 * writes it in place.
 */
function writtenAfter(reads: number, change: () => void): Fs {
  let left = reads;
  return {
    ...nodeFileSystem,
    open: async (path, flags, ...rest) => {
      const isRead = flags.access === 'read' && path.endsWith('.json');
      if (isRead) left -= 1;
      if (isRead && left < 0) change();
      return nodeFileSystem.open(path, flags, ...rest);
    },
  };
}

for (const [what, before] of [
  ['truncated', ''],
  ['half written', '{"theirs'],
] as const) {
  test(`a document that another program has just ${what} is waited for, and nothing is lost`, async (t) => {
    const path = fileWith(t, before);
    const fs = writtenAfter(3, () => writeFileSync(path, full));
    assert.deepEqual(await updateJson(path, mark, { fs }), { theirs: 1, mine: 1 });
    writeFileSync(path, before);
    const again = writtenAfter(3, () => writeFileSync(path, full));
    assert.deepEqual(await readJson(path, { fs: again }), { theirs: 1 });
  });
}

test('a file that is empty from its beginning is initial', async (t) => {
  const path = fileWith(t, '');
  assert.deepEqual(await readJson(path, { initial: { made: 1 } }), { made: 1 });
  assert.deepEqual(await updateJson(path, mark), { mine: 1 });
});

test('a document that this process has read or written and that is empty now is never begun anew', async (t) => {
  const read = fileWith(t, full);
  await readJson(read);
  const written = `${temporaryDirectory(t)}/state.json`;
  await updateJson(written, mark);
  for (const path of [read, written]) {
    writeFileSync(path, '');
    await assert.rejects(updateJson(path, mark), code('CORRUPT_DOCUMENT'));
    await assert.rejects(
      updateJson(path, mark, { onCorrupt: 'quarantine' }),
      code('CORRUPT_DOCUMENT'),
    );
    await assert.rejects(readJson(path, { initial: {} }), code('CORRUPT_DOCUMENT'));
    assert.equal(statSync(path).size, 0);
    assert.deepEqual(await readJson(path, { initial: {}, onEmpty: 'initial' }), {});
    assert.deepEqual(await updateJson(path, mark, { onEmpty: 'initial' }), { mine: 1 });
  }
});

test('a document that was emptied long after it was made is known for that by a process that never saw it full', async (t) => {
  const path = fileWith(t, '');
  const later = new Date(Date.now() + 60_000);
  utimesSync(path, later, later);
  const fs = { ...nodeFileSystem };
  await assert.rejects(updateJson(path, mark, { fs }), code('CORRUPT_DOCUMENT'));
  await assert.rejects(readJson(path, { initial: {}, fs }), code('CORRUPT_DOCUMENT'));
  assert.deepEqual(await updateJson(path, mark, { fs, onEmpty: 'initial' }), { mine: 1 });
});

test('a document that was removed is missing, whatever was seen of it', async (t) => {
  const path = fileWith(t, full);
  await readJson(path);
  rmSync(path);
  await assert.rejects(readJson(path), code('NOT_FOUND'));
  assert.deepEqual(await updateJson(path, mark), { mine: 1 });
});

test('a file that is there is never NOT_FOUND', async (t) => {
  const path = fileWith(t, '');
  await assert.rejects(readJson(path), code('CORRUPT_DOCUMENT'));
  await assert.rejects(readJson(`${path}.other`), code('NOT_FOUND'));
});

test("onEmpty: 'error' refuses a file that is empty from its beginning, 'initial' asks for no second look", async (t) => {
  const path = fileWith(t, '');
  await assert.rejects(updateJson(path, mark, { onEmpty: 'error' }), code('CORRUPT_DOCUMENT'));
  await assert.rejects(readJson(path, { initial: {}, onEmpty: 'error' }), code('CORRUPT_DOCUMENT'));
  assert.equal(statSync(path).size, 0);
  const fs = writtenAfter(1, () => assert.fail('looked at again'));
  assert.deepEqual(await readJson(path, { initial: {}, onEmpty: 'initial', fs }), {});
});

test("onEmpty: 'wait' waits for the document for as long as it takes, or until the signal fires", async (t) => {
  const path = fileWith(t, '');
  // More looks than the moment has in which an empty file is looked at again.
  const fs = writtenAfter(12, () => writeFileSync(path, full));
  assert.deepEqual(await updateJson(path, mark, { onEmpty: 'wait', fs }), { theirs: 1, mine: 1 });
  writeFileSync(path, '');
  const controller = new AbortController();
  const { signal } = controller;
  const ended = writtenAfter(3, () => controller.abort());
  await assert.rejects(
    updateJson(path, mark, { onEmpty: 'wait', signal, fs: ended }),
    code('ABORTED'),
  );
  await assert.rejects(readJson(path, { onEmpty: 'wait', signal }), code('ABORTED'));
  assert.equal(statSync(path).size, 0);
});

test('a transaction begins no emptied document anew, and changes nothing beside it', async (t) => {
  const path = fileWith(t, full);
  const root = path.slice(0, path.lastIndexOf('/'));
  await readJson(path);
  writeFileSync(path, '');
  writeFileSync(`${root}/other`, 'old');
  const both = (onEmpty?: 'initial'): Promise<void> =>
    transaction(root, async (tx) => {
      await tx.updateJson('state.json', mark, { onEmpty });
      await tx.replaceFile('other', 'new');
    });
  await assert.rejects(both(), code('CORRUPT_DOCUMENT'));
  assert.deepEqual(
    [readFileSync(path, 'utf8'), readFileSync(`${root}/other`, 'utf8')],
    ['', 'old'],
  );
  await both('initial');
  assert.equal(readFileSync(`${root}/other`, 'utf8'), 'new');
});

test('a wrong onEmpty is refused', async (t) => {
  const path = fileWith(t, full);
  const onEmpty = 'maybe' as 'error';
  await assert.rejects(updateJson(path, mark, { onEmpty }), code('INVALID_ARGUMENT'));
  await assert.rejects(readJson(path, { onEmpty }), code('INVALID_ARGUMENT'));
});

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  appendRecords,
  isHoldfastError,
  readJson,
  readRecords,
  replaceFile,
  restorePrevious,
  sweepOrphans,
  transaction,
  updateJson,
} from 'holdfast';
import { nodeFileSystem, systemError, type Fs } from 'holdfast/os';
import { isTemporaryName, markOf, newTemporaryName, targetMarkOf } from '#src/stage/names.js';
import { stagedDirectoryName } from '#src/stage/staged-directory.js';

/** This filesystem under another name. A fresh one each time: it sweeps each directory once. */
function mountedAs(type: string, changes: Partial<Fs> = {}): Fs {
  return {
    ...nodeFileSystem,
    statFilesystem: async (path) => ({
      ...(await nodeFileSystem.statFilesystem(path)),
      mount: { type, options: [] },
    }),
    ...changes,
  };
}

/**
 * Calls whose process has died, as far as the tests go: they end with the tests, since a pending
 * call keeps its process alive.
 */
const dead: ((reason: Error) => void)[] = [];
after(() => {
  for (const end of dead) end(new Error('the process died'));
});

/**
 * As a power loss may leave it: the content under the temporary name, and nothing under its own.
 */
async function loseName(directory: string, name: string, type: string): Promise<string> {
  const path = `${directory}/${name}`;
  const stages: string[] = [];
  const fs = mountedAs(type, {
    async rename(from, to) {
      if (basename(to) !== name) return nodeFileSystem.rename(from, to);
      stages.push(join(directory, basename(from)));
      // The process dies here.
      return new Promise((_, reject) => dead.push(reject));
    },
  });
  replaceFile(path, '{"whole":"copy"}\n', { fs }).catch(() => undefined);
  while (stages.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const staged = stages[0] as string;
  // Who died holds no lock: another file under the name is as good as that one, unlocked.
  renameSync(staged, `${staged}.moved`);
  writeFileSync(staged, readFileSync(`${staged}.moved`));
  rmSync(`${staged}.moved`);
  rmSync(path);
  return staged;
}

for (const type of ['vfat', 'exfat', 'ext2']) {
  test(`on ${type} the only whole copy of a document is kept, and nothing is begun anew beside it`, async (t) => {
    const directory = temporaryDirectory(t);
    const path = `${directory}/state.json`;
    writeFileSync(path, '{"old":1}\n');
    const copy = await loseName(directory, 'state.json', type);
    const fs = mountedAs(type);
    const names = (error: unknown): boolean =>
      isHoldfastError(error, 'CORRUPT_DOCUMENT') && error.message.includes(copy);
    await assert.rejects(
      updateJson(path, () => ({}), { fs }),
      names,
    );
    await assert.rejects(readJson(path, { initial: {}, fs }), names);
    writeFileSync(`${path}.previous-1`, '{"old":1}\n');
    await assert.rejects(restorePrevious(path, { fs }), names);
    await assert.rejects(appendRecords(path, [{ a: 1 }], { fs, format: 'jsonl' }), names);
    await assert.rejects(readRecords(path, { fs, format: 'jsonl' }).next(), names);
    await assert.rejects(
      transaction(directory, (tx) => tx.updateJson('state.json', () => ({ a: 1 })), { fs }),
      names,
    );
    await replaceFile(`${directory}/other`, 'sweeps', { fs });
    const [swept] = await sweepOrphans(directory, { fs });
    assert.equal(swept?.action, 'left');
    assert.match(swept?.error?.message ?? '', /only whole copy/);
    assert.equal(readFileSync(copy, 'utf8'), '{"whole":"copy"}\n');

    renameSync(copy, path);
    assert.deepEqual(await readJson(path, { fs }), { whole: 'copy' });
  });

  test(`on ${type} a copy whose target is there is swept as ever`, async (t) => {
    const directory = temporaryDirectory(t);
    writeFileSync(`${directory}/a`, 'whole');
    writeFileSync(`${directory}/${newTemporaryName('a')}`, 'half');
    writeFileSync(`${directory}/${newTemporaryName()}`, 'of a new file');
    await replaceFile(`${directory}/a`, 'new', { fs: mountedAs(type) });
    assert.deepEqual(readdirSync(directory), ['a']);
  });
}

test('on a filesystem that keeps names, stages have no mark, and a missing document is just missing', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/state.json`, '{}');
  const copy = await loseName(directory, 'state.json', 'ext4');
  assert.equal(targetMarkOf(copy.slice(directory.length + 1)), undefined);
  assert.deepEqual(
    await readJson(`${directory}/state.json`, { initial: 1, fs: mountedAs('ext4') }),
    1,
  );
});

test('a marked name is a temporary one, and the mark is that of every letter case', () => {
  const name = newTemporaryName('State.json');
  assert.ok(isTemporaryName(name));
  assert.equal(targetMarkOf(name), markOf('state.JSON'));
  assert.notEqual(targetMarkOf(name), markOf('state.jso'));
  assert.equal(newTemporaryName('x'.repeat(255)).length, name.length);
});

test('where a name may be lost, a staged directory whose target is missing is not removed', async (t) => {
  const directory = temporaryDirectory(t);
  const stage = stagedDirectoryName('site');
  await nodeFileSystem.mkdir(`${directory}/${stage}`);
  writeFileSync(`${directory}/${stage}/page`, 'kept');
  const [left] = await sweepOrphans(directory, { fs: mountedAs('exfat') });
  assert.equal(left?.action, 'left');
  assert.equal(readFileSync(`${directory}/${stage}/page`, 'utf8'), 'kept');
  await nodeFileSystem.mkdir(`${directory}/site`);
  assert.equal((await sweepOrphans(directory, { fs: mountedAs('exfat') }))[0]?.action, 'removed');
});

const EACCES = 13;

test('a rename that fails on SMB leaves the new content under its temporary name, and says so', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/state.json`;
  writeFileSync(path, '{"n":1}\n');
  const fs = mountedAs('cifs', {
    async rename(from) {
      throw systemError(EACCES, 'rename', from);
    },
  });
  let kept = '';
  await assert.rejects(
    updateJson(path, () => ({ n: 2 }), { fs }),
    (error) => {
      assert.ok(isHoldfastError(error, 'TARGET_IN_USE'));
      assert.equal(error.outcome, 'unknown');
      kept = readdirSync(directory).find(isTemporaryName) ?? '';
      assert.ok(kept !== '' && error.message.includes(`${directory}/${kept}`));
      return true;
    },
  );
  assert.equal(readFileSync(`${directory}/${kept}`, 'utf8'), '{"n":2}\n');
  // The program that had the document open closes it, and the kernel deletes the document.
  rmSync(path);
  await assert.rejects(
    updateJson(path, () => ({}), { fs: mountedAs('cifs') }),
    (error) => isHoldfastError(error, 'CORRUPT_DOCUMENT'),
  );
  renameSync(`${directory}/${kept}`, path);
  assert.deepEqual(await readJson(path), { n: 2 });
});

test('where a failed rename costs nothing, the stage goes and the outcome is unchanged', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/a`, 'old');
  const fs = mountedAs('ext4', {
    async rename(from) {
      throw systemError(EACCES, 'rename', from);
    },
  });
  await assert.rejects(
    replaceFile(`${directory}/a`, 'new', { fs }),
    (error) => isHoldfastError(error, 'IO') && error.outcome === 'unchanged',
  );
  assert.deepEqual(readdirSync(directory), ['a']);
});

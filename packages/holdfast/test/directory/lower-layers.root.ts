import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { test, type TestContext } from 'node:test';
import { mountFilesystem } from '@holdfast/tools/testing';
import { isHoldfastError, probe, publishDirectory, transaction } from 'holdfast';

/** An overlay, as a container has it, whose lower layer (the image) holds two directories. */
function mountOverlay(t: TestContext, options: readonly string[] = []): string {
  const base = mountFilesystem(t, 'tmpfs');
  for (const name of ['lower/dist', 'lower/draft', 'upper', 'work', 'merged'])
    mkdirSync(`${base}/${name}`, { recursive: true });
  writeFileSync(`${base}/lower/dist/x`, 'old');
  writeFileSync(`${base}/lower/draft/y`, 'draft');
  const layers = [`lowerdir=${base}/lower`, `upperdir=${base}/upper`, `workdir=${base}/work`];
  const merged = `${base}/merged`;
  execFileSync('mount', [
    '-t',
    'overlay',
    'overlay',
    '-o',
    [...layers, ...options].join(','),
    merged,
  ]);
  // It is unmounted together with what it is mounted in.
  return merged;
}

/** The call changes nothing, and says what is in the way and what to do. */
async function refused(call: Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error: unknown) => {
    assert.ok(isHoldfastError(error, 'CROSS_DEVICE'), String(error));
    assert.equal(error.outcome, 'unchanged');
    assert.match(error.message, /lower layer of an overlay.*redirect_dir.*volume/u);
    return true;
  });
}

const replaceDist = (root: string): Promise<unknown> =>
  publishDirectory(`${root}/dist`, (stage) => stage.write('x', 'new'), { ifExists: 'replace' });

test('a directory of a lower layer is not replaced, moved or removed, and stays as it is', async (t) => {
  const root = mountOverlay(t);
  await refused(replaceDist(root));
  await refused(transaction(root, (tx) => tx.rename('draft', 'final')));
  await refused(transaction(root, (tx) => tx.remove('draft')));
  await refused(
    transaction(root, async (tx) => {
      await tx.replaceFile('beside', 'new');
      await tx.publishDirectory('dist', (stage) => stage.write('x', 'new'), {
        ifExists: 'replace',
      });
    }),
  );
  assert.equal(readFileSync(`${root}/dist/x`, 'utf8'), 'old');
  const left = readdirSync(root).filter((name) => !name.endsWith('.lock'));
  assert.deepEqual(left.toSorted(), ['dist', 'draft']);
});

test('the way out that the error tells works: a directory that was copied once is replaced from then on', async (t) => {
  const root = mountOverlay(t);
  cpSync(`${root}/dist`, `${root}/copy`, { recursive: true });
  rmSync(`${root}/dist`, { recursive: true });
  renameSync(`${root}/copy`, `${root}/dist`);
  await replaceDist(root);
  assert.equal(readFileSync(`${root}/dist/x`, 'utf8'), 'new');
});

test('with redirect_dir=on such a directory is replaced, moved and removed', async (t) => {
  const root = mountOverlay(t, ['redirect_dir=on']);
  await replaceDist(root);
  await transaction(root, (tx) => tx.rename('draft', 'final'));
  assert.equal(readFileSync(`${root}/dist/x`, 'utf8'), 'new');
  assert.equal(readFileSync(`${root}/final/y`, 'utf8'), 'draft');
  await transaction(root, (tx) => tx.remove('final'));
  const left = readdirSync(root).filter((name) => !name.startsWith('.') && !name.endsWith('.lock'));
  assert.deepEqual(left, ['dist']);
});

test('doctor says of an overlay which directories are not replaced whole', async (t) => {
  const because = async (root: string): Promise<string | undefined> => {
    const { guarantees } = await probe(root);
    const found = guarantees.find(({ name }) => name === 'a directory is replaced whole');
    assert.equal(found?.holds, 'yes');
    return found.because;
  };
  assert.match((await because(mountOverlay(t))) ?? '', /lower layer/u);
  assert.equal(await because(mountOverlay(t, ['redirect_dir=on'])), '');
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isHoldfastError, transaction, type Transaction } from 'holdfast';
import { everyChange, mountFilesystem, temporaryDirectory } from '@holdfast/tools/testing';

const { before, leftovers, setUp, snapshot } = everyChange;

function unchangedWith(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isHoldfastError(error), String(error));
    assert.deepEqual([error.code, error.outcome], [code, 'unchanged'], error.message);
    return true;
  };
}

/** Changes of every kind, of which the last two need more room than there is. */
async function changeAndFill(tx: Transaction): Promise<void> {
  const chunk = new Uint8Array(8 * 1024 * 1024).fill(7);
  await tx.replaceFile('a.txt', 'new a');
  await tx.remove('gonetree');
  await tx.rename('from.txt', 'deep/to.txt');
  await tx.updateJson<{ n: number }>('deep/count.json', ({ n }) => ({ n: n + 1 }));
  await tx.publishDirectory(
    'tree',
    async (stage) => {
      for (let file = 0; file < 100; file += 1) await stage.write(`${file}`, chunk);
    },
    { ifExists: 'replace' },
  );
}

for (const type of ['ext4', 'xfs', 'btrfs', 'tmpfs'] as const) {
  test(`${type}: a disk that fills up changes nothing, and leaves nothing`, async (t) => {
    const root = join(mountFilesystem(t, type), 'root');
    mkdirSync(root);
    setUp(root);
    await assert.rejects(transaction(root, changeAndFill), unchangedWith('NO_SPACE'));
    assert.deepEqual(snapshot(root), before);
    assert.deepEqual(leftovers(root), []);
  });
}

test('a quota that is used up (EDQUOT on btrfs) changes nothing, and leaves nothing', async (t) => {
  const mount = mountFilesystem(t, 'btrfs');
  const root = `${mount}/volume`;
  execFileSync('btrfs', ['quota', 'enable', mount]);
  execFileSync('btrfs', ['subvolume', 'create', root], { stdio: 'ignore' });
  execFileSync('btrfs', ['qgroup', 'limit', '16M', root]);
  setUp(root);
  await assert.rejects(transaction(root, changeAndFill), unchangedWith('NO_SPACE'));
  assert.deepEqual(snapshot(root), before);
  assert.deepEqual(leftovers(root), []);
});

test('a read-only root is refused before anything is staged', async (t) => {
  const mount = mountFilesystem(t, 'ext4');
  setUp(mount);
  execFileSync('mount', ['-o', 'remount,ro', mount]);
  await assert.rejects(
    transaction(mount, (tx) => tx.replaceFile('a.txt', 'new')),
    unchangedWith('DIRECTORY_NOT_WRITABLE'),
  );
  assert.equal(snapshot(mount)['a.txt'], 'old a');
});

/** A root in which one path can be mounted over another, until the test ends. */
function rootWithBinds(t: TestContext): {
  readonly root: string;
  readonly bind: (source: string, target: string) => void;
} {
  const mounted: string[] = [];
  // The hooks of a test run in the order of these calls: the mounts must go before the directory
  // does.
  t.after(() => mounted.forEach((target) => execFileSync('umount', [target])));
  const root = temporaryDirectory(t);
  const bind = (source: string, target: string): void => {
    execFileSync('mount', ['--bind', join(root, source), join(root, target)]);
    mounted.push(join(root, target));
  };
  return { root, bind };
}

test('what is a mount point is neither replaced, removed nor moved', async (t) => {
  const { root, bind } = rootWithBinds(t);
  setUp(root);
  bind('deep/b.txt', 'a.txt');
  bind('gonetree', 'tree');
  const changes: ((tx: Transaction) => Promise<void>)[] = [
    (tx) => tx.replaceFile('a.txt', 'x'),
    (tx) => tx.publishDirectory('tree', (s) => s.write('x', ''), { ifExists: 'replace' }),
    (tx) => tx.remove('tree'),
    (tx) => tx.rename('a.txt', 'deep/x'),
  ];
  const there = snapshot(root);
  for (const change of changes) {
    const both = transaction(root, async (tx) => {
      await tx.remove('gone.txt');
      await change(tx);
    });
    await assert.rejects(both, unchangedWith('TARGET_IS_MOUNT'));
    assert.deepEqual(snapshot(root), there);
    assert.deepEqual(leftovers(root), []);
  }
});

test('a rename across a bind mount of one filesystem (EXDEV) is refused; changes on both sides of it are made', async (t) => {
  const { root, bind } = rootWithBinds(t);
  setUp(root);
  mkdirSync(join(root, 'elsewhere'));
  bind('elsewhere', 'deep');
  writeFileSync(join(root, 'deep/file'), 'there');
  await assert.rejects(
    transaction(root, async (tx) => {
      await tx.replaceFile('a.txt', 'x');
      await tx.rename('deep/file', 'file');
    }),
    unchangedWith('CROSS_DEVICE'),
  );
  assert.equal(snapshot(root)['a.txt'], 'old a');
  await transaction(root, async (tx) => {
    await tx.replaceFile('a.txt', 'x');
    await tx.replaceFile('deep/file', 'y');
  });
  assert.equal(snapshot(root)['a.txt'], 'x');
  assert.equal(snapshot(root)['deep/file'], 'y');
  assert.deepEqual(readdirSync(join(root, 'elsewhere')).toSorted(), ['file', 'file.lock']);
});

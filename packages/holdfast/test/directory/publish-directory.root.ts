import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  isHoldfastError,
  listOrphans,
  probe,
  publishDirectory,
  sweepOrphans,
  type Stage,
} from 'holdfast';
import { mountFilesystem, temporaryDirectory } from '@holdfast/tools/testing';

const filesystems = ['ext4', 'xfs', 'btrfs', 'tmpfs'] as const;

function code(expected: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isHoldfastError(error), String(error));
    assert.deepEqual([error.code, error.outcome], [expected, 'unchanged'], error.message);
    return true;
  };
}

function filesIn(directory: string): Record<string, string> {
  const names = readdirSync(directory).toSorted();
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(`${directory}/${name}`, 'utf8')]),
  );
}

for (const type of filesystems) {
  test(`on ${type} a disk that fills up while writing leaves the old tree, and nothing else`, async (t) => {
    const mount = mountFilesystem(t, type);
    await publishDirectory(`${mount}/out`, (stage) => stage.write('old', 'old'));
    const fill = async (stage: Stage): Promise<void> => {
      const chunk = new Uint8Array(8 * 1024 * 1024).fill(7);
      for (let file = 0; file < 100; file += 1) {
        await stage.spawn(() => stage.write(`sub/${file}`, chunk));
      }
    };
    for (let round = 0; round < 3; round += 1) {
      await assert.rejects(
        publishDirectory(`${mount}/out`, fill, { ifExists: 'replace' }),
        code('NO_SPACE'),
      );
      assert.deepEqual(filesIn(`${mount}/out`), { old: 'old' });
      assert.deepEqual(
        readdirSync(mount).filter((name) => name !== 'lost+found'),
        ['out'],
      );
    }
    await publishDirectory(`${mount}/out`, (stage) => stage.write('new', 'new'), {
      ifExists: 'replace',
    });
    assert.deepEqual(filesIn(`${mount}/out`), { new: 'new' });
  });

  test(`on ${type} every guarantee is found to hold that holds there`, async (t) => {
    const mount = mountFilesystem(t, type);
    const { guarantees } = await probe(mount);
    const missing = guarantees.filter(({ holds }) => holds !== 'yes').map(({ name }) => name);
    assert.deepEqual(missing, type === 'tmpfs' ? ['what is acknowledged survives power loss'] : []);
  });
}

test('a quota that is used up (EDQUOT on btrfs) is told as a full disk, and leaves nothing', async (t) => {
  const mount = mountFilesystem(t, 'btrfs');
  execFileSync('btrfs', ['quota', 'enable', mount]);
  execFileSync('btrfs', ['subvolume', 'create', `${mount}/volume`], { stdio: 'ignore' });
  execFileSync('btrfs', ['qgroup', 'limit', '16M', `${mount}/volume`]);
  const chunk = new Uint8Array(1024 * 1024).fill(7);
  await assert.rejects(
    publishDirectory(`${mount}/volume/out`, async (stage) => {
      for (let file = 0; file < 64; file += 1) await stage.write(`${file}`, chunk);
    }),
    code('NO_SPACE'),
  );
  assert.deepEqual(readdirSync(`${mount}/volume`), []);
});

test('a target that is a mount point is refused, and nothing is left', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/elsewhere`);
  mkdirSync(`${root}/out`);
  execFileSync('mount', ['--bind', `${root}/elsewhere`, `${root}/out`]);
  try {
    for (const full of [false, true]) {
      if (full) writeFileSync(`${root}/elsewhere/file`, '');
      await assert.rejects(
        publishDirectory(`${root}/out`, (stage) => stage.write('a', '1'), { ifExists: 'replace' }),
        code('TARGET_IS_MOUNT'),
      );
      assert.deepEqual(readdirSync(root), ['elsewhere', 'out']);
    }
  } finally {
    execFileSync('umount', [`${root}/out`]);
  }
});

test('a salvage across a bind mount (EXDEV) is refused, and the orphan stays', async (t) => {
  const root = temporaryDirectory(t);
  for (const name of ['elsewhere', 'saved']) mkdirSync(`${root}/${name}`);
  execFileSync('mount', ['--bind', `${root}/elsewhere`, `${root}/saved`]);
  try {
    mkdirSync(`${root}/.out.staging-0123456789abcdef0123`);
    const [swept] = await sweepOrphans(root, { salvageTo: `${root}/saved` });
    assert.equal(swept?.action, 'left');
    assert.equal(swept.error?.code, 'CROSS_DEVICE');
    assert.equal((await listOrphans(root)).length, 1);
  } finally {
    execFileSync('umount', [`${root}/saved`]);
  }
});

test('a target that becomes a bind mount of the same filesystem meanwhile (EXDEV) is left as it is', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/elsewhere`);
  await publishDirectory(`${root}/out`, (stage) => stage.write('old', ''));
  try {
    await assert.rejects(
      publishDirectory(
        `${root}/out`,
        async (stage) => {
          await stage.write('new', '');
          execFileSync('mount', ['--bind', `${root}/elsewhere`, `${root}/out`]);
        },
        { ifExists: 'replace' },
      ),
      code('TARGET_IS_MOUNT'),
    );
    assert.deepEqual(readdirSync(`${root}/out`), []);
  } finally {
    execFileSync('umount', [`${root}/out`]);
  }
  assert.deepEqual(readdirSync(`${root}/out`), ['old']);
  assert.deepEqual(readdirSync(root), ['elsewhere', 'out']);
});

test('a read-only parent is refused before fill runs', async (t) => {
  const mount = mountFilesystem(t, 'tmpfs');
  execFileSync('mount', ['-o', 'remount,ro', mount]);
  let filled = false;
  await assert.rejects(
    publishDirectory(`${mount}/out`, () => {
      filled = true;
    }),
    code('DIRECTORY_NOT_WRITABLE'),
  );
  assert.equal(filled, false);
});

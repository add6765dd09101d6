/**
 * Whose a thing is, for a user to whom nothing on this disk belongs; with two real users:
 * two-users.root.ts.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { listOrphans, publishDirectory, sweepOrphans } from 'holdfast';
import { isOurs, isOurWork, isTrusted, nodeFileSystem, type FileStat, type Fs } from 'holdfast/os';
import { removeTooMany } from '#src/directory/previous.js';
import { stagedDirectoryName } from '#src/stage/staged-directory.js';
import { sweepTemporaryFiles } from '#src/stage/sweep.js';

const notOnWindows = {
  skip: process.platform === 'win32' ? 'Windows knows no such owners' : false,
};

/** A user who is neither root nor this one. */
const stranger: Fs = { ...nodeFileSystem, uid: (process.geteuid?.() ?? 0) + 1 };

const as = (uid: number): Fs => ({ ...nodeFileSystem, uid });
const thing = (uid: number, mode = 0o755): FileStat => ({ uid, mode }) as FileStat;

test(
  'what is ours is decided by the owner, where others may make names',
  notOnWindows,
  async (t) => {
    const path = temporaryDirectory(t);
    const group = { directory: thing(0, 0o775) };
    const sticky = { directory: thing(0, 0o1777) };
    const ofB = { directory: thing(1001) };
    const privately = { directory: thing(1000) };
    const rows = [
      [1000, 1000, group, true, true],
      [1000, 1001, group, false, false],
      [1000, 0, group, false, false],
      [1000, 1001, sticky, false, false],
      [1000, 1001, ofB, false, false],
      [1000, 0, privately, true, true],
      [0, 1001, group, false, false],
      [0, 1001, ofB, false, true],
      [0, 1001, { directory: thing(0) }, true, true],
      [0, 1001, { ...group, target: thing(1001) }, true, true],
      [1000, 1001, { ...group, target: thing(1001) }, false, false],
    ] as const;
    for (const [self, owner, where, work, ours] of rows) {
      const found = [
        await isOurWork(as(self), path, thing(owner), where),
        await isOurs(as(self), path, thing(owner), where),
      ];
      assert.deepEqual(found, [work, ours], JSON.stringify([self, owner, where]));
    }
    assert.equal(await isTrusted(as(1000), path, thing(0)), true);
    assert.equal(await isTrusted(as(1000), path, thing(1001)), false);
    assert.equal(await isTrusted(as(0), path, thing(1001)), false);
  },
);

test('nothing of another user is swept, resumed, numbered or filled', notOnWindows, async (t) => {
  const root = temporaryDirectory(t);
  chmodSync(root, 0o775);
  const stage = join(root, stagedDirectoryName('dist'));
  mkdirSync(stage);
  const temporary = join(root, `.holdfast-${'0'.repeat(20)}.tmp`);
  writeFileSync(temporary, '');
  for (const { owner } of await listOrphans(root, { fs: stranger })) assert.equal(owner, 'unknown');
  assert.equal((await listOrphans(root, { fs: stranger })).length, 2);
  await sweepOrphans(root, { fs: stranger });
  assert.deepEqual(await sweepTemporaryFiles(stranger, root), []);
  assert.ok(existsSync(stage) && existsSync(temporary));
  for (const resume of [true, false]) {
    const publish = publishDirectory(join(root, 'dist'), () => undefined, { fs: stranger, resume });
    await assert.rejects(publish, { code: 'NAME_TAKEN' });
  }
  for (const number of [1, 2, 3]) mkdirSync(join(root, `dist.previous-${number}`));
  const parent = await nodeFileSystem.openDirectory(root);
  await removeTooMany(stranger, { parent, name: 'dist' }, 1);
  assert.ok(existsSync(join(root, 'dist.previous-1')));
  await removeTooMany(nodeFileSystem, { parent, name: 'dist' }, 1);
  assert.ok(!existsSync(join(root, 'dist.previous-1')));
  await parent.close();
  assert.equal((await sweepOrphans(root)).length >= 2, true);
  assert.ok(!existsSync(stage) && !existsSync(temporary));
});

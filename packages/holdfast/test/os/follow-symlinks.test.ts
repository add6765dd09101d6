/**
 * Whose symlinks are followed, by the kernel's rule for directories in which everybody may make
 * names.
 */
import assert from 'node:assert/strict';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError, replaceFile } from 'holdfast';
import { nodeFileSystem, type Fs } from 'holdfast/os';

const [ME, STRANGER, OWNER] = [1001, 1002, 1003];

/** The filesystem as it looks to a user, with a directory and a link in it that are somebody's. */
function seenBy(user: number, directory: { mode: number; uid: number }, linkUid: number): Fs {
  return {
    ...nodeFileSystem,
    uid: user,
    stat: async (path) => {
      const stat = await nodeFileSystem.stat(path);
      return stat.kind === 'directory' ? { ...stat, ...directory } : stat;
    },
    lstat: async (path) => {
      const stat = await nodeFileSystem.lstat(path);
      return stat.kind === 'symlink' ? { ...stat, uid: linkUid } : stat;
    },
  };
}

const cases = [
  ["a stranger's symlink in a sticky directory for all", 0o1777, STRANGER, false],
  ["one's own symlink there", 0o1777, ME, true],
  ["the directory owner's symlink there", 0o1777, OWNER, true],
  ["a stranger's symlink in a sticky directory of a group", 0o1775, STRANGER, true],
  ["a stranger's symlink in a directory for all that is not sticky", 0o777, STRANGER, true],
] as const;

for (const [what, mode, linkUid, isFollowed] of cases) {
  test(`${what} is ${isFollowed ? 'followed' : 'not followed'}`, async (t) => {
    const root = temporaryDirectory(t);
    writeFileSync(`${root}/mine`, 'mine');
    symlinkSync('mine', `${root}/link`);
    const fs = seenBy(ME, { mode, uid: OWNER }, linkUid);
    const written = await replaceFile(`${root}/link`, 'new', { fs }).then(
      () => true,
      (error: unknown) => {
        assert.ok(isHoldfastError(error, 'UNSUPPORTED_TARGET'), String(error));
        assert.match(error.message, new RegExp(`another user \\(${STRANGER}\\)`));
        return false;
      },
    );
    assert.equal(written, isFollowed);
    assert.equal(readFileSync(`${root}/mine`, 'utf8'), isFollowed ? 'new' : 'mine');
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KernelLock } from '#src/lock/kernel-lock.js';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { nodeFileSystem, type Fs } from 'holdfast/os';

test('one that is not first in line does not so much as try a lock that is free', async (t) => {
  const path = `${temporaryDirectory(t)}/a.lock`;
  let tries = 0;
  const counting: Fs = {
    ...nodeFileSystem,
    async open(name, flags, mode) {
      const file = await nodeFileSystem.open(name, flags, mode);
      const tryLock = file.tryLock.bind(file);
      file.tryLock = (lockMode) => {
        tries += 1;
        return tryLock(lockMode);
      };
      return file;
    },
  };
  const holder = await KernelLock.open(nodeFileSystem, path);
  const first = await KernelLock.open(nodeFileSystem, path);
  const second = await KernelLock.open(counting, path);
  t.after(() => Promise.all([first.release(), second.release()]));
  assert.equal(await holder.tryTake('exclusive', 'waits'), 'taken');
  assert.equal(await first.tryTake('exclusive', 'waits'), 'held');
  await holder.release();
  assert.equal(await second.tryTake('exclusive', 'waits'), 'notOurTurn');
  assert.equal(tries, 0);
  assert.equal(await first.tryTake('exclusive', 'waits'), 'taken');
});
